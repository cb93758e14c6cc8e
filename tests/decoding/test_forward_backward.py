from __future__ import annotations

from itertools import pairwise, product

import numpy as np
import pytest

from elman.decoding.forward_backward import marginals
from elman.errors import DataError


def test_marginals_are_sums_over_all_paths() -> None:
    rng = np.random.default_rng(0)
    scores, transitions, start, end = (rng.normal(size=size) for size in ((4, 3), (3, 3), 3, 3))
    expected = np.zeros((4, 3))
    for path in product(range(3), repeat=4):
        value = start[path[0]] + end[path[-1]] + sum(scores[t, y] for t, y in enumerate(path))
        value += sum(transitions[one, other] for one, other in pairwise(path))
        for t, y in enumerate(path):
            expected[t, y] += np.exp(value)
    np.testing.assert_allclose(marginals(scores, transitions, start, end), expected / expected.sum(1, keepdims=True))


def test_large_scores_do_not_overflow() -> None:
    found = marginals(np.full((3, 2), 1e4), np.zeros((2, 2)), np.zeros(2), np.zeros(2))
    np.testing.assert_allclose(found, 0.5)


def test_no_steps_have_no_marginals() -> None:
    assert marginals(np.zeros((0, 2)), np.zeros((2, 2)), np.zeros(2), np.zeros(2)).shape == (0, 2)


def test_shapes_must_fit() -> None:
    with pytest.raises(DataError, match=r"marginals take scores \(time, labels\)"):
        marginals(np.zeros((3, 2)), np.zeros((3, 3)), np.zeros(2), np.zeros(2))
