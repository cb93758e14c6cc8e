"""The report on transcripts: word and character error with intervals, what was mistaken for what, and the worst."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias

from elman.codecs.text import lower
from elman.errors import SaveError
from elman.metrics.intervals import wilson
from elman.metrics.transcripts import Errors, errors
from elman.plots import Block, Page, Section, Table, Text

#: Folder of the report in the folder of a run, and the names in it.
FOLDER, PAGE, NUMBERS = "report", "index.html", "numbers.json"

#: Who is scored first, and the baseline.
MODEL, COMMONEST = "model", "the commonest transcript"

#: What a part is called where people read.
TITLES = {"held_out": "held-out data", "test": "test data", "data": "data"}

#: Mistakes that are shown, on the terminal and on the page.
FEW, MANY = 8, 40

Figures: TypeAlias = dict[str, Any]


@dataclass(frozen=True)
class Said:
    """What was said of sequences whose transcripts are known.

    Attributes:
        names: Where each comes from.
        truth: What is right.
        texts: By who said it, the model first.
        unknown: Characters of the truth that training had not, each with how often it occurs.
        lowercase: Whether all are compared in lower case, as they must be where transcripts were learnt so.
    """

    names: Sequence[str]
    truth: Sequence[str]
    texts: Mapping[str, Sequence[str]]
    unknown: Mapping[str, int]
    lowercase: bool = False

    @cached_property
    def counted(self) -> dict[str, tuple[Errors, Errors]]:
        """Errors in words and in characters, by who made them."""
        truth = self._as_compared(self.truth)
        return {
            who: (errors(truth, said, "words"), errors(truth, said, "characters"))
            for who, said in ((who, self._as_compared(texts)) for who, texts in self.texts.items())
        }

    def _as_compared(self, texts: Sequence[str]) -> Sequence[str]:
        return [lower(text) for text in texts] if self.lowercase else texts

    def figures(self) -> dict[str, Figures]:
        """All figures by who is scored; those with an interval have it under their key with ``_95`` behind."""
        return {who: self._figures(*found) for who, found in self.counted.items()}

    def _figures(self, words: Errors, characters: Errors) -> Figures:
        right, n = int((characters.wrong == 0).sum()), len(self.truth)
        return {
            "wer": words.rate,
            "wer_95": list(words.interval),
            "cer": characters.rate,
            "cer_95": list(characters.interval),
            "all_right": right / n,
            "all_right_95": list(wilson(right, n)),
            "sequences": n,
            "words": int(words.lengths.sum()),
            "characters": int(characters.lengths.sum()),
            "unknown_characters": sum(self.unknown.values()),
        }

    def worst(self, count: int) -> list[tuple[str, int, str, str]]:
        """Name, wrong characters, truth and transcript of those that the model got most wrong."""
        wrong = self.counted[MODEL][1].wrong
        rows = [row for row in sorted(range(len(wrong)), key=lambda row: -wrong[row])[:count] if wrong[row]]
        return [(self.names[row], int(wrong[row]), self.truth[row], self.texts[MODEL][row]) for row in rows]

    def mistaken(self, count: int) -> list[tuple[str, str, str, int]]:
        """The commonest mistakes of the model: of words or characters, truth, transcript, how often."""
        found: list[tuple[str, str, str, int]] = []
        for unit, one in zip(("word", "character"), self.counted[MODEL], strict=True):
            found += [(unit, _shown(truth), _shown(said), times) for (truth, said), times in _common(one.swaps, count)]
        return found


@dataclass(frozen=True)
class TranscriptReport:
    """What was found, for programs (`figures`, `to_dict`), the terminal (`lines`) and a page (`write`).

    Attributes:
        parts: What was said of each part of the data (``held_out``, ``test``, ``data``), the one that counts last.
        title: One line above.
    """

    parts: Mapping[str, Said]
    title: str

    @cached_property
    def figures(self) -> dict[str, dict[str, Figures]]:
        """By part and by who is scored, for ``metrics.json``: ``figures["test"]["model"]["wer"]``."""
        return {name: part.figures() for name, part in self.parts.items()}

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain values for JSON."""
        return {
            name: {
                "figures": self.figures[name],
                "mistaken": part.mistaken(MANY),
                "unknown": dict(part.unknown),
                "transcripts": [
                    {"name": where, "truth": truth, **{who: texts[row] for who, texts in part.texts.items()}}
                    for row, (where, truth) in enumerate(zip(part.names, part.truth, strict=True))
                ],
            }
            for name, part in self.parts.items()
        }

    def lines(self) -> list[str]:
        """The report as lines for a terminal."""
        found: list[str] = []
        for name, part in self.parts.items():
            head, rows = self._table(name)
            widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]
            found += [f"{TITLES.get(name, name)}, {self._many(name)}"]
            for first, *rest in [head, *rows]:
                cells = [cell.rjust(width) for cell, width in zip(rest, widths[1:], strict=True)]
                found.append("  ".join([first.ljust(widths[0]), *cells]))
            found += [*self._unknown(part), ""]
        worst = list(self.parts.values())[-1].worst(FEW)
        if worst:
            found.append("most wrong")
        for where, wrong, truth, said in worst:
            found += [f"  {where}: {wrong} characters", f"    truth  {truth}", f"    said   {said}"]
        return found

    def write(self, folder: str | Path) -> Path:
        """Write page and numbers into ``folder/report``; return the page. Raises `SaveError`."""
        home = Path(folder) / FOLDER
        try:
            home.mkdir(parents=True, exist_ok=True)
            (home / NUMBERS).write_text(json.dumps(self.to_dict(), ensure_ascii=False), encoding="utf-8")
        except OSError as error:
            raise SaveError(f"{home}: the report cannot be written ({error.strerror}).") from error
        return self._page().write(home / PAGE)

    def _page(self) -> Page:
        sections = []
        for name, part in self.parts.items():
            head, rows = self._table(name)
            blocks: list[Block] = [Table(head, rows, f"{self._many(name)}; in brackets the interval of 95%.")]
            blocks += [Text(line) for line in self._unknown(part)]
            sections.append(Section(f"How good it is: {TITLES.get(name, name)}", blocks))
        last = list(self.parts.values())[-1]
        mistaken: list[list[str | float | None]] = [list(each) for each in last.mistaken(MANY // 2)]
        sections.append(Section("What is mistaken for what", [Table(["", "truth", "said", "times"], mistaken)]))
        worst: list[list[str | float | None]] = [list(each) for each in last.worst(MANY)]
        sections.append(Section("Most wrong", [Table(["where", "characters", "truth", "said"], worst)]))
        return Page(self.title, sections)

    def _table(self, name: str) -> tuple[list[str], list[list[str]]]:
        rows = [
            [who, _share(figures, "wer"), _share(figures, "cer"), f"{figures['all_right']:.1%}"]
            for who, figures in self.figures[name].items()
        ]
        return ["", "word error", "character error", "without an error"], rows

    def _many(self, name: str) -> str:
        figures = self.figures[name][MODEL]
        return f"{figures['sequences']:,} transcripts, {figures['words']:,} words, {figures['characters']:,} characters"

    def _unknown(self, part: Said) -> list[str]:
        if not part.unknown:
            return []
        some = ", ".join(f"{symbol!r} {times} times" for symbol, times in list(part.unknown.items())[:FEW])
        more = ", ..." if len(part.unknown) > FEW else ""
        return [f"{len(part.unknown)} symbols of the truth were not in the training data: {some}{more}."]


def commonest(texts: Sequence[str]) -> str:
    """The transcript that occurs most often, of equal ones the first: what can be said without listening."""
    return Counter(texts).most_common(1)[0][0]


def _common(swaps: Counter[tuple[str, str]], count: int) -> list[tuple[tuple[str, str], int]]:
    return sorted(swaps.items(), key=lambda item: (-item[1], item[0]))[:count]


def _shown(unit: str) -> str:
    return {"": "nothing", " ": "space"}.get(unit, unit)


def _share(figures: Figures, key: str) -> str:
    low, high = figures[f"{key}_95"]
    return f"{figures[key]:.1%} ({100 * low:.1f} to {100 * high:.1f})"
