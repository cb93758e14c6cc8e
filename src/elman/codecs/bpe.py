"""Byte-pair encoding over bytes, learnt and applied by the ``tokenizers`` library, which is imported on first use."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any, final

import numpy as np

from elman.codecs.incremental import Ids, TextDecoder, Utf8Decoder
from elman.codecs.text import TextCodec, visible, without_surrogates
from elman.codecs.vocabulary import damaged, read_file
from elman.errors import SettingsError

FILE = "tokenizer.json"


@final
class BpeCodec(TextCodec):
    """Byte-level byte-pair encoding (Sennrich et al. 2016; Radford et al. 2019).

    The pieces are byte strings, all 256 single bytes among them, so every text has a code and decoding
    gives the very text back.
    """

    kind = "bpe"
    lookahead = None

    def __init__(self, tokenizer: Any, lowercase: bool = False) -> None:
        super().__init__(lowercase)
        self._tokenizer = tokenizer
        byte_of = {character: byte for byte, character in enumerate(byte_alphabet())}
        written = (tokenizer.id_to_token(number) for number in range(tokenizer.get_vocab_size()))
        self.pieces = [bytes(byte_of[character] for character in piece) for piece in written]

    def decoder(self) -> TextDecoder[bytes]:
        """Return a fresh incremental decoder."""
        return Utf8Decoder(self.pieces)

    def settled(self, text: str) -> int:
        """Everything up to the last place where white space follows a word: no piece reaches across it."""
        return last_word_end(text, len(text))

    def save(self, folder: Path, prefix: str = "") -> None:
        """Write ``tokenizer.json``, in the format of the ``tokenizers`` library."""
        (folder / f"{prefix}{FILE}").write_text(self._tokenizer.to_str(), encoding="utf-8")

    def _names(self) -> Iterable[str]:
        return map(visible, self.pieces)

    def _encode(self, text: str) -> Ids:
        encodings = self._tokenizer.encode_batch_fast(list(passages(text)))
        return np.array(list(chain.from_iterable(encoding.ids for encoding in encodings)), dtype=np.int64)

    @classmethod
    def _learn(cls, texts: Iterable[str], vocabulary_size: int, lowercase: bool) -> BpeCodec:
        from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

        if vocabulary_size < 256:
            raise SettingsError(f"vocabulary_size must be at least 256 for bpe, not {vocabulary_size}.")
        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.decoder = decoders.ByteLevel()
        trainer = trainers.BpeTrainer(
            vocab_size=vocabulary_size, initial_alphabet=byte_alphabet(), special_tokens=[], show_progress=False
        )
        tokenizer.train_from_iterator(chain.from_iterable(map(passages, texts)), trainer)
        return cls(tokenizer, lowercase)

    @classmethod
    def _load(cls, folder: Path, lowercase: bool, prefix: str) -> BpeCodec:
        from tokenizers import Tokenizer

        path = folder / f"{prefix}{FILE}"
        text = read_file(path)
        try:
            codec = cls(Tokenizer.from_str(text), lowercase)
        except Exception as error:  # tokenizers raises nothing narrower
            raise damaged(path, f"is not a byte-level tokenizer ({error})") from None
        if not {bytes([byte]) for byte in range(256)} <= set(codec.pieces):
            raise damaged(path, "expected all 256 bytes among the pieces")
        return codec


def byte_alphabet() -> list[str]:
    """Return the printable character by which byte-level BPE writes each byte (Radford et al. 2019).

    Printable Latin-1 bytes stand for themselves, the others for the characters from U+0100 on.

    >>> byte_alphabet()[ord(" ")], byte_alphabet()[ord("A")]
    ('Ġ', 'A')
    """
    shown = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    beyond = iter(range(0x100, 0x200))
    return [chr(byte if byte in shown else next(beyond)) for byte in range(256)]


def last_word_end(text: str, end: int) -> int:
    """Return the last place up to ``end`` where white space follows a word; 0 if there is none.

    >>> last_word_end("to be or", 8)
    5
    """
    for place in range(min(end, len(text) - 1), 0, -1):
        if text[place] in " \n" and not text[place - 1].isspace():
            return place
    return 0


def passages(text: str, size: int = 65_536) -> Iterator[str]:
    """Cut text where words end into passages of about ``size`` characters: tokenizers' memory stays small."""
    start = 0
    while start < len(text):
        passage = text[start : start + size + 1]
        cut = len(passage) if len(passage) <= size else last_word_end(passage, size) or len(text) - start
        yield without_surrogates(text[start : start + cut])
        start += cut
