"""The report on labels: figures with intervals beside two baselines, tables, pictures and worst mistakes, on one page.

rivals = fit_rivals(answers, train, valid, codec)
found = report(answers, {"held_out": Part(valid, probabilities)}, rivals=rivals)
metrics |= found.figures
found.write(folder)
print(*found.lines(), sep=os.linesep)
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, final

from elman.codecs.sequence import SequenceCodec
from elman.errors import DataError, SaveError, TrainingError
from elman.metrics.calibration import Reliability
from elman.plots import Block, Page, Picture, Section, Table, Text, png, svg
from elman.plots.labels import confusion_matrix, figures_beside, reliability_diagram
from elman.runtime.answers import Answers
from elman.tasks.label_figures import SCORERS, Figures, LabelRow, Mistake, NumberRow, Part, Scorer, alone

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from elman.baselines.linear import LinearModel
    from elman.codecs.bag import Bag
    from elman.data.examples import Examples
    from elman.runtime.label_model import LabelModel
    from elman.settings import TrainingSettings

__all__ = ["BagPart", "LabelReport", "Part", "PartReport", "Rival", "fit_rivals", "recorded", "report"]

#: Folder of the report in the folder of a run, and the names in it.
FOLDER, PAGE, PICTURES, NUMBERS = "report", "index.html", "pictures", "numbers.json"

#: Who is scored.
MODEL, ALONE, BAG_ALONE = "model", "recurrent part alone", "bag part alone"

#: What a part is called where people read.
TITLES = {"held_out": "held-out data", "test": "test data", "data": "data"}

#: Figures that are shown in per cent.
PERCENT = {"accuracy", "all_right"}

#: Rows of a table on the terminal.
ROWS = 12

#: What each picture of the last part shows, in the order of the page.
DESCRIPTIONS = {
    "figures": "The figure that models are compared by, with its interval of 95%.",
    "confusion": "Truth in rows, answers in columns: blue is right, orange wrong, the darker the more of its row.",
    "reliability": "How often answers were right, by how sure they were: on the diagonal they are as sure as right.",
}


class Rival(Protocol):
    """A baseline that was fitted on the training data; ``name`` is what it is called in the report."""

    @property
    def name(self) -> str:
        """What it is called in the report."""

    def outputs(self, examples: Examples) -> Any:
        """What it says of new sequences, in the form of `Part.outputs`."""


@dataclass(frozen=True)
class PartReport:
    """The report on one part of the data.

    Attributes:
        figures: Of the model and of everyone beside it, by name.
        rows: A row for every label or number.
        mistakes: The worst, worst first.
        confusion: Truth (row) against what was given (column), (labels, labels); None for answers without one.
        reliability: Confidence against how often it was right; None for numbers.
    """

    figures: dict[str, Figures]
    rows: Sequence[LabelRow | NumberRow]
    mistakes: Sequence[Mistake]
    confusion: Any = None
    reliability: Reliability | None = None


@dataclass(frozen=True)
class LabelReport:
    """What `report` found, for programs (`figures`, `to_dict`), the terminal (`lines`) and a page (`write`).

    Attributes:
        answer: What was asked for.
        labels: The classes, tags, or names of numbers.
        parts: A report for each part of the data, the one that counts last.
        title: One line above.
        note: One line below; none where it is empty.
    """

    answer: str
    labels: Sequence[str]
    parts: Mapping[str, PartReport]
    title: str
    note: str = ""

    @property
    def figures(self) -> dict[str, dict[str, Figures]]:
        """By part and by who is scored, for ``metrics.json``: ``figures["test"]["model"]["accuracy"]``."""
        return {name: _plain(part.figures) for name, part in self.parts.items()}

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain values for JSON."""
        return {
            "answer": self.answer,
            "labels": list(self.labels),
            "parts": {name: _part_to_dict(part) for name, part in self.parts.items()},
        }

    def lines(self) -> list[str]:
        """The report as lines for a terminal."""
        found: list[str] = []
        for name, part in self.parts.items():
            found += [*_figure_lines(self._scorer, TITLES.get(name, name), part), ""]
        _, last = self._last
        noted = [self.note] if self.note else []
        return found + _row_lines(last.rows) + _mistake_lines(last.mistakes[:3], self.answer) + noted

    @property
    def _scorer(self) -> Scorer:
        return SCORERS[self.answer](self.labels)

    @property
    def _last(self) -> tuple[str, PartReport]:
        return list(self.parts.items())[-1]

    def pictures(self) -> dict[str, Figure]:
        """The pictures of the last part: ``figures``, ``confusion`` and ``reliability``, where there are any."""
        name, part = self._last
        where = TITLES.get(name, name)
        found = {}
        scorer = self._scorer
        if len(part.figures) > 1:
            found["figures"] = figures_beside(
                {who: _with_interval(figures, scorer.main) for who, figures in part.figures.items()},
                f"{_capital(scorer.headings[scorer.main])} on {where}",
                percent=scorer.main in PERCENT,
            )
        if part.confusion is not None:
            found["confusion"] = confusion_matrix(part.confusion, self.labels, f"Truth and answers on {where}")
        if part.reliability is not None:
            seen = part.reliability
            found["reliability"] = reliability_diagram(
                seen.confidence, seen.right, seen.intervals, seen.counts,
                error=seen.error, title=f"How sure, how right: {where}",
            )  # fmt: skip
        return found

    def write(self, folder: str | Path) -> Path:
        """Write page, pictures (PNG and SVG) and numbers into ``folder/report``; return the page.

        The page is one file that needs neither the others nor a network. What stands there under these names is written
        over. Raises `SaveError`.
        """
        home = Path(folder) / FOLDER
        files: dict[str, bytes] = {}
        for name, figure in self.pictures().items():
            files |= {f"{PICTURES}/{name}.png": png(figure), f"{PICTURES}/{name}.svg": svg(figure)}
        files[NUMBERS] = json.dumps(self.to_dict(), ensure_ascii=False, allow_nan=False).encode()
        files[PAGE] = self._page(files).html().encode()
        for name, content in files.items():
            _write(home / name, content)
        return home / PAGE

    def _page(self, files: Mapping[str, bytes]) -> Page:
        scorer = self._scorer
        sections = [
            Section(
                f"On {TITLES.get(name, name)}", [Table(*_figure_table(scorer, part), caption=_caption(scorer, part))]
            )
            for name, part in self.parts.items()
        ]
        _, last = self._last
        pictures = {name: _picture(files, name) for name in DESCRIPTIONS if f"{PICTURES}/{name}.svg" in files}
        if "figures" in pictures:
            sections[-1] = replace(sections[-1], blocks=[*sections[-1].blocks, pictures.pop("figures")])
        heading = "Numbers" if self.answer == "numbers" else "Labels"
        sections.append(Section(heading, [Table(*_row_table(last.rows)), *pictures.values()]))
        worst: list[Block] = [Table(*_mistake_table(last.mistakes, self.answer))] if last.mistakes else []
        sections.append(Section("Worst mistakes", worst or [Text("None.")]))
        return Page(self.title, sections, " ".join(filter(None, [self._summary(), self.note])))

    def _summary(self) -> str:
        name, part = self._last
        scorer = self._scorer
        figure = _shown(part.figures[MODEL], scorer.main)
        heading = _capital(scorer.headings[scorer.main])
        return f"{heading} {figure} on {_many(part.figures[MODEL])} of {TITLES.get(name, name)}."


