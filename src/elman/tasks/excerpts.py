"""A sequence in one line, for tables of mistakes: text and words themselves, of all else what it is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from elman.codecs.raw import Frames, Ink, Picture, Raw, Recording, Series

#: Characters of an input that are shown.
EXCERPT = 160


def excerpt(raw: Raw, step: int | None = None) -> str:
    """A sequence in a line: text and words themselves, around ``step`` where one is given, of others what they are.

    >>> excerpt(("fly", "to", "Boston"), 2)
    'fly to [Boston]'
    """
    match raw:
        case str():
            return _around(list(raw), step, "")
        case tuple():
            return _around([str(word) for word in raw], step, " ")
        case Recording():
            return f"{len(raw.samples) / raw.rate:.2f} s of sound"
        case Series():
            return f"{len(raw.values)} steps of {raw.values.shape[1]} channels"
        case Ink():
            return f"{len(raw.strokes)} strokes, {sum(map(len, raw.strokes))} points"
        case Frames():
            return f"{len(raw.pixels)} frames of {raw.pixels.shape[1]} x {raw.pixels.shape[2]}"
        case Picture():
            return f"a picture of {raw.pixels.shape[0]} x {raw.pixels.shape[1]}"
    return ""


def _around(pieces: list[str], step: int | None, between: str) -> str:
    if step is not None:
        pieces[step] = f"[{pieces[step]}]"
        kept = list(_nearest(pieces, step))
        return between.join(kept).replace("\n", " ")
    text = between.join(pieces).replace("\n", " ")
    return text if len(text) <= EXCERPT else text[:EXCERPT].rstrip() + " ..."


def _nearest(pieces: Sequence[str], step: int) -> Iterator[str]:
    """As many pieces around ``step`` as fit."""
    first, after, room = step, step + 1, EXCERPT - len(pieces[step])
    while room > 0 and (first > 0 or after < len(pieces)):
        if first > 0:
            first, room = first - 1, room - len(pieces[first - 1]) - 1
        if after < len(pieces):
            after, room = after + 1, room - len(pieces[after]) - 1
    yield from pieces[first:after]
