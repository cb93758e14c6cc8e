"""The report on what was written for sources: BLEU, chrF or error rates beside baselines, examples, alignments."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, final

import numpy as np

from elman.codecs.text import TextCodec, lower
from elman.data.examples import Examples
from elman.decoding.beam import Penalties
from elman.errors import SaveError
from elman.metrics.intervals import wilson
from elman.metrics.texts import Unit, bleu, chrf, error_rate, exact, nearest_errors
from elman.plots import Block, Page, Picture, Section, Table, Text, png
from elman.plots.alignment import alignment
from elman.runtime.pair_model import Translation, Writing
from elman.settings import AUTO, WritingSettings, update

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Folder of the report in the folder of a run, and the names in it.
FOLDER, PAGE, NUMBERS, PICTURES = "report", "index.html", "numbers.json", "pictures"

#: Who is scored first, and the baselines.
MODEL, COPY, COMMONEST = "model", "the source itself", "the commonest target"

#: What a part is called where people read.
TITLES = {"held_out": "held-out data", "test": "test data", "data": "data"}

#: Pairs that are shown on the terminal and on the page, and alignments that are drawn.
FEW, MANY, DRAWN = 5, 40, 4

#: Figures: what each is called, and how it is written.
HEADINGS = {
    "bleu": ("BLEU", "{:.1f}"),
    "chrf": ("chrF", "{:.1f}"),
    "symbol_error": ("symbol error", "{:.1%}"),
    "character_error": ("character error", "{:.1%}"),
    "exact": ("exactly right", "{:.1%}"),
}

Figures: TypeAlias = dict[str, Any]


@final
@dataclass(frozen=True)
class Measure:
    """How targets are scored.

    Attributes:
        main: The figure that decides: ``bleu``, ``symbol_error`` or ``character_error``.
        tokenizer: Of BLEU, as sacrebleu knows it.
        lowercase: Whether targets were learnt in lower case: what is right is then taken so.
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
        truth = self._truth(truth)
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
        if self.main != "bleu":
            return error_rate(texts, self._truth(truth), self.unit).value
        return 1 - bleu(texts, self._truth(truth), tokenizer=self.tokenizer).value / 100

    def wrong(self, text: str, truth: Sequence[str]) -> float:
        """How wrong one target is: errors for each symbol of what is right."""
        errors, symbols = nearest_errors(text, self._truth([truth])[0], self.unit)
        return errors / symbols

    def _truth(self, truth: Sequence[Sequence[str]]) -> Sequence[Sequence[str]]:
        return [[lower(text) for text in several] for several in truth] if self.lowercase else truth


@final
@dataclass(frozen=True)
class Written:
    """What was written for sources whose targets are known.

    Attributes:
        names: Where each comes from.
        sources: What was read.
        truth: What is right, one text or several for each.
        model: What the model wrote.
        others: What baselines wrote, by name.
    """

    names: Sequence[str]
    sources: Sequence[str]
    truth: Sequence[Sequence[str]]
    model: Sequence[Translation]
    others: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @cached_property
    def texts(self) -> dict[str, Sequence[str]]:
        """By who wrote them, the model first."""
        return {MODEL: [each.text for each in self.model], **self.others}


