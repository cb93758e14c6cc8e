"""What the tasks that write texts share: how the best text is looked for, and the report on what was written."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeAlias, TypeVar

from elman.data.examples import Examples
from elman.decoding.beam import Penalties
from elman.errors import SaveError
from elman.plots import Block, Page, Picture, Section, Table, Text, png
from elman.runtime.caption_model import Caption
from elman.runtime.pair_model import Translation, Writing
from elman.settings import AUTO, WritingSettings, update

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Folder of the report in the folder of a run, and the names in it.
FOLDER, PAGE, NUMBERS, PICTURES = "report", "index.html", "numbers.json", "pictures"

#: Who is scored first, and a baseline.
MODEL, COMMONEST = "model", "the commonest target"

#: What a part is called where people read.
TITLES = {"held_out": "held-out data", "test": "test data", "data": "data"}

#: Texts that are shown on the terminal and on the page, and pictures that are drawn.
FEW, MANY, DRAWN = 5, 40, 4

Figures: TypeAlias = dict[str, Any]
Said = TypeVar("Said", Caption, Translation)


@dataclass(frozen=True, kw_only=True)
class Written(Generic[Said]):
    """What was written for examples whose texts are known.

    Attributes:
        names: Where each comes from.
        truth: What is right, one text or several for each.
        model: What the model wrote.
        others: What baselines wrote, by name.
    """

    names: Sequence[str]
    truth: Sequence[Sequence[str]]
    model: Sequence[Said]
    others: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @cached_property
    def texts(self) -> dict[str, Sequence[str]]:
        """By who wrote them, the model first."""
        return {MODEL: [each.text for each in self.model], **self.others}


Part = TypeVar("Part", bound="Written[Any]")


@dataclass(frozen=True, kw_only=True)
class TextReport(ABC, Generic[Part]):
    """What was found, for programs (`figures`, `to_dict`), the terminal (`lines`) and a page (`write`).

    Attributes:
        headings: Of the figures that are shown: what each is called, and how it is written.
        many: What examples are called.
        drawing: What the pictures are called, and what they show.
        parts: What was written for each part of the data (``held_out``, ``test``, ``data``), the one that counts last.
        title: One line above.
    """

    headings: ClassVar[Mapping[str, tuple[str, str]]]
    many: ClassVar[str]
    drawing: ClassVar[tuple[str, str]]

    parts: Mapping[str, Part]
    title: str

    @abstractmethod
    def figures_of(self, texts: Sequence[str], truth: Sequence[Sequence[str]]) -> Figures:
        """All figures of texts; those with an interval have it under their key with ``_95`` behind."""

    @abstractmethod
    def entry(self, part: Part, row: int) -> dict[str, str]:
        """What an example is known by."""

    @abstractmethod
    def pictures(self) -> dict[str, Figure]:
        """Pictures of the first examples of the last part, by the names of their files."""

    def sentences(self, name: str) -> list[str]:
        """What is said below the table of a part: how its figures were computed."""
        figures = self.figures[name][MODEL]
        known = [key for key in self.headings if f"{key}_signature" in figures]
        return [f"{self.headings[key][0]}: {figures[f'{key}_signature']}" for key in known]

    def worst(self, part: Part) -> Sequence[int]:
        """Rows that are shown as the most wrong ones."""
        return ()

    @cached_property
    def figures(self) -> dict[str, dict[str, Figures]]:
        """By part and by who is scored, for ``metrics.json``: ``figures["test"]["model"]["bleu"]``."""
        return {
            name: {who: self.figures_of(texts, part.truth) for who, texts in part.texts.items()}
            for name, part in self.parts.items()
        }

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain values for JSON."""
        return {
            name: {
                "figures": self.figures[name],
                self.many: [
                    {**self.entry(part, row), "truth": list(truth)}
                    | {who: all_[row] for who, all_ in part.texts.items()}
                    for row, truth in enumerate(part.truth)
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
            found.append(f"{TITLES.get(name, name)}, {self._count(name)}")
            for first, *rest in [head, *rows]:
                cells = [cell.rjust(width) for cell, width in zip(rest, widths[1:], strict=True)]
                found.append("  ".join([first.ljust(widths[0]), *cells]))
            found += [*self.sentences(name), ""]
        last = self.last
        for row in range(min(FEW, len(last.model))):
            *_, known_by = self.entry(last, row).values()
            truth = " | ".join(last.truth[row])
            found += [f"  {known_by}", f"    written  {last.model[row].text}", f"    truth    {truth}"]
        return found

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
    def last(self) -> Part:
        """The part that counts."""
        return list(self.parts.values())[-1]

    def _page(self, drawn: Mapping[str, bytes]) -> Page:
        sections = []
        for name in self.parts:
            head, rows = self._table(name)
            blocks: list[Block] = [Table(head, rows, f"{self._count(name)}; in brackets the interval of 95%.")]
            blocks += [Text(line) for line in self.sentences(name)]
            sections.append(Section(f"How good it is: {TITLES.get(name, name)}", blocks))
        last = self.last
        sections.append(Section("The first", [self._examples(last, range(min(MANY // 2, len(last.model))))]))
        if worst := self.worst(last):
            sections.append(Section("Most wrong", [self._examples(last, worst)]))
        if drawn:
            title, what = self.drawing
            sections.append(Section(title, [Picture(content, what, "") for content in drawn.values()]))
        return Page(self.title, sections)

    def _examples(self, part: Part, rows: Sequence[int]) -> Table:
        cells = [[*self.entry(part, row).values(), part.model[row].text, " | ".join(part.truth[row])] for row in rows]
        return Table([*self.entry(part, rows[0]), "written", "truth"], cells)

    def _table(self, name: str) -> tuple[list[str], list[list[str]]]:
        figures = self.figures[name]
        keys = [key for key in self.headings if key in figures[MODEL]]
        rows = [[who, *(shown(each, key, self.headings[key][1]) for key in keys)] for who, each in figures.items()]
        return ["", *(self.headings[key][0] for key in keys)], rows

    def _count(self, name: str) -> str:
        return f"{self.figures[name][MODEL]['sequences']:,} {self.many}"


def shown(figures: Figures, key: str, form: str) -> str:
    """A figure as people read it, with its interval where it has one.

    >>> shown({"bleu": 36.14, "bleu_95": [35.0, 37.2]}, "bleu", "{:.1f}"), shown({"exact": 0.5}, "exact", "{:.1%}")
    ('36.1 (35.0 to 37.2)', '50.0%')
    """
    text = form.format(figures[key])
    if f"{key}_95" not in figures:
        return text
    low, high = (form.format(end).removesuffix("%") for end in figures[f"{key}_95"])
    return f"{text} ({low} to {high})"


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
