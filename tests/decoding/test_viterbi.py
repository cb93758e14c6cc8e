from __future__ import annotations

from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elman.decoding import viterbi
from elman.errors import DataError
from tolerances import ROUNDING


def total(
    labels: tuple[int, ...], scores: np.ndarray, transitions: np.ndarray, start: np.ndarray, end: np.ndarray
) -> float:
    """What `viterbi` maximises, for one row."""
    steps = sum(scores[t, label] for t, label in enumerate(labels))
    return float(start[labels[0]] + steps + sum(transitions[pair] for pair in pairwise(labels)) + end[labels[-1]])


@given(data=st.data(), batch=st.integers(1, 3), time=st.integers(1, 5), labels=st.integers(1, 3))
@settings(max_examples=40, deadline=None, derandomize=True)
def test_no_sequence_is_better(data: st.DataObject, batch: int, time: int, labels: int) -> None:
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    lengths = data.draw(st.lists(st.integers(1, time), min_size=batch, max_size=batch))
    scores, weights = rng.standard_normal((batch, time, labels)), [rng.standard_normal((labels, labels))]
    weights += [rng.standard_normal(labels), rng.standard_normal(labels)]
    for row, length in enumerate(lengths):
        scores[row, length:] = np.nan
    for row, found in enumerate(viterbi(scores, *weights, lengths=lengths)):
        every = product(range(labels), repeat=lengths[row])
        best = max(total(one, scores[row], *weights) for one in every)
        assert len(found) == lengths[row]
        assert total(tuple(found), scores[row], *weights) == pytest.approx(best, rel=ROUNDING, abs=ROUNDING)


def test_of_equal_ones_the_smaller_label_wins() -> None:
    assert viterbi(np.zeros((1, 3, 2)), np.zeros((2, 2)), np.zeros(2), np.zeros(2))[0].tolist() == [0, 0, 0]


def test_forbidden_transitions_are_not_taken() -> None:
    scores = [[[1.0, 0.0], [0.0, 1.0]]]
    (found,) = viterbi(scores, [[0, -np.inf], [-np.inf, 0]], [0, 0], [0, 0.5])
    assert found.tolist() == [1, 1]


@pytest.mark.parametrize("lengths", [[0, 1], [1, 4], [3]])
def test_lengths_that_do_not_fit(lengths: list[int]) -> None:
    with pytest.raises(DataError, match="lengths must be 2 whole numbers from 1 to 3"):
        viterbi(np.zeros((2, 3, 2)), np.zeros((2, 2)), np.zeros(2), np.zeros(2), lengths=lengths)


def test_shapes_and_numbers_that_do_not_fit() -> None:
    for scores, transitions in (((3, 2), (2, 2)), ((1, 3, 2), (2, 3)), ((), (2, 2))):
        with pytest.raises(DataError, match="viterbi takes scores"):
            viterbi(np.zeros(scores), np.zeros(transitions), np.zeros(2), np.zeros(2))
    with pytest.raises(DataError, match="found NaN"):
        viterbi(np.full((1, 1, 2), np.nan), np.zeros((2, 2)), np.zeros(2), np.zeros(2))