@final
@dataclass(frozen=True)
class TranslationReport:
    """What was found, for programs (`figures`, `to_dict`), the terminal (`lines`) and a page (`write`).

    Attributes:
        measure: How targets are scored.
        parts: What was written for each part of the data (``held_out``, ``test``, ``data``), the one that counts last.
        title: One line above.
    """

    measure: Measure
    parts: Mapping[str, Written]
    title: str

    @cached_property
    def figures(self) -> dict[str, dict[str, Figures]]:
        """By part and by who is scored, for ``metrics.json``: ``figures["test"]["model"]["bleu"]``."""
        return {
            name: {who: self.measure.figures(texts, part.truth) for who, texts in part.texts.items()}
            for name, part in self.parts.items()
        }

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain values for JSON."""
        return {
            name: {
                "figures": self.figures[name],
                "pairs": [
                    {"name": where, "source": source, "truth": list(truth)}
                    | {who: texts[row] for who, texts in part.texts.items()}
                    for row, (where, source, truth) in enumerate(zip(part.names, part.sources, part.truth, strict=True))
                ],
            }
            for name, part in self.parts.items()
        }

    def lines(self) -> list[str]:
        """The report as lines for a terminal."""
        found: list[str] = []
        for name in self.parts:
            head, rows = self._table(name)
            widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]
            found.append(f"{TITLES.get(name, name)}, {self._many(name)}")
            for first, *rest in [head, *rows]:
                cells = [cell.rjust(width) for cell, width in zip(rest, widths[1:], strict=True)]
                found.append("  ".join([first.ljust(widths[0]), *cells]))
            found += [*self._signatures(name), ""]
        last = self._last
        for row in range(min(FEW, len(last.sources))):
            truth = " | ".join(last.truth[row])
            found += [f"  {last.sources[row]}", f"    written  {last.model[row].text}", f"    truth    {truth}"]
        return found

    def pictures(self) -> dict[str, Figure]:
        """Alignments of the first pairs of the last part, by the names of their files."""
        some = [each for each in self._last.model[:DRAWN] if each.attention is not None]
        return {f"alignment_{number}": picture(each) for number, each in enumerate(some, 1)}

    def write(self, folder: str | Path) -> Path:
        """Write page, numbers and pictures into ``folder/report``; return the page. Raises `SaveError`."""
        home = Path(folder) / FOLDER
        drawn = {name: png(figure) for name, figure in self.pictures().items()}
        try:
            (home / PICTURES).mkdir(parents=True, exist_ok=True)
            for name, content in drawn.items():
                (home / PICTURES / f"{name}.png").write_bytes(content)
            (home / NUMBERS).write_text(json.dumps(self.to_dict(), ensure_ascii=False), encoding="utf-8")
        except OSError as error:
            raise SaveError(f"{home}: the report cannot be written ({error.strerror}).") from error
        return self._page(drawn).write(home / PAGE)

    @property
    def _last(self) -> Written:
        return list(self.parts.values())[-1]

    def _page(self, drawn: Mapping[str, bytes]) -> Page:
        sections = []
        for name in self.parts:
            head, rows = self._table(name)
            blocks: list[Block] = [Table(head, rows, f"{self._many(name)}; in brackets the interval of 95%.")]
            blocks += [Text(line) for line in self._signatures(name)]
            sections.append(Section(f"How good it is: {TITLES.get(name, name)}", blocks))
        last = self._last
        sections.append(Section("The first", [self._pairs(last, range(min(MANY // 2, len(last.sources))))]))
        wrong = [self.measure.wrong(each.text, truth) for each, truth in zip(last.model, last.truth, strict=True)]
        worst = [int(row) for row in np.argsort(-np.array(wrong), kind="stable")[:MANY] if wrong[row]]
        if worst:
            sections.append(Section("Most wrong", [self._pairs(last, worst)]))
        if drawn:
            what = "Where the decoder looked: a row for each symbol written, a column for each read."
            sections.append(Section("Alignments", [Picture(content, what, "") for content in drawn.values()]))
        return Page(self.title, sections)

    def _pairs(self, part: Written, rows: Sequence[int]) -> Table:
        cells = [
            [part.names[row], part.sources[row], part.model[row].text, " | ".join(part.truth[row])] for row in rows
        ]
        return Table(["where", "source", "written", "truth"], cells)

    def _table(self, name: str) -> tuple[list[str], list[list[str]]]:
        figures = self.figures[name]
        keys = [key for key in HEADINGS if key in figures[MODEL]]
        rows = [[who, *(_shown(each, key) for key in keys)] for who, each in figures.items()]
        return ["", *(HEADINGS[key][0] for key in keys)], rows

    def _many(self, name: str) -> str:
        return f"{self.figures[name][MODEL]['sequences']:,} pairs"

    def _signatures(self, name: str) -> list[str]:
        figures = self.figures[name][MODEL]
        return [
            f"{HEADINGS[key][0]}: {figures[f'{key}_signature']}" for key in HEADINGS if f"{key}_signature" in figures
        ]


def picture(translation: Translation, title: str = "") -> Figure:
    """The alignment of what was written. Raises `UsageError` where nothing was read."""
    attention = np.zeros((0, 0)) if translation.attention is None else translation.attention
    return alignment(attention, translation.source, translation.target, title or translation.text)


def truth_in(examples: Examples) -> list[tuple[str, ...]]:
    """What is right for each source: one text or several."""
    return [(known,) if isinstance(known, str) else tuple(map(str, known)) for known in examples.targets or ()]


def writing_of(settings: WritingSettings, count: int = 1) -> Writing:
    """How the best target is looked for, as settings without any 'auto' say."""
    beam = max(int(settings.beam), count)
    penalties = Penalties(float(settings.length_penalty), float(settings.coverage_penalty))
    return Writing(beam, count, penalties, bool(settings.replace_unknown))


def asked_writing(settings: WritingSettings, options: Mapping[str, Any], count: int, replace_unknown: bool) -> Writing:
    """The same with options in place of settings; what a model not trained to the end has not chosen is the usual.

    Raises `SettingsError` for an option that there is not.
    """
    settings = update(settings, dict(options), "writing")
    usual = {"beam": 5, "length_penalty": 0.5, "coverage_penalty": 0.0, "replace_unknown": replace_unknown}
    left = {name: value for name, value in usual.items() if getattr(settings, name) == AUTO}
    return writing_of(update(settings, left, "writing"), count)


def commonest(targets: Sequence[str]) -> str:
    """The target that occurs most often, of equal ones the first: what can be written without reading."""
    return Counter(targets).most_common(1)[0][0]


def _shown(figures: Figures, key: str) -> str:
    """A figure as people read it, with its interval where it has one.

    >>> _shown({"bleu": 36.14, "bleu_95": [35.0, 37.2]}, "bleu"), _shown({"exact": 0.5}, "exact")
    ('36.1 (35.0 to 37.2)', '50.0%')
    """
    form = HEADINGS[key][1]
    text = form.format(figures[key])
    if f"{key}_95" not in figures:
        return text
    low, high = (form.format(end).removesuffix("%") for end in figures[f"{key}_95"])
    return f"{text} ({low} to {high})"
