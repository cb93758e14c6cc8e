"""The report on what was written for sources: BLEU, chrF or error rates beside baselines, examples, alignments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal, final

import numpy as np

from elman.codecs.text import TextCodec, lower
from elman.metrics.intervals import wilson
from elman.metrics.texts import bleu, chrf, error_rate, exact, nearest_errors
from elman.metrics.transcripts import Unit
from elman.plots.alignment import alignment
from elman.runtime.pair_model import Translation
from elman.tasks.text_report import DRAWN, MANY, Figures, TextReport, Written

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: A baseline.
COPY = "the source itself"


@final
@dataclass(frozen=True)
class Measure:
    """How targets are scored.

    Attributes:
        main: The figure that decides: ``bleu``, ``symbol_error`` or ``character_error``.
        tokenizer: Of BLEU, as sacrebleu knows it.
        lowercase: Whether all are compared in lower case, as they must be where targets were learnt so.
    """

    main: Literal["bleu", "symbol_error", "character_error"]
    tokenizer: str = "13a"
    lowercase: bool = False

    @classmethod
    def of(cls, codec: TextCodec, target: TextCodec) -> Measure:
        """What suits the symbols of sources and targets.

        Sentences are scored by BLEU, in characters where they are written in characters; all else by its errors.
        """
        if target.kind == "symbols":
            return cls("symbol_error", lowercase=target.lowercase)
        if target.kind != "characters":
            return cls("bleu", lowercase=target.lowercase)
        sentences = codec.kind in ("bpe", "words")
        return cls("bleu" if sentences else "character_error", "char", target.lowercase)

    @property
    def unit(self) -> Unit:
        """What is counted as wrong."""
        return "characters" if self.main == "character_error" else "words"

    def figures(self, texts: Sequence[str], truth: Sequence[Sequence[str]]) -> Figures:
        """All figures; those with an interval have it under their key with ``_95`` behind."""
        texts, truth = self._as_compared(texts, truth)
        right = exact(texts, truth)
        found: Figures = {}
        if self.main == "bleu":
            score, other = bleu(texts, truth, tokenizer=self.tokenizer), chrf(texts, truth)
            found = {"bleu": score.value, "bleu_95": list(score.interval), "chrf": other.value}
            found |= {"bleu_signature": score.signature, "chrf_signature": other.signature}
        else:
            rate = error_rate(texts, truth, self.unit)
            found = {self.main: rate.value, f"{self.main}_95": list(rate.interval)}
        interval = list(wilson(int(right.sum()), len(right)))
        return {**found, "exact": float(right.mean()), "exact_95": interval, "sequences": len(texts)}

    def loss(self, texts: Sequence[str], truth: Sequence[Sequence[str]]) -> float:
        """The figure that decides as a number that is better the lower it is: 1 - BLEU / 100, or the error."""
        texts, truth = self._as_compared(texts, truth)
        if self.main != "bleu":
            return error_rate(texts, truth, self.unit).value
        return 1 - bleu(texts, truth, tokenizer=self.tokenizer).value / 100

    def wrong(self, text: str, truth: Sequence[str]) -> float:
        """How wrong one target is: errors for each symbol of what is right."""
        (text,), (truth,) = self._as_compared([text], [truth])
        errors, symbols = nearest_errors(text, truth, self.unit)
        return errors / symbols

    def _as_compared(
        self, texts: Sequence[str], truth: Sequence[Sequence[str]]
    ) -> tuple[Sequence[str], Sequence[Sequence[str]]]:
        if not self.lowercase:
            return texts, truth
        return [lower(text) for text in texts], [[lower(text) for text in several] for several in truth]


@final
@dataclass(frozen=True, kw_only=True)
class Translated(Written[Translation]):
    """What was written for sources whose targets are known.

    Attributes:
        sources: What was read.
    """

    sources: Sequence[str]


@final
@dataclass(frozen=True, kw_only=True)
class TranslationReport(TextReport[Translated]):
    """What was found.

    Attributes:
        measure: How targets are scored.
    """

    headings: ClassVar[Mapping[str, tuple[str, str]]] = {
        "bleu": ("BLEU", "{:.1f}"),
        "chrf": ("chrF", "{:.1f}"),
        "symbol_error": ("symbol error", "{:.1%}"),
        "character_error": ("character error", "{:.1%}"),
        "exact": ("exactly right", "{:.1%}"),
    }
    many = "pairs"
    drawing = "Alignments", "Where the decoder looked: a row for each symbol written, a column for each read."

    measure: Measure

    def figures_of(self, texts: Sequence[str], truth: Sequence[Sequence[str]]) -> Figures:
        """See `Measure.figures`."""
        return self.measure.figures(texts, truth)

    def entry(self, part: Translated, row: int) -> dict[str, str]:
        """Where the pair comes from, and its source."""
        return {"name": part.names[row], "source": part.sources[row]}

    def worst(self, part: Translated) -> Sequence[int]:
        """Those with the most errors for each symbol."""
        wrong = [self.measure.wrong(each.text, truth) for each, truth in zip(part.model, part.truth, strict=True)]
        return [int(row) for row in np.argsort(-np.array(wrong), kind="stable")[:MANY] if wrong[row]]

    def pictures(self) -> dict[str, Figure]:
        """Alignments."""
        some = [each for each in self.last.model[:DRAWN] if each.attention is not None]
        return {f"alignment_{number}": picture(each) for number, each in enumerate(some, 1)}


def picture(translation: Translation, title: str = "") -> Figure:
    """The alignment of what was written. Raises `UsageError` where nothing was read."""
    attention = np.zeros((0, 0)) if translation.attention is None else translation.attention
    return alignment(attention, translation.source, translation.target, title or translation.text)
