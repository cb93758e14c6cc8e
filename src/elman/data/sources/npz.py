"""NumPy archives: ``X_train, y_train, X_test, y_test``, ``X, y``, or an array for each sequence."""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from elman.codecs.raw import Series
from elman.data.examples import Answer, Examples, Target
from elman.data.sources.columns import class_name
from elman.data.sources.files import PART_NAMES, Files, SourceFile
from elman.data.sources.items import Item, named_by_table, tables_of
from elman.data.sources.names import nothing_told
from elman.data.sources.wide_tables import shape_of
from elman.errors import DataError

if TYPE_CHECKING:
    from elman.settings import DataSettings

_INPUTS = ("x", "data", "inputs", "input", "sequences", "series", "values", "signals", "features")
_ANSWERS = ("y", "labels", "label", "targets", "target", "classes", "class")
_LENGTHS = ("lengths", "length", "n", "seq_len")
_GROUPS = ("groups", "group", "subjects", "subject", "speakers", "speaker")
_ROLES = dict.fromkeys(_INPUTS, "X") | dict.fromkeys(_ANSWERS, "y") | dict.fromkeys(_LENGTHS, "lengths")
_ROLES |= dict.fromkeys(_GROUPS, "groups")


def read(files: Files, data: DataSettings, answer: Answer | None) -> Examples | None:
    """Examples of NumPy's files, or None where the files are of other kinds."""
    if data.kind not in ("auto", "series"):
        return None
    if answer == "text":
        found = _with_manifest(files, data)
        if found is not None:
            return found
    if not files.all_of(".npz", ".npy"):
        return None
    arrays = {name: array for file in files for name, array in _arrays(file)}
    blocks = _blocks(arrays)
    if not any("X" in block for block in blocks.values()):
        return _one_array_each(files, arrays, answer)
    inputs: list[Series] = []
    targets: list[Target] = []
    parts: list[str] = []
    names: list[str] = []
    groups: list[str] = []
    for part, block in blocks.items():
        place = f"{files.asked}, {block.get('name', 'X')}"
        if "X" not in block:
            raise DataError(f"{files.asked}: has answers for '{part}' but no X_{part}; it holds {', '.join(arrays)}.")
        series = _cases(place, block["X"], block.get("lengths"))
        inputs += series
        parts += [part or "train"] * len(series)
        names += [f"{place}[{number}]" for number in range(len(series))]
        groups += [class_name(group) for group in block.get("groups", ())]
        if answer is not None:
            targets += _answers(files.asked, part, block, series, answer)
    return Examples(
        "series",
        inputs,
        targets if answer is not None else None,
        names,
        groups=groups if len(groups) == len(inputs) else None,
        parts=parts if len(set(parts)) > 1 else None,
        outputs=_outputs(targets) if answer == "numbers" else (),
        notes=(f"{len(inputs)} series, {shape_of(inputs)}: arrays are (cases, time, channels).", *_turned(inputs)),
        guessed={"kind": "series"},
    )


def array_items(files: Files) -> list[Item]:
    """An item for each array (time, channels) of ``.npz`` files, called as it is there, and for each ``.npy`` file."""
    items = []
    for file in files:
        for name, array in _arrays(file):
            if array.ndim in (1, 2) and array.dtype.kind in "fiu":
                path = file.path.with_suffix("") if file.suffix == ".npy" else PurePosixPath(name)
                items.append(Item(path, lambda array=array: _series(array), file.part))  # type: ignore[misc]
    return items


def _series(array: NDArray[Any]) -> Series:
    return Series(array.astype(np.float64).reshape(len(array), -1))


def _with_manifest(files: Files, data: DataSettings) -> Examples | None:
    """Arrays that a table names, with the text that it tells of each; None without such a table."""
    arrays = files.of(".npz", ".npy")
    table = tables_of(files, (".npz", ".npy"), data, likely=True) if 0 < len(arrays) < len(files) else None
    if table is None:
        return None
    return named_by_table("series", table, array_items(arrays), lambda path: None, data, "text")


def _turned(series: Sequence[Series]) -> list[str]:
    """A hint where there are more channels than steps."""
    steps, channels = series[0].values.shape
    if channels <= steps:
        return []
    return [
        f"{channels} channels are many for {steps} steps: if the arrays are (cases, channels, time), turn them round."
    ]


