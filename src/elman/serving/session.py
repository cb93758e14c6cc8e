"""One conversation with a page: its text, and a track of every model along it. No sockets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import final

import numpy as np

from elman.decoding.sampling import Sampling
from elman.runtime import TextModel
from elman.runtime.stream import RECENT
from elman.serving.protocol import Columns, Cut, Edit, Models, Refused, Reply, Request, Write, Wrote
from elman.serving.track import Track

#: Characters that a text may have; what a model is like after each of them is kept.
LIMIT = 4096

#: Characters that one call of `Session.advance` reads at most: few, so that a new message need not wait for long.
PIECE = 8


@final
class Session:
    """Answers a page. What takes time waits for `advance`, so that a newer message can make it void.

    Args:
        models: Name -> model, in the order of the page. The first of them writes.
        rng: Where the writing draws from.

    >>> session = Session({"book": Bundle.read("runs/book").model})  # doctest: +SKIP
    >>> session.receive(Edit(turn=1, keep=0, add="The "))  # doctest: +SKIP
    []
    >>> while session.behind:  # doctest: +SKIP
    ...     session.advance()
    [Columns(model=0, first=0, columns=[...])]
    """

    def __init__(self, models: Mapping[str, TextModel], rng: np.random.Generator | None = None) -> None:
        self._names = list(models)
        self._tracks = [Track(model) for model in models.values()]
        self._rng = rng or np.random.default_rng()
        self._text = ""
        self._write: Write | None = None

    def greet(self) -> Models:
        """What a page is told first."""
        cards = [track.card(name) for name, track in zip(self._names, self._tracks, strict=True)]
        return Models(cards, LIMIT)

    @property
    def behind(self) -> bool:
        """Whether there is something to do for `advance`."""
        return self._write is not None or any(track.place < len(self._text) for track in self._tracks)

    def receive(self, request: Request) -> list[Reply]:
        """Take a message, and return what is to be said at once."""
        match request:
            case Edit():
                return self._edit(request)
            case Write():
                self._write = request
                return []

    def advance(self) -> list[Reply]:
        """Do a little of what is to be done, and return what is to be said of it."""
        late = min(range(len(self._tracks)), key=lambda number: self._tracks[number].place)
        track = self._tracks[late]
        if track.place < len(self._text):
            first = track.symbols
            columns = track.read(self._text[track.place : track.place + PIECE])
            return [Columns(late, first, columns)] if columns else []
        write, self._write = self._write, None
        return [] if write is None else [self._add_a_piece(write)]

    def _edit(self, edit: Edit) -> list[Reply]:
        text = self._text[: edit.keep] + edit.add
        if edit.keep > len(self._text):
            return [Refused(edit.turn, f"The text has {len(self._text)} characters, there are no {edit.keep} to keep.")]
        if len(text) > LIMIT:
            return [_full(edit.turn)]
        self._text, self._write = text, None
        cuts: list[Reply] = []
        for number, track in enumerate(self._tracks):
            before = track.symbols
            track.back(min(edit.keep, track.place))
            if track.symbols < before:
                cuts.append(Cut(number, track.symbols))
        return cuts

    def _add_a_piece(self, write: Write) -> Reply:
        """Text of the first model, as short as can be: a symbol, or as many as make a character."""
        written = self._tracks[0].stream().generate(RECENT, Sampling(write.temperature), self._rng)
        piece = next(written)
        if len(self._text) + len(piece) > LIMIT:
            return _full(write.turn)
        self._text += piece
        return Wrote(write.turn, piece)


def _full(turn: int) -> Refused:
    return Refused(turn, f"The text is full: {LIMIT:,} characters. Take some of it away, or clear it.")
