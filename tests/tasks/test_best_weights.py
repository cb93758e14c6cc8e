"""The best few weights of a run: which are kept, on disk and in memory."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from elman.tasks.best_weights import BestWeights


def weights(value: float) -> dict[str, np.ndarray]:
    return {"w": np.full(2, value, np.float32)}


@pytest.mark.parametrize("on_disk", [False, True])
def test_the_lowest_scores_are_kept_in_order(on_disk: bool, tmp_path: Path) -> None:
    best = BestWeights(2, tmp_path if on_disk else None, resume=False)
    for score in (5.0, 3.0, 4.0, 6.0, 1.0):
        best.take(score, weights(score))
    assert [float(each["w"][0]) for each in best.weights()] == [1.0, 3.0]
    if on_disk:
        assert len(list(tmp_path.rglob("*.safetensors"))) == 2


def test_a_resumed_run_takes_up_what_was_kept(tmp_path: Path) -> None:
    first = BestWeights(3, tmp_path, resume=False)
    for score in (2.0, 1.0):
        first.take(score, weights(score))
    again = BestWeights(3, tmp_path, resume=True)
    again.take(1.0, weights(1.0))  # the same ones, come by again
    again.take(1.0, weights(1.5))
    assert [float(each["w"][0]) for each in again.weights()] == [1.0, 1.5, 2.0]


def test_one_alone_is_not_kept() -> None:
    best = BestWeights(1, None, resume=False)
    best.take(1.0, weights(1.0))
    assert best.weights() == []
