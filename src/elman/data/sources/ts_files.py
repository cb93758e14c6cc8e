"""The ``.ts`` files of the UEA and UCR archives: a header of ``@`` lines, then a case on each line.

The channels of a case, and at the end its class, are separated by colons, the steps of a channel by commas; ``?`` and
``NaN`` are missing. With ``@timeStamps true`` a step is ``(time,value)``. Specification: Löning et al. (2019), sktime.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, final

import numpy as np
from numpy.typing import NDArray

from elman.codecs.raw import Series
from elman.data.examples import Answer, Examples, Target
from elman.data.sources.files import Files, SourceFile, parts_of
from elman.data.sources.long_tables import moments
from elman.data.sources.wide_tables import shape_of
from elman.errors import DataError

if TYPE_CHECKING:
    from elman.settings import DataSettings


@final
@dataclass
class _Header:
    stamps: bool = False
    classes: list[str] = field(default_factory=list)
    has_class: bool = False
    has_number: bool = False
    dimensions: int | None = None


def read(files: Files, data: DataSettings, answer: Answer | None) -> Examples | None:
    """Examples of ``.ts`` files, or None where the files are of other kinds."""
    if data.kind not in ("auto", "series") or not files.all_of(".ts"):
        return None
    files.one_set()
    inputs: list[Series] = []
    targets: list[Target] = []
    names: list[str] = []
    rows: list[SourceFile] = []
    for file in files:
        header, cases = _parse(file, data.encoding)
        if answer is not None:
            _fits(file, header, answer)
        for line, content in cases:
            place = f"{file.name}, row {line}"
            channels, last = _fields(place, content, header)
            inputs.append(_series(place, channels, header))
            names.append(place)
            rows.append(file)
            if answer is not None:
                targets.append(_target(place, last, header, answer))
    widths = sorted({one.values.shape[1] for one in inputs})
    if len(widths) > 1:
        odd = next(n for n, one in enumerate(inputs) if one.values.shape[1] != inputs[0].values.shape[1])
        raise DataError(
            f"{names[odd]}: expected {inputs[0].values.shape[1]} channels, as in the first case, found"
            f" {inputs[odd].values.shape[1]}. Channels are separated by colons."
        )
    return Examples(
        "series",
        inputs,
        targets if answer is not None else None,
        names,
        parts=parts_of(rows),
        outputs=("y",) if answer == "numbers" else (),
        notes=(f"{len(inputs)} series, {shape_of(inputs)}.",),
        guessed={"kind": "series"},
    )


def _parse(file: SourceFile, encoding: str) -> tuple[_Header, list[tuple[int, str]]]:
    header = _Header()
    lines = file.text(encoding).split("\n")
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if text.lower() == "@data":
            cases = [(n, case.strip()) for n, case in enumerate(lines[number:], number + 1) if case.strip()]
            cases = [(n, case) for n, case in cases if not case.startswith("#")]
            if not cases:
                raise DataError(f"{file.name}: holds no cases below @data.")
            return header, cases
        if not text or text.startswith("#"):
            continue
        if not text.startswith("@"):
            raise DataError(f"{file.name}, row {number}: expected a line that begins with @ or #, found '{text[:40]}'.")
        _tell(header, text.split())
    raise DataError(f"{file.name}: has no line @data, below which the cases stand.")


def _tell(header: _Header, words: list[str]) -> None:
    key, values = words[0].lower(), words[1:]
    yes = bool(values) and values[0].lower() == "true"
    if key == "@timestamps":
        header.stamps = yes
    elif key == "@classlabel":
        header.has_class, header.classes = yes, values[1:]
    elif key == "@targetlabel":
        header.has_number = yes
    elif key in ("@dimensions", "@dimension") and values and values[0].isdigit():
        header.dimensions = int(values[0])


def _fits(file: SourceFile, header: _Header, answer: Answer) -> None:
    if answer == "tags":
        raise DataError(f"{file.name}: a .ts file has one class or number for a case, no tags for its steps.")
    if answer == "numbers" and not header.has_number and header.has_class:
        if not all(_number(label) is not None for label in header.classes):
            raise DataError(
                f"{file.name}: holds classes ({', '.join(header.classes[:5])}), no numbers. Use train classify."
            )
    elif answer != "numbers" and not header.has_class:
        raise DataError(
            f"{file.name}: says '@classLabel false', so there is no class to learn."
            + (" It has numbers: use train regress." if header.has_number else "")
        )


def _fields(place: str, content: str, header: _Header) -> tuple[list[str], str]:
    """The channels of a case, and what stands after the last colon."""
    if header.stamps:
        content = re.sub(r"\(([^)]*)\)", lambda match: "(" + match[1].replace(":", "\0") + ")", content)
    fields = content.split(":")
    labelled = header.has_class or header.has_number
    if labelled and header.dimensions is not None and len(fields) == header.dimensions:
        labelled = False  # without its answer, as in files to predict
    if labelled and len(fields) < 2:
        raise DataError(f"{place}: expected the series, a colon and the answer, found no colon.")
    return (fields[:-1], fields[-1].strip()) if labelled else (fields, "")


def _series(place: str, channels: list[str], header: _Header) -> Series:
    if header.stamps:
        return _stamped(place, channels)
    values = [_numbers(place, channel.split(",")) for channel in channels]
    longest = max(map(len, values))
    block = np.full((longest, len(values)), np.nan)
    for number, channel in enumerate(values):
        block[: len(channel), number] = channel
    known = np.flatnonzero(~np.isnan(block).all(axis=1))
    if not len(known):
        raise DataError(f"{place}: holds no numbers. Take the case out.")
    return Series(block[: known[-1] + 1])


def _numbers(place: str, cells: list[str]) -> NDArray[np.float64]:
    try:
        return np.array(cells, dtype=np.float64)
    except ValueError:
        pass
    values = np.empty(len(cells))
    for step, cell in enumerate(cells):
        number = np.nan if cell.strip() in ("?", "") else _number(cell)
        if number is None:
            raise DataError(f"{place}: expected a number at step {step + 1}, found '{cell.strip()[:40]}'.")
        values[step] = number
    return values


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _stamped(place: str, channels: list[str]) -> Series:
    """Channels of ``(time,value)``; where one has no value at a time of another, it is missing."""
    pairs: list[tuple[list[str], NDArray[np.float64]]] = []
    for channel in channels:
        steps = re.findall(r"\(([^,()]*),([^()]*)\)", channel.replace("\0", ":"))
        if not steps:
            raise DataError(f"{place}: expected steps as (time,value), found '{channel[:40]}'.")
        pairs.append(([time for time, _ in steps], _numbers(place, [value for _, value in steps])))
    times = moments([time for stamps, _ in pairs for time in stamps])
    if times is None or np.isnan(times).any():
        raise DataError(f"{place}: expected numbers or dates as times, found some that are neither, or empty.")
    stamps_in_order, where = np.unique(times, return_inverse=True)
    block = np.full((len(stamps_in_order), len(pairs)), np.nan)
    start = 0
    for number, (stamps, values) in enumerate(pairs):
        block[where[start : start + len(stamps)], number] = values
        start += len(stamps)
    return Series(block, stamps_in_order)


def _target(place: str, label: str, header: _Header, answer: Answer) -> Target:
    if not label:
        raise DataError(f"{place}: expected an answer after the last colon, found none.")
    if answer == "numbers":
        number = _number(label)
        if number is None:
            raise DataError(f"{place}: expected a number after the last colon, found '{label[:40]}'.")
        return np.array([number])
    if header.classes and label not in header.classes:
        raise DataError(
            f"{place}: the class '{label[:40]}' is none of those that the header names: {', '.join(header.classes)}."
        )
    return frozenset([label]) if answer == "classes" else label
