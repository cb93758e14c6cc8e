"""Sequences that are in memory already: lists of texts, of words, of arrays, or one padded array."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elman.codecs.raw import Frames, Ink, Picture, Raw, Recording, Series
from elman.data.examples import Answer, Examples, Kind, Target
from elman.errors import ArrayError

_KIND_OF: dict[type, Kind] = {str: "text", tuple: "words", Recording: "audio", Series: "series", Ink: "ink"}
_KIND_OF |= {Frames: "frames", Picture: "images"}


def from_arrays(
    inputs: Any,
    targets: Any = None,
    *,
    answer: Answer | None = None,
    lengths: Any = None,
    kind: str = "auto",
) -> Examples:
    """Make `Examples` of what is in memory.

    Args:
        inputs: n sequences: a list of texts, of lists of words, of arrays (time,) or (time, channels), or of the
            classes of `elman.codecs.raw`; or one array, (n, time) of one channel, (n, time, channels), or (n, time,
            height, width, channels) of pixels, uint8. Data frames are taken as (n, time).
        targets: What is to be learnt of each; None where it is not known.
        answer: What the targets are; for ``classes`` sets of labels or an array of 0 and 1, (n, labels); for
            ``text`` texts, or tuples of texts that are all right.
        lengths: Valid steps of each row of one padded array, (n,).
        kind: What the sequences are, where it cannot be seen: ``dna`` for texts that are DNA.

    Raises:
        ArrayError: A sequence or a target is of another form than the others, or none that is known.

    >>> from_arrays(["a fine film", "a dull one"], ["good", "bad"], answer="class").kind
    'text'
    >>> from_arrays(np.zeros((3, 5)), answer="class").inputs[0].values.shape
    (5, 1)
    """
    rows = _rows(inputs, lengths)
    found = [_raw(row, number) for number, row in enumerate(rows)]
    if not found:
        raise ArrayError("Expected sequences, found none: 0 sample(s).")
    kinds = {_KIND_OF.get(type(raw)) for raw in found}
    if len(kinds) > 1 or None in kinds:
        names = ", ".join(sorted({type(raw).__name__ for raw in found}))
        raise ArrayError(f"Expected sequences of one kind, found {names}.")
    (seen,) = kinds
    chosen: Any = "dna" if kind == "dna" and seen == "text" else seen
    return Examples(
        kind=chosen,
        inputs=found,
        targets=None if targets is None or answer is None else targets_of(targets, answer, len(found)),
        names=[f"sequence {number}" for number in range(len(found))],
        answer="text" if answer == "text" else None,
    )


def targets_of(targets: Any, answer: Answer, rows: int) -> list[Target]:
    """Targets of any form in the form of `Examples`. Raises `ArrayError` where they do not fit ``rows`` sequences."""
    given = targets.tolist() if hasattr(targets, "tolist") else list(targets)
    if len(given) != rows:
        raise ArrayError(f"{rows} sequences need as many targets, found {len(given)}.")
    if answer == "class":
        return [label_of(target) for target in given]
    if answer == "numbers":
        return [np.atleast_1d(np.asarray(target, np.float64)) for target in given]
    if answer == "text":
        return [target if isinstance(target, str) else tuple(map(str, target)) for target in given]
    if answer == "tags":
        return [tuple(label_of(tag) for tag in target) for target in given]
    if hasattr(targets, "shape"):  # 0 and 1 for each label
        return [frozenset(str(number) for number, belongs in enumerate(row) if belongs) for row in given]
    return [frozenset(label_of(label) for label in target) for target in given]


def label_of(target: Any) -> str:
    """A label as text: 1.0 and 1 are the same label.

    >>> label_of(1.0), label_of(np.int64(1)), label_of("a")
    ('1', '1', 'a')
    """
    if isinstance(target, float) and target.is_integer():
        return str(int(target))
    return str(target)


def _rows(inputs: Any, lengths: Any) -> Iterable[Any]:
    if hasattr(inputs, "to_numpy"):  # a data frame
        inputs = inputs.to_numpy()
    if isinstance(inputs, (str, bytes)) or not isinstance(inputs, (Sequence, np.ndarray)):
        raise ArrayError(f"Expected a list of sequences or an array, found {type(inputs).__name__}.")
    if lengths is None:
        return inputs
    if not isinstance(inputs, np.ndarray) or len(lengths) != len(inputs):
        raise ArrayError(f"lengths belong to one padded array, a length for each of its {len(inputs)} rows.")
    return [row[: int(length)] for row, length in zip(inputs, lengths, strict=True)]


def _raw(row: Any, number: int) -> Raw:
    """One sequence as `elman.codecs.raw` has it."""
    if isinstance(row, (Recording, Series, Ink, Frames, Picture)):
        return row
    if isinstance(row, str):
        return str(row)
    if isinstance(row, (list, tuple)) and row and all(isinstance(word, str) for word in row):
        return tuple(row)
    try:
        values = np.asarray(row)
        if values.dtype == np.uint8 and values.ndim == 4:
            return Frames(values)
        if values.dtype == np.uint8 and values.ndim == 3 and values.shape[2] in (1, 3):
            return Picture(values)
        values = np.asarray(row, np.float64)
    except (TypeError, ValueError) as error:
        raise ArrayError(
            f"Sequence {number}: expected a text, words or numbers, found {row!r:.60} ({error})."
        ) from None
    if values.ndim not in (1, 2):
        raise ArrayError(
            f"Sequence {number}: expected (time,) or (time, channels), found the shape {values.shape}. Reshape your "
            "data: give a list of sequences, or one array with a row for each sequence."
        )
    if np.isinf(values).any():
        raise ArrayError(f"Sequence {number}: holds an infinite number (inf). Leave it out or write NaN for a gap.")
    return Series(_channels(values))


def _channels(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return values[:, None] if values.ndim == 1 else values
