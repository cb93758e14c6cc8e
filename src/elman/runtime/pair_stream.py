"""`PairStream`: text comes in bit by bit, and with the end of every line its target comes out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

from elman.runtime.pair_model import GREEDY, PairModel, Translation, Writing


@final
class PairStream:
    """A live session: what it writes does not depend on how the text was cut into chunks.

    A network that looks at the whole of a source cannot begin before it has all of it: each line is a source. Lines
    without a symbol have the empty target.

    Args:
        model: What writes.
        writing: How the best target is looked for.
        beside: Other models that write along, as one.

    Attributes:
        held: The beginning of a line that may go on.
    """

    def __init__(self, model: PairModel, writing: Writing = GREEDY, beside: Sequence[PairModel] = ()) -> None:
        self._model, self._writing, self._beside = model, writing, tuple(beside)
        self.held = ""

    def push(self, chunk: str) -> list[list[Translation]]:
        """The targets of the lines that are whole now, the best one of each first."""
        *lines, self.held = (self.held + chunk).split("\n")
        return self._written(lines)

    def flush(self) -> list[list[Translation]]:
        """The targets of what was held: the text has ended."""
        line, self.held = self.held, ""
        return self._written([line] if line else [])

    def reset(self) -> None:
        """Forget the line that has begun."""
        self.held = ""

    def fork(self) -> PairStream:
        """An independent session that has read the same."""
        other = PairStream(self._model, self._writing, self._beside)
        other.held = self.held
        return other

    def _written(self, lines: Sequence[str]) -> list[list[Translation]]:
        return list(self._model.translate(lines, self._writing, beside=self._beside))
