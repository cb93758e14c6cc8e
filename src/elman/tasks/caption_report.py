"""The report on captions: BLEU-4 and CIDEr-D beside baselines, whether a caption finds its picture, and looks."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, final

import numpy as np
from numpy.typing import NDArray

from elman.codecs.pictures import PicturesCodec
from elman.codecs.raw import Raw
from elman.codecs.text import lower
from elman.data.examples import Examples
from elman.errors import SaveError
from elman.metrics.captions import cider_d
from elman.metrics.texts import bleu, exact
from elman.plots import Block, Page, Picture, Section, Table, Text, png
from elman.plots.attention import looks
from elman.runtime.caption_model import Caption, CaptionModel
from elman.tasks.translation_report import truth_in

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Folder of the report in the folder of a run, and the names in it.
FOLDER, PAGE, NUMBERS, PICTURES = "report", "index.html", "numbers.json", "pictures"

#: Who is scored first.
MODEL = "model"

#: What a part is called where people read.
TITLES = {"held_out": "held-out data", "test": "test data", "data": "data"}

#: Captions that are shown on the terminal and on the page, and pictures that are drawn.
FEW, MANY, DRAWN = 5, 40, 4

#: Pictures among which a caption is to find its own, and how many of the likeliest count.
AMONG, LIKELIEST = 100, 10

#: Figures: what each is called, and how it is written.
HEADINGS = {"bleu": ("BLEU-4", "{:.1f}"), "cider": ("CIDEr-D", "{:.2f}"), "exact": ("exactly right", "{:.1%}")}

#: Pixels of the longer side by which pictures are compared.
COMPARED = 8

Figures: TypeAlias = dict[str, Any]


def figures_of(texts: Sequence[str], truth: Sequence[Sequence[str]]) -> Figures:
    """BLEU-4 with its signature, CIDEr-D from 0 to 10, and the share that is exactly right; case does not count."""
    texts = [lower(text) for text in texts]
    truth = [[lower(text) for text in several] for several in truth]
    found = bleu(texts, truth)
    return {
        "bleu": found.value,
        "bleu_95": list(found.interval),
        "bleu_signature": found.signature,
        "cider": score_of(texts, truth),
        "exact": float(exact(texts, truth).mean()),
        "sequences": len(texts),
    }


def score_of(texts: Sequence[str], truth: Sequence[Sequence[str]]) -> float:
    """The mean CIDEr-D."""
    given = [lower(text).split() for text in texts]
    return float(cider_d(given, [[lower(text).split() for text in several] for several in truth]).mean())


def nearest(codec: PicturesCodec, known: Sequence[Raw], asked: Sequence[Raw]) -> NDArray[np.int64]:
    """The number of the known picture that is most like each asked one, pixel by pixel on a small scale."""
    from elman.codecs.frames import resize

    def small(raw: Raw) -> NDArray[np.float32]:
        picture = codec.encode(raw)
        row: NDArray[np.float32] = (
            picture.mean(0) if picture.ndim == 2 else resize(picture[None], COMPARED, COMPARED)[0].ravel()
        )
        return row

    rows, others = (np.stack([small(raw) for raw in some]) for some in (known, asked))
    off = (others**2).sum(1)[:, None] - 2 * others @ rows.T + (rows**2).sum(1)
    return np.asarray(off.argmin(1), np.int64)


def likeliest(model: CaptionModel, examples: Examples) -> float | None:
    """How often a picture is among the 10 for which its first caption is likeliest, of 100; None with fewer pictures.

    What a caption has in likelihood with any picture is taken off: of each picture the mean over all captions.
    """
    if len(examples) < AMONG:
        return None
    some = examples.take(np.linspace(0, len(examples) - 1, AMONG).round().astype(np.int64))
    found = model.log_probabilities(some.inputs, [several[0] for several in truth_in(some)])
    found = found - found.mean(1, keepdims=True)
    places = (found > np.diagonal(found)).sum(0)
    return float((places < LIKELIEST).mean())


@final
@dataclass(frozen=True)
class Described:
    """What was written for pictures whose captions are known.

    Attributes:
        names: Where each comes from.
        pictures: As the network reads them.
        truth: What is right, one text or several for each.
        model: What the model wrote.
        others: What baselines wrote, by name.
        found: How often a caption finds its picture, see `likeliest`.
    """

    names: Sequence[str]
    pictures: Sequence[NDArray[np.float32]]
    truth: Sequence[Sequence[str]]
    model: Sequence[Caption]
    others: Mapping[str, Sequence[str]] = field(default_factory=dict)
    found: float | None = None

    @cached_property
    def texts(self) -> dict[str, Sequence[str]]:
        """By who wrote them, the model first."""
        return {MODEL: [each.text for each in self.model], **self.others}


@final
@dataclass(frozen=True)
class CaptionReport:
    """What was found, for programs (`figures`, `to_dict`), the terminal (`lines`) and a page (`write`).

    Attributes:
        parts: What was written of each part of the data (``held_out``, ``test``, ``data``), the one that counts last.
        title: One line above.
        model: That wrote.
    """

    parts: Mapping[str, Described]
    title: str
    model: CaptionModel

    @cached_property
    def figures(self) -> dict[str, dict[str, Figures]]:
        """By part and by who is scored, for ``metrics.json``: ``figures["test"]["model"]["cider"]``."""
        found = {
            name: {who: figures_of(texts, part.truth) for who, texts in part.texts.items()}
            for name, part in self.parts.items()
        }
        for name, part in self.parts.items():
            if part.found is not None:
                found[name][MODEL]["found"] = part.found
        return found

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain values for JSON."""
        return {
            name: {
                "figures": self.figures[name],
                "captions": [
                    {"name": where, "truth": list(truth)} | {who: texts[row] for who, texts in part.texts.items()}
                    for row, (where, truth) in enumerate(zip(part.names, part.truth, strict=True))
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
            found.append(f"{TITLES.get(name, name)}, {self.figures[name][MODEL]['sequences']:,} pictures")
            for first, *rest in [head, *rows]:
                cells = [cell.rjust(width) for cell, width in zip(rest, widths[1:], strict=True)]
                found.append("  ".join([first.ljust(widths[0]), *cells]))
            found += [*self._sentences(name), ""]
        last = self._last
        for row in range(min(FEW, len(last.model))):
            truth = " | ".join(last.truth[row])
            found += [f"  {last.names[row]}", f"    written  {last.model[row].text}", f"    truth    {truth}"]
        return found

    def pictures(self) -> dict[str, Figure]:
        """Where the model looked at each word, of the first pictures, by the names of their files."""
        if self.model.codec.size is None:
            return {}
        last, grid = self._last, self.model.shape.encoder.grid
        return {
            f"looks_{row + 1}": looks(last.pictures[row], caption.symbols, caption.attention, grid, caption.text)
            for row, caption in enumerate(last.model[:DRAWN])
        }

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
    def _last(self) -> Described:
        return list(self.parts.values())[-1]

    def _page(self, drawn: Mapping[str, bytes]) -> Page:
        sections = []
        for name in self.parts:
            head, rows = self._table(name)
            blocks: list[Block] = [Table(head, rows, "In brackets the interval of 95%.")]
            blocks += [Text(line) for line in self._sentences(name)]
            sections.append(Section(f"How good it is: {TITLES.get(name, name)}", blocks))
        last = self._last
        rows = [
            [last.names[row], last.model[row].text, " | ".join(last.truth[row])]
            for row in range(min(MANY, len(last.model)))
        ]
        sections.append(Section("The first", [Table(["where", "written", "truth"], rows)]))
        if drawn:
            what = "Where the model looked before it wrote each word."
            sections.append(Section("Looks", [Picture(content, what, "") for content in drawn.values()]))
        return Page(self.title, sections)

    def _table(self, name: str) -> tuple[list[str], list[list[str]]]:
        figures = self.figures[name]
        rows = [[who, *(_shown(each, key) for key in HEADINGS)] for who, each in figures.items()]
        return ["", *(heading for heading, _ in HEADINGS.values())], rows

    def _sentences(self, name: str) -> list[str]:
        figures = self.figures[name][MODEL]
        sentences = [f"BLEU: {figures['bleu_signature']}"]
        if "found" in figures:
            sentences.append(
                f"Of {AMONG} pictures that of a caption is among the {LIKELIEST} likeliest in {figures['found']:.0%} "
                f"of the cases (by chance {LIKELIEST / AMONG:.0%})."
            )
        return sentences


def _shown(figures: Figures, key: str) -> str:
    form = HEADINGS[key][1]
    text = form.format(figures[key])
    if f"{key}_95" in figures:
        low, high = (form.format(end) for end in figures[f"{key}_95"])
        text += f" ({low} to {high})"
    return text
