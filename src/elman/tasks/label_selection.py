"""The held-out score that decides which weights a run keeps, and when it has learnt enough."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elman.metrics import spans
from elman.metrics.labels import Counts
from elman.runtime.answers import Answers
from elman.training.problem import Score


def held_out_score(answers: Answers, scores: Sequence[NDArray[Any]], targets: Sequence[Any], loss: float) -> Score:
    """How good scores are: what is counted in the end comes first, and among equals the lower loss.

    Args:
        answers: What scores say.
        scores: Of each sequence.
        targets: What is true of each.
        loss: Mean over all sequences.

    Errors are counted in whole sequences or spans, so that many weights are equally good: the loss adds less than one.
    """
    said = [answers.said(each) for each in scores]
    if answers.kind == "numbers":
        truth = np.array([np.atleast_1d(target) for target in targets], np.float64)
        error = float(np.sqrt(np.nanmean((np.array(said) - truth) ** 2, 0)).mean())
        return Score(loss, {"RMSE": error})
    name, right, of = _COUNTED[answers.kind](answers, said, targets)
    part = loss / (1 + loss) if np.isfinite(loss) else 1.0
    return Score((of * (1 - right) + part) / max(1, of), {name: right})


def _classes(answers: Answers, said: Sequence[str], targets: Sequence[str]) -> tuple[str, float, int]:
    right = sum(one == other for one, other in zip(said, targets, strict=True))
    return "accuracy", right / max(1, len(targets)), len(targets)


def _sets(
    answers: Answers, said: Sequence[frozenset[str]], targets: Sequence[frozenset[str]]
) -> tuple[str, float, int]:
    truth, given = (np.array([answers.encode(each) for each in side], bool) for side in (targets, said))
    return "micro-F1", float(Counts.of_sets(truth, given).micro_f1), int(truth.sum())


def _tags(
    answers: Answers, said: Sequence[tuple[str, ...]], targets: Sequence[tuple[str, ...]]
) -> tuple[str, float, int]:
    if spans.are_spans(answers.names):
        _, counts = spans.span_counts(targets, said)
        summed = counts.summed()
        return "F1 of spans", float(summed.micro_f1), int(summed.support.sum())
    pairs = [
        one == other for tags, true in zip(said, targets, strict=True) for one, other in zip(tags, true, strict=True)
    ]
    return "accuracy", sum(pairs) / max(1, len(pairs)), len(pairs)


_COUNTED: dict[str, Any] = {"class": _classes, "classes": _sets, "tags": _tags}