def report(
    answers: Answers,
    parts: Mapping[str, Part],
    *,
    rivals: Sequence[Rival] = (),
    title: str = "Report",
) -> LabelReport:
    """Score what a model said of each part of the data, beside what the rivals say of it.

    Args:
        answers: What was asked for, and the labels in the order of the outputs.
        parts: By name (``held_out``, ``test``, ``data``); the last one is shown in full.
        rivals: Baselines, from `fit_rivals`.
        title: One line above.

    Raises:
        DataError: A part has no truth, or its outputs do not fit it.
    """
    scorer = SCORERS[answers.kind](answers.names)
    found = {name: _report_on(scorer, part, rivals) for name, part in parts.items()}
    return LabelReport(answers.kind, answers.names, found, title)


def fit_rivals(
    answers: Answers,
    train: Examples,
    valid: Examples,
    codec: SequenceCodec,
    *,
    training: TrainingSettings | None = None,
    bag: tuple[Bag, LinearModel] | None = None,
    note: Callable[[str], None] | None = None,
) -> list[Rival]:
    """Fit both baselines on ``train``, their settings chosen on ``valid``: a bag of features, a feed-forward network.

    Args:
        answers: What is asked for.
        train: What they learn from.
        valid: What decides between settings, and when the network has learnt enough.
        codec: What the feed-forward network reads through.
        training: Whose seed, threads and device hold for it.
        bag: Of the network, with the model that was fitted on it already.
        note: Receives a sentence about one that could not be fitted, and why.
    """
    from elman.baselines.bag_of_features import BagOfFeatures
    from elman.baselines.feed_forward import FeedForward

    def fit_bag() -> Rival:
        return BagOfFeatures.fit(answers, train, valid, codec, bag)

    def fit_network() -> Rival:
        return FeedForward.fit(answers, train, valid, codec, training=training)

    found: list[Rival] = []
    for name, fit in ((BagOfFeatures.name, fit_bag), (FeedForward.name, fit_network)):
        try:
            found.append(fit())
        except (DataError, TrainingError) as error:
            if note is not None:
                note(f"The baseline '{name}' is left out: {error}")
        except KeyboardInterrupt:  # Ctrl-C means not to wait for baselines; the model is there all the same
            break
    return found


