"""Codecs: between raw data and the numbers that a network reads. NumPy only."""

from __future__ import annotations

from elman.codecs.bpe import BpeCodec
from elman.codecs.incremental import TextDecoder, TextEncoder
from elman.codecs.text import ByteCodec, CharacterCodec, SymbolCodec, TextCodec, WordCodec

__all__ = [
    "BpeCodec",
    "ByteCodec",
    "CharacterCodec",
    "SymbolCodec",
    "TextCodec",
    "TextDecoder",
    "TextEncoder",
    "WordCodec",
]
