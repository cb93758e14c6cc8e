"""Text as a row of numbers: bytes, characters, words, or learnt pieces (BPE).

codec        a symbol is                     unknown symbols     lookahead of the incremental encoder
bytes        one byte of the UTF-8 form      none                0
characters   one Unicode code point          id 0, ``<unk>``     0
words        a word between white space      id 0, ``<unk>``     None: until the white space after the word
symbols      as words, but all of them       id 0, ``<unk>``     None: until the white space after the symbol
bpe          a piece of a word, in bytes     none                None: until the white space after the word
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any, ClassVar, final

import numpy as np

from elman.codecs import vocabulary
from elman.codecs.incremental import (
    LINE_END,
    CharacterDecoder,
    Ids,
    TextDecoder,
    TextEncoder,
    Utf8Decoder,
    WordDecoder,
)
from elman.errors import DataError, SettingsError, nearest

UNKNOWN = "<unk>"
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
SURROGATES = re.compile("[\ud800-\udfff]")


class TextCodec(ABC):
    """A two-way map between text and symbol ids ``0 .. len(codec) - 1``.

    With ``lowercase`` the text is turned to lower case before it is encoded, character by character
    (so the Greek final sigma, which depends on what follows, does not arise).
    """

    kind: ClassVar[str]
    #: Id of the symbol that stands for all unknown ones; None where nothing is ever unknown.
    unknown: ClassVar[int | None] = None
    #: Characters that the incremental encoder holds back; None where no fixed number is enough.
    lookahead: ClassVar[int | None] = 0

    def __init__(self, lowercase: bool = False) -> None:
        self.lowercase = lowercase

    @staticmethod
    def fit(kind: str, texts: Iterable[str], vocabulary_size: int = 10_000, lowercase: bool = False) -> TextCodec:
        """Learn a codec of the named kind from ``texts``.

        ``vocabulary_size`` limits words and BPE pieces, ``<unk>`` and ``<eos>`` included; the others ignore it.
        Raises `SettingsError` on an unknown kind or an impossible size, `DataError` on empty text.

        >>> codec = TextCodec.fit("characters", ["to be"])
        >>> codec.encode("be to!"), codec.decode([2, 3])
        (array([2, 3, 1, 5, 4, 0]), 'be')
        """
        if kind not in _KINDS:
            raise SettingsError(f"codec takes one of {', '.join(_KINDS)}, not '{kind}'.{nearest(kind, _KINDS)}")
        texts = [lower(text) if lowercase else text for text in texts]
        if not any(texts):
            raise DataError("a codec cannot be learnt from empty text. Give a text with at least one symbol.")
        return _codec_of(kind)._learn(texts, vocabulary_size, lowercase)

    @staticmethod
    def load(folder: Path, config: Mapping[str, Any], prefix: str = "") -> TextCodec:
        """Read back what `save` wrote into ``folder`` with the same ``prefix``, described by `to_config`.

        Raises `DataError` where the vocabulary is missing, damaged or of another size than ``config`` says.
        """
        found = config if isinstance(config, Mapping) else {}
        kind, lowercase, size = found.get("kind"), found.get("lowercase"), found.get("symbols")
        if kind not in _KINDS or not isinstance(lowercase, bool):
            raise DataError(f"{folder}: expected a codec (one of {', '.join(_KINDS)}), found {config}.")
        codec = _codec_of(kind)._load(folder, lowercase, prefix)
        if len(codec) != size:
            raise DataError(f"{folder}: the vocabulary has {len(codec)} symbols, the configuration says {size}.")
        return codec

    def to_config(self) -> dict[str, Any]:
        """Plain values for JSON, from which, with the saved vocabulary, `load` makes the codec again."""
        return {"kind": self.kind, "lowercase": self.lowercase, "symbols": len(self)}

    def save(self, folder: Path, prefix: str = "") -> None:  # noqa: B027 - bytes need no vocabulary
        """Write the vocabulary, if there is one, into ``folder``; ``prefix`` begins the name of its file."""

    def encode(self, text: str) -> Ids:
        """Return the ids of ``text``, shape (symbols,); unknown symbols become `unknown`."""
        return self._encode(self._prepare(text))

    def decode(self, ids: Sequence[int] | Ids) -> str:
        """Return the text of ``ids``; an unknown character and broken UTF-8 become U+FFFD."""
        decoder = self.decoder()
        return decoder.push(ids) + decoder.flush()

    def encoder(self) -> TextEncoder:
        """Return a fresh incremental encoder."""
        return TextEncoder(self)

    @abstractmethod
    def decoder(self) -> TextDecoder[Any]:
        """Return a fresh incremental decoder."""

    def settled(self, text: str) -> int:
        """Return how many characters of ``text`` can be encoded now, whatever text may follow."""
        return len(text)

    def unknown_symbols(self, text: str) -> list[str]:
        """Return the distinct symbols of ``text`` that the codec does not know, in order of appearance."""
        return []

    @cached_property
    def symbols(self) -> list[str]:
        """A printable name for each id: white space made visible, bytes that are no text in hexadecimal."""
        return list(self._names())

    def __len__(self) -> int:
        return len(self.symbols)

    def _prepare(self, text: str) -> str:
        return lower(text) if self.lowercase else text

    @abstractmethod
    def _names(self) -> Iterable[str]: ...

    @abstractmethod
    def _encode(self, text: str) -> Ids: ...

    @classmethod
    @abstractmethod
    def _learn(cls, texts: Iterable[str], vocabulary_size: int, lowercase: bool) -> TextCodec: ...

    @classmethod
    @abstractmethod
    def _load(cls, folder: Path, lowercase: bool, prefix: str) -> TextCodec: ...


@final
class ByteCodec(TextCodec):
    """The 256 bytes of the UTF-8 form.

    >>> ByteCodec().encode("né")
    array([110, 195, 169])
    """

    kind = "bytes"

    def decoder(self) -> TextDecoder[bytes]:
        """Return a fresh incremental decoder."""
        return Utf8Decoder([bytes([byte]) for byte in range(256)])

    def _names(self) -> Iterable[str]:
        return (visible(bytes([byte])) for byte in range(256))

    def _encode(self, text: str) -> Ids:
        return np.frombuffer(without_surrogates(text).encode(), dtype=np.uint8).astype(np.int64)

    @classmethod
    def _learn(cls, texts: Iterable[str], vocabulary_size: int, lowercase: bool) -> ByteCodec:
        return cls(lowercase)

    @classmethod
    def _load(cls, folder: Path, lowercase: bool, prefix: str) -> ByteCodec:
        return cls(lowercase)


@final
class CharacterCodec(TextCodec):
    """The characters of the training text, sorted, after ``<unk>`` with id 0."""

    kind = "characters"
    unknown = 0

    def __init__(self, characters: Iterable[str], lowercase: bool = False) -> None:
        super().__init__(lowercase)
        self.characters = sorted(set(characters))
        codes = np.array([ord(character) for character in self.characters], dtype=np.int64)
        self._id_of_code: Ids = np.zeros(codes.max(initial=0) + 2, dtype=np.int64)
        self._id_of_code[codes] = np.arange(1, len(codes) + 1)

    def decoder(self) -> TextDecoder[str]:
        """Return a fresh incremental decoder."""
        return CharacterDecoder([REPLACEMENT, *self.characters])

    def unknown_symbols(self, text: str) -> list[str]:
        """Return the distinct characters that the training text did not have."""
        known = set(self.characters)
        return [character for character in dict.fromkeys(self._prepare(text)) if character not in known]

    def save(self, folder: Path, prefix: str = "") -> None:
        """Write ``vocabulary.json``."""
        vocabulary.write(folder, [UNKNOWN, *self.characters], prefix)

    def _names(self) -> Iterable[str]:
        return (UNKNOWN, *(visible(character.encode()) for character in self.characters))

    def _encode(self, text: str) -> Ids:
        codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")
        # The last entry of the table stands for every code beyond the largest known one.
        ids: Ids = self._id_of_code[np.minimum(codes, len(self._id_of_code) - 1)]
        return ids

    @classmethod
    def _learn(cls, texts: Iterable[str], vocabulary_size: int, lowercase: bool) -> CharacterCodec:
        found = set[str]().union(*texts)
        return cls((character for character in found if not SURROGATES.match(character)), lowercase)

    @classmethod
    def _load(cls, folder: Path, lowercase: bool, prefix: str) -> CharacterCodec:
        path = folder / f"{prefix}{vocabulary.FILE}"
        known = vocabulary.read(path, UNKNOWN)
        if known != sorted(known) or any(len(symbol) != 1 or SURROGATES.match(symbol) for symbol in known):
            raise vocabulary.damaged(path, f"expected sorted single characters after {UNKNOWN}")
        return cls(known, lowercase)


@final
class WordCodec(TextCodec):
    r"""The most frequent words, ties in alphabetical order, after ``<unk>`` (id 0) and ``<eos>`` (id 1).

    Words are what stands between white space; the end of a line is the word ``<eos>``. Text that already
    says ``<unk>`` or ``<eos>`` (as the Penn Treebank does) means these symbols. Decoding puts single spaces.

    >>> codec = TextCodec.fit("words", ["the cat saw the dog"], 4)
    >>> codec.symbols, codec.encode("the dog\n")
    (['<unk>', '<eos>', 'the', 'cat'], array([2, 0, 1]))
    """

    kind = "words"
    unknown = 0
    lookahead = None

    def __init__(self, words: Iterable[str], lowercase: bool = False) -> None:
        super().__init__(lowercase)
        self._id_of_word = {word: number for number, word in enumerate((UNKNOWN, LINE_END, *words))}

    def decoder(self) -> TextDecoder[str]:
        """Return a fresh incremental decoder."""
        return WordDecoder(self.symbols)

    def settled(self, text: str) -> int:
        """Everything up to the last word, which may go on, unless white space follows it."""
        return last_word_start(text)

    def unknown_symbols(self, text: str) -> list[str]:
        """Return the distinct words that are not in the vocabulary."""
        return [word for word in dict.fromkeys(split_words(self._prepare(text))) if word not in self._id_of_word]

    def save(self, folder: Path, prefix: str = "") -> None:
        """Write ``vocabulary.json``."""
        vocabulary.write(folder, self.symbols, prefix)

    def _names(self) -> Iterable[str]:
        return self._id_of_word

    def _encode(self, text: str) -> Ids:
        id_of_word = self._id_of_word
        return np.array([id_of_word.get(word, 0) for word in split_words(text)], dtype=np.int64)

    @classmethod
    def _learn(cls, texts: Iterable[str], vocabulary_size: int, lowercase: bool) -> WordCodec:
        if vocabulary_size < 3:
            raise SettingsError(f"vocabulary_size must be at least 3 for words, not {vocabulary_size}.")
        counts = Counter(chain.from_iterable(map(split_words, texts)))
        words = sorted(counts.keys() - {UNKNOWN, LINE_END}, key=lambda word: (-counts[word], word))
        return cls(words[: vocabulary_size - 2], lowercase)

    @classmethod
    def _load(cls, folder: Path, lowercase: bool, prefix: str) -> WordCodec:
        path = folder / f"{prefix}{vocabulary.FILE}"
        words = vocabulary.read(path, UNKNOWN, LINE_END)
        if any(word.split() != [word] for word in words):
            raise vocabulary.damaged(path, "expected words without white space")
        return cls(words, lowercase)


@final
class SymbolCodec(TextCodec):
    """All that stands between white space in the training text, such as phonemes, sorted, after ``<unk>`` (id 0).

    Decoding puts single spaces; the end of a line is white space like any other.

    >>> codec = TextCodec.fit("symbols", ["K AE T", "T AE K S"])
    >>> codec.encode("S AE K T"), codec.decode([4, 1, 3])
    (array([3, 1, 2, 4]), 'T AE S')
    """

    kind = "symbols"
    unknown = 0
    lookahead = None

    def __init__(self, symbols: Iterable[str], lowercase: bool = False) -> None:
        super().__init__(lowercase)
        self._id_of_symbol = {symbol: number for number, symbol in enumerate((UNKNOWN, *sorted(set(symbols))))}

    def decoder(self) -> TextDecoder[str]:
        """Return a fresh incremental decoder."""
        return WordDecoder(self.symbols)

    def settled(self, text: str) -> int:
        """Everything up to the last symbol, which may go on, unless white space follows it."""
        return last_word_start(text)

    def unknown_symbols(self, text: str) -> list[str]:
        """Return the distinct symbols that the training text did not have."""
        return [symbol for symbol in dict.fromkeys(self._prepare(text).split()) if symbol not in self._id_of_symbol]

    def save(self, folder: Path, prefix: str = "") -> None:
        """Write ``vocabulary.json``."""
        vocabulary.write(folder, self.symbols, prefix)

    def _names(self) -> Iterable[str]:
        return self._id_of_symbol

    def _encode(self, text: str) -> Ids:
        return np.array([self._id_of_symbol.get(symbol, 0) for symbol in text.split()], dtype=np.int64)

    @classmethod
    def _learn(cls, texts: Iterable[str], vocabulary_size: int, lowercase: bool) -> SymbolCodec:
        found = set(chain.from_iterable(map(str.split, texts))) - {UNKNOWN, LINE_END}
        return cls((symbol for symbol in found if not SURROGATES.search(symbol)), lowercase)

    @classmethod
    def _load(cls, folder: Path, lowercase: bool, prefix: str) -> SymbolCodec:
        path = folder / f"{prefix}{vocabulary.FILE}"
        symbols = vocabulary.read(path, UNKNOWN)
        if symbols != sorted(symbols) or any(symbol.split() != [symbol] for symbol in symbols):
            raise vocabulary.damaged(path, "expected sorted symbols without white space")
        return cls(symbols, lowercase)


_KINDS = ("characters", "bytes", "words", "symbols", "bpe")


def _codec_of(kind: str) -> type[TextCodec]:
    from elman.codecs.bpe import BpeCodec  # builds on this module

    codecs: list[type[TextCodec]] = [CharacterCodec, ByteCodec, WordCodec, SymbolCodec, BpeCodec]
    return next(codec for codec in codecs if codec.kind == kind)


def lower(text: str) -> str:
    """Lower case that does not depend on the neighbours of a character, so that text may be cut anywhere."""
    return text.replace("Σ", "σ").lower()


def without_surrogates(text: str) -> str:
    """Replace lone surrogates, which no UTF-8 text can hold, by U+FFFD."""
    return SURROGATES.sub(REPLACEMENT, text)


def split_words(text: str) -> list[str]:
    """Split at white space; the end of a line is the word ``<eos>``."""
    return text.replace("\n", f" {LINE_END} ").split()


def last_word_start(text: str) -> int:
    """Return where the last word begins, or the end of the text where white space follows it.

    >>> last_word_start("to be"), last_word_start("to be ")
    (3, 6)
    """
    last = "" if not text or text[-1].isspace() else text.rsplit(maxsplit=1)[-1]
    return len(text) - len(last)


def visible(symbol: bytes) -> str:
    r"""Return a printable name for a byte string.

    >>> visible(b" the"), visible(b"\n"), visible(b"\xc3")
    ('␣the', '\\n', '<C3>')
    """
    try:
        text = symbol.decode()
    except UnicodeDecodeError:
        return "".join(f"<{byte:02X}>" for byte in symbol)
    return "".join("␣" if c == " " else c if c.isprintable() else repr(c)[1:-1] for c in text)