@final
@dataclass(frozen=True)
class BagPart:
    """The bag of features of a model as a rival of the whole: it was fitted by itself, on the same data."""

    model: LabelModel
    name = BAG_ALONE

    def outputs(self, examples: Examples) -> Any:
        """What it says of new sequences."""
        return self.model.bag_alone(examples.inputs)


def recorded(answers: Answers, metrics: Mapping[str, Any]) -> str:
    """One sentence on what model and baselines reached when it was trained, from its ``metrics.json``.

    Empty where nothing was held out then. The part that counts is the test data, else the held-out ones.
    """
    part = next((part for part in ("test", "held_out") if part in metrics), None)
    if part is None:
        return ""
    scorer = SCORERS[answers.kind](answers.names)
    told = ", ".join(f"{who} {_value(scorer.main, each[scorer.main])}" for who, each in metrics[part].items())
    return f"When it was trained, {scorer.headings[scorer.main]} on {TITLES[part]}: {told}."


def _report_on(scorer: Scorer, part: Part, rivals: Sequence[Rival]) -> PartReport:
    figures = {MODEL: scorer.figures(part)}
    if part.alone is not None:
        figures[ALONE] = scorer.figures(alone(part))
    for rival in rivals:
        figures[rival.name] = scorer.figures(Part(part.examples, rival.outputs(part.examples)))
    return PartReport(
        figures, scorer.rows(part), scorer.mistakes(part), scorer.confusion(part), scorer.reliability(part)
    )


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _plain(value: Any) -> Any:
    """Figures as JSON knows them: lists for intervals, none for what is not a number."""
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, (tuple, list)):
        return [_plain(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _part_to_dict(part: PartReport) -> dict[str, Any]:
    found = {
        "figures": part.figures,
        "rows": [row._asdict() for row in part.rows],
        "mistakes": [mistake._asdict() for mistake in part.mistakes],
    }
    if part.confusion is not None:
        found["confusion"] = part.confusion.tolist()
    if part.reliability is not None:
        measured = part.reliability
        found["reliability"] = {
            "counts": measured.counts.tolist(),
            "confidence": measured.confidence.tolist(),
            "right": measured.right.tolist(),
        }
    plain: dict[str, Any] = _plain(found)
    return plain


def _value(key: str, value: Any) -> str:
    """A figure as people read it.

    >>> _value("accuracy", 0.8321), _value("macro_f1", 0.8321), _value("rmse", 12.3456)
    ('83.2%', '0.832', '12.35')
    """
    if value is None or not math.isfinite(value):
        return "-"
    if key in PERCENT:
        return f"{value:.1%}"
    return f"{value:.4g}" if key in ("rmse", "mae") else f"{value:.3f}"


def _shown(figures: Mapping[str, Any], key: str) -> str:
    """A figure with its interval, where it has one."""
    if key not in figures:
        return "-"
    ends = figures.get(f"{key}_95")
    value = _value(key, figures[key])
    if ends is None:
        return value
    low, high = (_value(key, end).removesuffix("%") for end in ends)
    return f"{value} ({low} to {high})"


def _with_interval(figures: Mapping[str, Any], key: str) -> tuple[float, float, float]:
    return (figures[key], *figures[f"{key}_95"])


def _many(figures: Mapping[str, Any]) -> str:
    """How much was scored, in words.

    >>> _many({"sequences": 1200}), _many({"sequences": 10, "steps": 130})
    ('1,200 sequences', '10 sequences, 130 steps')
    """
    return ", ".join(f"{figures[name]:,} {name}" for name in ("sequences", "steps", "spans") if name in figures)


def _figure_table(scorer: Scorer, part: PartReport) -> tuple[list[str], list[list[str]]]:
    rows = [[who, *(_shown(figures, key) for key in scorer.headings)] for who, figures in part.figures.items()]
    return ["", *scorer.headings.values()], rows


def _row_table(rows: Sequence[LabelRow | NumberRow]) -> tuple[list[str], list[list[str]]]:
    columns = {"support": "belongs", "rmse": "RMSE", "mae": "MAE", "r2": "R2", "f1": "F1", "label": "", "name": ""}
    head = [columns.get(name, name) for name in rows[0]._fields] if rows else [""]
    return head, [
        [f"{cell:,}" if isinstance(cell, int) else _value(name, cell) if isinstance(cell, float) else cell
         for name, cell in row._asdict().items()]
        for row in rows
    ]  # fmt: skip


def _mistake_table(mistakes: Sequence[Mistake], answer: str) -> tuple[list[str], list[list[str]]]:
    head = ["where", "truth", "given", "off by" if answer == "numbers" else "how sure", "sequence"]
    return head, [
        [m.name, m.truth, m.given, f"{m.probability:.4g}" if answer == "numbers" else f"{m.probability:.1%}", m.excerpt]
        for m in mistakes
    ]


def _caption(scorer: Scorer, part: PartReport) -> str:
    better = "Lower is better." if scorer.lower else ""
    unknown = part.figures[MODEL].get("unknown_label", 0)
    unseen = f"{unknown} have a class that no training sequence had; they count as wrong." if unknown else ""
    said = f"{_many(part.figures[MODEL])}; in brackets the interval that holds the true value 95 times in 100."
    return " ".join(filter(None, [said, better, unseen]))


def _picture(files: Mapping[str, bytes], name: str) -> Picture:
    # The smaller one: a large matrix makes a large SVG.
    content = min((files[f"{PICTURES}/{name}.{kind}"] for kind in ("svg", "png")), key=len)
    return Picture(content, DESCRIPTIONS[name], DESCRIPTIONS[name])


def _write(path: Path, content: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    except OSError as error:
        raise SaveError(f"{path}: the report cannot be written ({error.strerror}).") from error


# The terminal --------------------------------------------------------------------------------------------


def _columns(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows below their heads in columns: the first to the left, the others to the right.

    >>> _columns(["", "F1"], [["a label", "0.5"]])
    ['          F1', 'a label  0.5']
    """
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]
    return [
        "  ".join([row[0].ljust(widths[0]), *(cell.rjust(n) for cell, n in zip(row[1:], widths[1:], strict=True))])
        for row in [head, *rows]
    ]


def _figure_lines(scorer: Scorer, where: str, part: PartReport) -> list[str]:
    head, rows = _figure_table(scorer, part)
    return [f"{where}, {_many(part.figures[MODEL])}", *_columns(head, rows)]


def _row_lines(rows: Sequence[LabelRow | NumberRow]) -> list[str]:
    """The table of labels; of many those that fare worst."""
    shown = rows
    if len(rows) > ROWS:
        shown = sorted(rows, key=lambda row: row.f1 if isinstance(row, LabelRow) else row.r2)[:ROWS]
    if len(rows) < 2:
        return []
    more = [f"... and {len(rows) - ROWS} more labels that fare better"] if len(rows) > ROWS else []
    return [*_columns(*_row_table(shown)), *more, ""]


def _mistake_lines(mistakes: Sequence[Mistake], answer: str) -> list[str]:
    if not mistakes:
        return []
    found = ["worst mistakes"]
    for mistake in mistakes:
        sure = f"off by {mistake.probability:.4g}" if answer == "numbers" else f"{mistake.probability:.1%} sure"
        found.append(f"  {mistake.name}: {mistake.given}, {sure}; truth {mistake.truth}")
        found += [f"    {mistake.excerpt[:110]}"] if mistake.excerpt else []
    return found