def _arrays(file: SourceFile) -> Iterator[tuple[str, NDArray[Any]]]:
    try:
        loaded = np.load(io.BytesIO(file.content()), allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            yield file.path.stem, loaded
            return
        yield from ((name, loaded[name]) for name in loaded.files)
    except (ValueError, OSError, EOFError, NotImplementedError, zipfile.BadZipFile, zlib.error) as error:
        if "allow_pickle" in str(error):
            raise DataError(
                f"{file.name}: holds pickled objects, which are not loaded, since they can run code. Sequences of"
                " different lengths: pad them with NaN, or save each as an array of its own."
            ) from None
        raise DataError(f"{file.name}: is not a whole NumPy file ({error}).") from None


def _blocks(arrays: dict[str, NDArray[Any]]) -> dict[str, dict[str, Any]]:
    """X, y, lengths and groups of each part, by the names of the arrays."""
    blocks: dict[str, dict[str, Any]] = {}
    for name, array in arrays.items():
        words = [word for word in re.split(r"[^A-Za-z]+", re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()) if word]
        part = next((PART_NAMES[word] for word in words if word in PART_NAMES), "")
        rest = [word for word in words if word not in PART_NAMES]
        role = _ROLES.get(rest[0]) if len(rest) == 1 else None
        if role is not None:
            block = blocks.setdefault(part, {})
            if role == "X":
                block["name"] = name
            block[role] = array
    return blocks


def _cases(place: str, cases: NDArray[Any], lengths: NDArray[Any] | None) -> list[Series]:
    """(cases, time, channels) or (cases, time) as series without the padding at their ends."""
    if cases.ndim not in (2, 3) or cases.dtype.kind not in "fiub":
        raise DataError(
            f"{place}: expected numbers of the shape (cases, time, channels) or (cases, time), found {cases.dtype}"
            f" of the shape {cases.shape}."
        )
    block = cases.astype(np.float64).reshape(*cases.shape[:2], -1)
    if lengths is None:
        known = np.logical_not(np.isnan(block).all(axis=2))
        lengths = block.shape[1] - np.argmax(known[:, ::-1], axis=1)
        lengths = np.where(known.any(axis=1), lengths, 0)
    for number, length in enumerate(lengths):
        if not 0 < length <= block.shape[1]:
            raise DataError(f"{place}[{number}]: expected 1 to {block.shape[1]} steps, found {length}. Take it out.")
    return [Series(case[: int(length)]) for case, length in zip(block, lengths, strict=True)]


def _answers(asked: str, part: str, block: dict[str, Any], series: list[Series], answer: Answer) -> list[Target]:
    y = block.get("y")
    if y is None or len(y) != len(series):
        found = "none" if y is None else f"{len(y)} of them"
        name = f"y_{part}" if part else "y"
        raise DataError(f"{asked}: expected {len(series)} answers in an array such as {name}, found {found}.")
    if answer == "numbers":
        if y.dtype.kind not in "fiub":
            raise DataError(f"{asked}: expected numbers to learn in y, found {y.dtype}. For classes: train classify.")
        return list(y.reshape(len(y), -1).astype(np.float64))
    if answer == "text":
        if y.dtype.kind != "U" or not all(y.reshape(len(y)).tolist()):
            raise DataError(f"{asked}: expected a text for each sequence in y, found {y.dtype}, or an empty one.")
        return [str(text).strip() for text in y.reshape(len(y))]
    if answer == "tags":
        if y.ndim != 2:
            raise DataError(f"{asked}: expected a tag for each step, (cases, time), found the shape {y.shape}.")
        return [tuple(map(class_name, row[: len(one.values)])) for row, one in zip(y, series, strict=True)]
    if y.ndim == 2 and y.shape[1] > 1:
        return [frozenset(str(place) for place in np.flatnonzero(row)) for row in y]
    if y.dtype.kind == "f" and np.any(y % 1):
        raise DataError(
            f"{asked}: expected classes in y, found fractions such as {y[y % 1 != 0][0]}. For numbers: train regress."
        )
    names = [class_name(label.item()) for label in y.reshape(len(y))]
    return [frozenset([name]) for name in names] if answer == "classes" else list(names)


def _outputs(targets: Sequence[Target]) -> tuple[str, ...]:
    first = targets[0]
    count = len(first) if isinstance(first, np.ndarray) else 1
    return ("y",) if count == 1 else tuple(f"y{number}" for number in range(count))


def _one_array_each(files: Files, arrays: dict[str, NDArray[Any]], answer: Answer | None) -> Examples:
    """Arrays called ``train/walking_1`` or ``walking_1``: the class is the name without its number."""
    fitting = {name: array for name, array in arrays.items() if array.ndim in (1, 2) and array.dtype.kind in "fiu"}
    classes = [re.sub(r"[\W_]*\d+$", "", re.split(r"[/\\]", name)[-1]) for name in fitting]
    if len(fitting) < len(arrays) or not fitting:
        raise DataError(
            f"{files.asked}: expected arrays called X_train and y_train, or X and y, or a (time, channels) array for"
            f" each sequence, found {', '.join(f'{name} {array.shape}' for name, array in list(arrays.items())[:6])}."
        )
    if answer in ("tags", "numbers", "text"):
        raise DataError(f"{files.asked}: has one array a sequence, whose names tell classes, but no {answer} to learn.")
    if answer is not None and not 2 <= len(set(classes)) <= len(classes) / 2:
        raise nothing_told(files.asked, "arrays", [])
    parts = [
        next((PART_NAMES[w.lower()] for w in re.split(r"[/\\]", name) if w.lower() in PART_NAMES), "train")
        for name in fitting
    ]
    shown = ", ".join(sorted(set(classes))[:6])
    return Examples(
        "series",
        [_series(array) for array in fitting.values()],
        None if answer is None else [frozenset([c]) if answer == "classes" else c for c in classes],
        [f"{files.asked}, {name}" for name in fitting],
        parts=parts if len(set(parts)) > 1 else None,
        notes=(f"Each array is a series, its class the name without the number: {shown}.",),
        guessed={"kind": "series"},
    )
