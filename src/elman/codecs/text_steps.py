"""`TextSteps`: characters, bytes or learnt pieces of a text as the steps that a network reads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, final

import numpy as np

from elman.codecs.augmentation import strengths
from elman.codecs.raw import Raw
from elman.codecs.sequence import SequenceCodec, SequenceEncoder, Steps
from elman.codecs.text import TextCodec
from elman.codecs.words import AUGMENTATIONS, chance_of_mask
from elman.errors import DataError

#: What the configuration calls a step, in English.
_NAMES = {
    "characters": "a character",
    "bytes": "a byte",
    "words": "a word",
    "symbols": "a symbol between white space",
    "bpe": "a piece of a word",
}


@final
class TextSteps(SequenceCodec):
    """A step is one symbol of a `TextCodec`, such as that of a language model.

    In training (`augment`) a symbol seen n times becomes unknown with the probability mask / (mask + n), where the
    codec has unknown symbols, so that the network learns to do without it (Kiperwasser & Goldberg 2016).

    >>> codec = TextSteps.fit(["Elman", "Mane"])
    >>> codec.encode("Manx").values.T, codec.symbols
    (array([[2, 3, 7, 0]]), (8,))
    """

    kind = "text"

    def __init__(self, codec: TextCodec, counts: Sequence[int] = (), mask: float = 0.0) -> None:
        """Take a codec and, for masking, how often training has each symbol after the unknown one."""
        self.codec, self.counts, self.mask = codec, list(counts), mask
        self.lookahead = codec.lookahead
        self.symbols = (len(codec),)
        self._masked = chance_of_mask(self.counts, mask) if self.counts else None

    @classmethod
    def fit(
        cls,
        inputs: Iterable[Raw],
        *,
        units: str = "characters",
        vocabulary_size: int = 10_000,
        lowercase: bool = False,
        augment: str = "auto",
    ) -> TextSteps:
        """Learn the symbols of ``inputs``.

        ``units`` and the other options are those of `TextCodec.fit`; ``augment`` is ``auto``, ``none`` or
        ``mask=STRENGTH``. Raises `SettingsError` on an impossible option, `DataError` on empty text.
        """
        texts = [_text(raw) for raw in inputs]
        mask = strengths(augment, AUGMENTATIONS)["mask"]
        codec = TextCodec.fit(units, texts, vocabulary_size, lowercase)
        if codec.unknown is None:
            return cls(codec)
        counts = np.zeros(len(codec), dtype=np.int64)
        for text in texts:
            counts += np.bincount(codec.encode(text), minlength=len(codec))
        return cls(codec, counts[1:].tolist(), mask)

    @classmethod
    def load(cls, folder: Path, config: Mapping[str, Any]) -> TextSteps:
        """Read back what `save` wrote. Raises `DataError` where it is missing or damaged."""
        codec = TextCodec.load(folder, config.get("codec", {}))
        counts, mask = config.get("counts"), config.get("mask")
        whole = isinstance(counts, list) and isinstance(mask, int | float) and len(counts) in (0, len(codec) - 1)
        if not whole or not all(isinstance(count, int) and count >= 0 for count in counts):  # type: ignore[union-attr]
            raise DataError(f"{folder}: expected the configuration of a codec of text with counts, found {config}.")
        return cls(codec, counts, mask)  # type: ignore[arg-type]

    def to_config(self) -> dict[str, Any]:
        """The configuration of the text codec, and how often training has each symbol."""
        return {"kind": self.kind, "codec": self.codec.to_config(), "counts": self.counts, "mask": self.mask}

    def save(self, folder: Path) -> None:
        """Write the vocabulary."""
        self.codec.save(folder)

    def encode(self, raw: Raw) -> Steps:
        """One step per symbol, (symbols, 1) int64."""
        return Steps(self.codec.encode(_text(raw))[:, None])

    def encoder(self) -> SequenceEncoder:
        """A fresh incremental encoder."""
        return _TextStepsEncoder(self.codec)

    def describe(self) -> str:
        """One sentence on a step."""
        case = " in lower case" if self.codec.lowercase else ""
        return f"A step is {_NAMES[self.codec.kind]}{case}, one of {len(self.codec):,}."

    def augment(self, steps: Steps, rng: np.random.Generator) -> Steps:
        """Make rare symbols unknown."""
        if self._masked is None:
            return steps
        values = steps.values.copy()
        values[rng.random(values.shape) < self._masked[values]] = 0
        return steps._replace(values=values)

    def labels(self, raw: Raw, steps: Steps) -> list[str]:
        """The symbols, white space made visible."""
        return [self.codec.symbols[number] for number in steps.values[:, 0]]


@final
class _TextStepsEncoder(SequenceEncoder):
    """The incremental encoder of the text codec, its ids as steps of one field."""

    def __init__(self, codec: TextCodec) -> None:
        self.text = codec.encoder()

    def push(self, chunk: Raw) -> Steps:
        return Steps(self.text.push(_text(chunk))[:, None])

    def flush(self) -> Steps:
        return Steps(self.text.flush()[:, None])


def _text(raw: Raw) -> str:
    if not isinstance(raw, str):
        raise DataError(f"expected a text, found {type(raw).__name__}. Words that are cut already need units=words.")
    return raw
