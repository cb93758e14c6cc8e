"""Text that arrives, or is produced, bit by bit: `TextEncoder` and the decoders of the text codecs.

The chunking law: whatever the cuts, what ``push`` gives for the parts, with ``flush``, is what the codec
gives for the whole. All of them are small values: copy.copy(encoder) is an independent fork.
"""

from __future__ import annotations

import codecs
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Generic, TypeVar, final

import numpy as np
from numpy.typing import NDArray

from elman.errors import DataError

if TYPE_CHECKING:
    from elman.codecs.text import TextCodec

Ids = NDArray[np.int64]
Symbol = TypeVar("Symbol", str, bytes)

LINE_END = "<eos>"


@final
class TextEncoder:
    """Encodes text that arrives in chunks; ``held`` is the text that waits for more."""

    def __init__(self, codec: TextCodec) -> None:
        self.codec = codec
        self.held = ""

    @property
    def lookahead(self) -> int | None:
        """Characters held back; None where no fixed number is enough."""
        return self.codec.lookahead

    def push(self, chunk: str) -> Ids:
        """Return the ids that are certain now, shape (symbols,)."""
        text = self.held + chunk
        cut = self.codec.settled(text)
        self.held = text[cut:]
        return self.codec.encode(text[:cut])

    def flush(self) -> Ids:
        """Return the ids of what was held back: the text has ended."""
        text, self.held = self.held, ""
        return self.codec.encode(text)


class TextDecoder(ABC, Generic[Symbol]):
    """Decodes ids that arrive bit by bit. To continue a text, push its ids first and drop what comes out.

    ``table`` holds what each id stands for.
    """

    def __init__(self, table: Sequence[Symbol]) -> None:
        self.table: Sequence[Symbol] = table

    def push(self, ids: Sequence[int] | Ids) -> str:
        """Return the text that is certain now: never a part of a character. Raises `DataError` on no such id."""
        array: Ids = np.asarray(ids, dtype=np.int64).reshape(-1)
        if array.size and (array.min() < 0 or array.max() >= len(self.table)):
            raise DataError(f"symbol ids must be 0 to {len(self.table) - 1}, found {array.min()} to {array.max()}.")
        return self._join([self.table[number] for number in array.tolist()])

    def flush(self) -> str:
        """Return what is left at the end: U+FFFD for a character that stays incomplete."""
        return ""

    @abstractmethod
    def _join(self, symbols: list[Symbol]) -> str: ...


@final
class CharacterDecoder(TextDecoder[str]):
    """Puts characters side by side."""

    def _join(self, symbols: list[str]) -> str:
        return "".join(symbols)


@final
class WordDecoder(TextDecoder[str]):
    """Puts a space before each word, except at the start of a line (``line_start``)."""

    line_start = True

    def _join(self, symbols: list[str]) -> str:
        parts = []
        for word in symbols:
            line_end = word == LINE_END
            parts.append("\n" if line_end else word if self.line_start else " " + word)
            self.line_start = line_end
        return "".join(parts)


@final
class Utf8Decoder(TextDecoder[bytes]):
    """Joins byte strings; ``held`` is the beginning of a character whose end is still to come."""

    held = b""

    def flush(self) -> str:
        """Return U+FFFD for a character that stays incomplete."""
        text, self.held = self.held.decode("utf-8", "replace"), b""
        return text

    def _join(self, symbols: list[bytes]) -> str:
        data = self.held + b"".join(symbols)
        text, used = codecs.utf_8_decode(data, "replace", False)
        self.held = data[used:]
        return text
