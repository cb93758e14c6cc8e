"""What labels that were given are worth: for every kind of answer its figures, its table and its worst mistakes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, TypeAlias, final

import numpy as np
from numpy.typing import NDArray

from elman.errors import DataError
from elman.metrics import calibration, intervals, labels, numbers, spans
from elman.runtime.answers import THRESHOLD
from elman.tasks.excerpts import excerpt

if TYPE_CHECKING:
    from elman.data.examples import Examples

Floats: TypeAlias = NDArray[np.floating[Any]]

#: A figure, an interval of 95%, or how many.
Figures: TypeAlias = dict[str, float | int | tuple[float, float] | dict[str, float]]

#: How many of the worst mistakes are kept.
MISTAKES = 20

#: Probabilities count as at least this in a log loss, which would else be infinite.
LEAST = 1e-12


@dataclass(frozen=True)
class Part:
    """Sequences whose truth is known, and what a model said of them.

    Attributes:
        examples: n sequences with targets.
        outputs: For ``class`` and ``classes`` probabilities, (n, labels); for ``tags`` the probabilities of every
            sequence, (time, labels) each; for ``numbers`` what was given, (n, outputs), in the unit of the targets.
        given: The tags that were chosen, where these are not the likeliest of each step (a CRF).
        alone: ``outputs`` of the recurrent part alone, where the model has a bag of features beside it.
    """

    examples: Examples
    outputs: Floats | Sequence[Floats]
    given: Sequence[Sequence[str]] | None = None
    alone: Floats | None = None


class Mistake(NamedTuple):
    """A wrong answer.

    Attributes:
        name: Where the sequence comes from.
        truth: What would have been right.
        given: What was said.
        probability: Of what was said; for numbers how far off it is.
        of_truth: Probability of what would have been right; None for numbers, and where the model does not know it.
        excerpt: The sequence, or its beginning, or what it is.
    """

    name: str
    truth: str
    given: str
    probability: float
    of_truth: float | None
    excerpt: str


class LabelRow(NamedTuple):
    """How one label fares: how often it belongs and is given, its precision, recall and F1."""

    label: str
    support: int
    given: int
    precision: float
    recall: float
    f1: float


class NumberRow(NamedTuple):
    """How one number fares, in its own unit; ``r2`` is the share of its variance that is explained."""

    name: str
    rmse: float
    mae: float
    r2: float


class Scorer(ABC):
    """Scores one kind of answer.

    Attributes:
        headings: The figures to show, by key: what each is called.
        main: The key of the figure that models are compared by.
        lower: Whether lower is better in it.
    """

    headings: ClassVar[dict[str, str]]
    main: ClassVar[str]
    lower: ClassVar[bool] = False

    def __init__(self, names: Sequence[str]) -> None:
        self.names = list(names)
        self.number = {name: index for index, name in enumerate(self.names)}

    @abstractmethod
    def figures(self, part: Part) -> Figures:
        """All figures; those with an interval have it under their key with ``_95`` behind."""

    @abstractmethod
    def rows(self, part: Part) -> Sequence[LabelRow | NumberRow]:
        """A row for every label or number."""

    @abstractmethod
    def mistakes(self, part: Part) -> list[Mistake]:
        """The worst, worst first."""

    def confusion(self, part: Part) -> NDArray[np.int64] | None:
        """Truth (row) against what was given (column); None where there is no such thing."""
        return None

    def reliability(self, part: Part) -> calibration.Reliability | None:
        """Confidence against how often it was right; None where nothing is said about confidence."""
        return None

    def numbers_of(self, truth: Sequence[Any]) -> NDArray[np.int64]:
        """The numbers of labels; -1 for one that the model has never seen."""
        return np.array([self.number.get(name, -1) for name in truth], np.int64)


@final
class ClassScorer(Scorer):
    """One class for each sequence."""

    headings: ClassVar = {"accuracy": "accuracy", "macro_f1": "macro-F1", "log_loss": "log loss"}
    main = "accuracy"

    def figures(self, part: Part) -> Figures:
        """Accuracy, macro-F1, Matthews correlation, log loss and calibration error."""
        truth, given, outputs = self._read(part)
        n, k = len(truth), len(self.names)
        known = truth >= 0
        chances = outputs[known, truth[known]]
        found: Figures = {
            "accuracy": labels.accuracy(truth, given),
            "accuracy_95": intervals.wilson(int((truth == given).sum()), n),
            "macro_f1": float(labels.Counts.of_classes(truth, given, k).macro_f1),
            "macro_f1_95": labels.macro_f1_interval(truth, given, k),
            "matthews": labels.matthews(labels.confusion(truth, given, k)),
            "log_loss": float(-np.log(np.maximum(chances, LEAST)).mean()) if known.any() else float("nan"),
            "calibration_error": calibration.reliability(outputs.max(1), truth == given).error,
            "sequences": n,
        }
        return found | ({} if known.all() else {"unknown_label": int((~known).sum())})

    def _read(self, part: Part) -> tuple[NDArray[np.int64], NDArray[np.int64], Floats]:
        outputs = _matrix(part.outputs, len(part.examples), len(self.names))
        return self.numbers_of(_targets(part.examples)), outputs.argmax(1), outputs

    def rows(self, part: Part) -> Sequence[LabelRow]:
        """By class, in the order of the model."""
        truth, given, _ = self._read(part)
        return _label_rows(self.names, labels.Counts.of_classes(truth, given, len(self.names)))

    def mistakes(self, part: Part) -> list[Mistake]:
        """Where the model was surest of a wrong class."""
        truth, given, outputs = self._read(part)
        wrong = np.flatnonzero(truth != given)
        worst = wrong[np.argsort(-outputs[wrong, given[wrong]], kind="stable")][:MISTAKES]
        targets = _targets(part.examples)
        return [
            Mistake(
                part.examples.names[row],
                str(targets[row]),
                self.names[given[row]],
                float(outputs[row, given[row]]),
                float(outputs[row, truth[row]]) if truth[row] >= 0 else None,
                excerpt(part.examples.inputs[row]),
            )
            for row in worst
        ]

    def confusion(self, part: Part) -> NDArray[np.int64]:
        """Truth (row) against what was given (column)."""
        truth, given, _ = self._read(part)
        return labels.confusion(truth, given, len(self.names))

    def reliability(self, part: Part) -> calibration.Reliability:
        """Of the class that was given."""
        truth, given, outputs = self._read(part)
        return calibration.reliability(outputs.max(1), truth == given)


@final
class SetScorer(Scorer):
    """Any number of labels for each sequence."""

    headings: ClassVar = {"micro_f1": "micro-F1", "macro_f1": "macro-F1", "all_right": "all labels right"}
    main = "micro_f1"

    def figures(self, part: Part) -> Figures:
        """Micro- and macro-F1, precision, recall, the share of sequences with all labels right, log loss a label."""
        truth, outputs = self._read(part)
        each = labels.Counts.of_each_set(truth, outputs >= THRESHOLD)
        together = each.summed()
        # A label that the model has never seen is missed wherever it belongs.
        unseen = self._unseen(part)
        right = ((outputs >= THRESHOLD) == truth).all(1) & (unseen == 0)
        hits, given = float(together.hits.sum()), float((outputs >= THRESHOLD).sum())
        belong = float(truth.sum() + unseen.sum())
        chances = np.where(truth, outputs, 1 - outputs)
        columns = ((each.hits, 0 * unseen), (each.false_alarms, 0 * unseen), (each.misses, unseen))
        with_unseen = labels.Counts(*(np.column_stack(pair).astype(np.float64) for pair in columns))
        return {
            "micro_f1": 2 * hits / (given + belong) if given + belong else 0.0,
            "micro_f1_95": labels.f1_interval(with_unseen, "micro"),
            "macro_f1": float(together.macro_f1),
            "macro_f1_95": labels.f1_interval(each, "macro"),
            "precision": hits / given if given else 0.0,
            "recall": hits / belong if belong else 0.0,
            "all_right": float(right.mean()),
            "all_right_95": intervals.wilson(int(right.sum()), len(right)),
            "log_loss": float(-np.log(np.maximum(chances, LEAST)).mean()),
            "calibration_error": self.reliability(part).error,
            "sequences": len(truth),
        }

    def _read(self, part: Part) -> tuple[NDArray[np.bool_], Floats]:
        outputs = _matrix(part.outputs, len(part.examples), len(self.names))
        truth = np.zeros(outputs.shape, np.bool_)
        for row, target in enumerate(_targets(part.examples)):
            truth[row, [self.number[name] for name in target if name in self.number]] = True
        return truth, outputs

    def _unseen(self, part: Part) -> NDArray[np.int64]:
        """How many labels of each sequence the model has never seen."""
        return np.array([sum(name not in self.number for name in target) for target in _targets(part.examples)])

    def rows(self, part: Part) -> Sequence[LabelRow]:
        """By label, in the order of the model."""
        truth, outputs = self._read(part)
        return _label_rows(self.names, labels.Counts.of_sets(truth, outputs >= THRESHOLD))

    def mistakes(self, part: Part) -> list[Mistake]:
        """The labels of which the model was surest that they belong, or do not, and was wrong."""
        truth, outputs = self._read(part)
        sure = np.where(outputs >= THRESHOLD, outputs, 1 - outputs)
        wrong = np.argwhere((outputs >= THRESHOLD) != truth)
        worst = wrong[np.argsort(-sure[wrong[:, 0], wrong[:, 1]], kind="stable")][:MISTAKES]
        return [
            Mistake(
                part.examples.names[row],
                self.names[label] if truth[row, label] else f"not {self.names[label]}",
                f"not {self.names[label]}" if truth[row, label] else self.names[label],
                float(sure[row, label]),
                float(1 - sure[row, label]),
                excerpt(part.examples.inputs[row]),
            )
            for row, label in worst
        ]

    def reliability(self, part: Part) -> calibration.Reliability:
        """Of the probability that a label belongs."""
        truth, outputs = self._read(part)
        return calibration.reliability(outputs.ravel(), truth.ravel())


@final
class TagScorer(Scorer):
    """A tag for every step; where tags mark spans, the spans count."""

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(names)
        self.in_spans = spans.are_spans(names)

    @property
    def headings(self) -> dict[str, str]:  # type: ignore[override]
        """With the F1 of spans where tags mark spans."""
        found = {"span_f1": "span F1"} if self.in_spans else {"accuracy": "accuracy", "macro_f1": "macro-F1"}
        return found | {"all_right": "all tags right"}

    @property
    def main(self) -> str:  # type: ignore[override]
        """The F1 of spans, or how many tags are right."""
        return "span_f1" if self.in_spans else "accuracy"

    def figures(self, part: Part) -> Figures:
        """Accuracy, macro-F1, sequences with all tags right; of spans precision, recall and F1.

        Tags of a sequence depend on each other, so intervals come from drawing sequences.
        """
        truth, given = self._read(part)
        right = [np.array([a == b for a, b in zip(*pair, strict=True)]) for pair in zip(truth, given, strict=True)]
        sums = np.array([(row.sum(), len(row)) for row in right])
        everywhere = np.array([row.all() for row in right])
        found: Figures = {}
        if self.in_spans:
            each = spans.span_counts(truth, given)[1]
            together = each.summed()
            hits, said, belong = (float(part.sum()) for part in (
                together.hits, together.hits + together.false_alarms, together.hits + together.misses
            ))  # fmt: skip
            found |= {
                "span_f1": float(together.micro_f1),
                "span_f1_95": labels.f1_interval(each, "micro"),
                "precision": hits / said if said else 0.0,
                "recall": hits / belong if belong else 0.0,
                "spans": int(belong),
            }
        return found | {
            "accuracy": float(sums[:, 0].sum() / sums[:, 1].sum()),
            "accuracy_95": intervals.bootstrap(sums, lambda drawn: drawn[:, 0] / drawn[:, 1]),
            "macro_f1": float(self._tag_counts(truth, given).macro_f1),
            "all_right": float(everywhere.mean()),
            "all_right_95": intervals.wilson(int(everywhere.sum()), len(everywhere)),
            "calibration_error": self.reliability(part).error,
            "sequences": len(truth),
            "steps": int(sums[:, 1].sum()),
        }

    def _read(self, part: Part) -> tuple[list[tuple[str, ...]], list[tuple[str, ...]]]:
        """The true tags and those that were given."""
        truth = [tuple(target) for target in _targets(part.examples)]
        if part.given is not None:
            given = [tuple(tags) for tags in part.given]
        else:
            given = [tuple(self.names[tag] for tag in output.argmax(-1)) for output in part.outputs]
        for name, true, tags in zip(part.examples.names, truth, given, strict=True):
            if len(true) != len(tags):
                raise DataError(f"{name}: has {len(true)} tags but the model gave {len(tags)}.")
        return truth, given

    def _tag_counts(self, truth: Sequence[Sequence[str]], given: Sequence[Sequence[str]]) -> labels.Counts:
        flat = [self.numbers_of([tag for tags in side for tag in tags]) for side in (truth, given)]
        return labels.Counts.of_classes(flat[0], flat[1], len(self.names))

    def rows(self, part: Part) -> Sequence[LabelRow]:
        """By kind of span, or by tag."""
        truth, given = self._read(part)
        if self.in_spans:
            kinds, counts = spans.span_counts(truth, given)
            return _label_rows(kinds, counts.summed())
        return _label_rows(self.names, self._tag_counts(truth, given))

    def mistakes(self, part: Part) -> list[Mistake]:
        """The steps where the model was surest of a wrong tag."""
        truth, given = self._read(part)
        found: list[tuple[float, int, int]] = []
        for row, (true, tags) in enumerate(zip(truth, given, strict=True)):
            wrong = [step for step, pair in enumerate(zip(true, tags, strict=True)) if pair[0] != pair[1]]
            found += [(-(self._probability(part, row, step, tags[step]) or 0.0), row, step) for step in wrong]
        return [
            Mistake(
                f"{part.examples.names[row]}, step {step + 1}",
                truth[row][step],
                given[row][step],
                -sure,
                self._probability(part, row, step, truth[row][step]),
                excerpt(part.examples.inputs[row], step),
            )
            for sure, row, step in sorted(found)[:MISTAKES]
        ]  # fmt: skip

    def _probability(self, part: Part, row: int, step: int, tag: str) -> float | None:
        return float(part.outputs[row][step, self.number[tag]]) if tag in self.number else None

    def confusion(self, part: Part) -> NDArray[np.int64] | None:
        """Of tags; None for spans, most of which are outside any."""
        if self.in_spans:
            return None
        truth, given = self._read(part)
        flat = [self.numbers_of([tag for tags in side for tag in tags]) for side in (truth, given)]
        return labels.confusion(flat[0], flat[1], len(self.names))

    def reliability(self, part: Part) -> calibration.Reliability:
        """Of the tag that was given at each step."""
        truth, given = self._read(part)
        sure, right = [], []
        for true, tags, output in zip(truth, given, part.outputs, strict=True):
            sure.append(output[np.arange(len(tags)), self.numbers_of(tags)])
            right.append([a == b for a, b in zip(true, tags, strict=True)])
        return calibration.reliability(np.concatenate(sure), np.concatenate(right))


@final
class NumberScorer(Scorer):
    """One or more numbers for each sequence."""

    headings: ClassVar = {"rmse": "RMSE", "mae": "MAE", "r2": "R2"}
    main, lower = "rmse", True

    def figures(self, part: Part) -> Figures:
        """RMSE, MAE and R2; of several numbers their means."""
        truth, given = self._read(part)
        return {
            "rmse": float(numbers.rmse(truth, given).mean()),
            "rmse_95": numbers.rmse_interval(truth, given),
            "mae": float(numbers.mae(truth, given).mean()),
            "r2": float(numbers.r2(truth, given).mean()),
            "sequences": len(truth),
        }

    def _read(self, part: Part) -> tuple[Floats, Floats]:
        given = _matrix(part.outputs, len(part.examples), len(self.names)).astype(np.float64)
        return np.array([np.atleast_1d(target) for target in _targets(part.examples)], np.float64), given

    def rows(self, part: Part) -> Sequence[NumberRow]:
        """By number."""
        truth, given = self._read(part)
        columns = zip(numbers.rmse(truth, given), numbers.mae(truth, given), numbers.r2(truth, given), strict=True)
        return [NumberRow(name, *map(float, row)) for name, row in zip(self.names, columns, strict=True)]

    def mistakes(self, part: Part) -> list[Mistake]:
        """Those furthest off, in standard deviations of their number."""
        truth, given = self._read(part)
        spread = truth.std(0)
        far = np.abs(given - truth) / np.where(spread > 0, spread, 1)
        order = np.dstack(np.unravel_index(np.argsort(-far, axis=None, kind="stable")[:MISTAKES], far.shape))[0]
        of = [f" ({name})" if len(self.names) > 1 else "" for name in self.names]
        return [
            Mistake(
                part.examples.names[row] + of[column],
                f"{truth[row, column]:.4g}",
                f"{given[row, column]:.4g}",
                float(abs(given[row, column] - truth[row, column])),
                None,
                excerpt(part.examples.inputs[row]),
            )
            for row, column in order
            if far[row, column] > 0
        ]


SCORERS: Mapping[str, type[Scorer]] = {
    "class": ClassScorer,
    "classes": SetScorer,
    "tags": TagScorer,
    "numbers": NumberScorer,
}


def _targets(examples: Examples) -> Sequence[Any]:
    if examples.targets is None or not len(examples):
        raise DataError("A score needs sequences with their truth; found none. Give data with a target column.")
    return examples.targets


def _matrix(outputs: Any, rows: int, columns: int) -> Floats:
    found = np.asarray(outputs)
    if found.shape != (rows, columns):
        raise DataError(f"expected outputs of the shape {(rows, columns)}, found {found.shape}.")
    return found


def _label_rows(names: Sequence[str], counts: labels.Counts) -> list[LabelRow]:
    given = counts.hits + counts.false_alarms
    columns = (counts.support, given.astype(np.int64), counts.precision, counts.recall, counts.f1)
    return [
        LabelRow(name, int(a), int(b), float(c), float(d), float(e))
        for name, a, b, c, d, e in zip(names, *columns, strict=True)
    ]


def alone(part: Part) -> Part:
    """The part with what its recurrent part alone says."""
    assert part.alone is not None
    return replace(part, outputs=part.alone, alone=None, given=None)
