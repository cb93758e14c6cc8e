from __future__ import annotations

import math
from itertools import islice

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from elman.decoding import Sampling, generate
from elman.errors import DataError, SettingsError
from tolerances import ROUNDING

logit_rows = arrays(np.float64, st.integers(1, 20), elements=st.floats(-50, 50))
samplings = st.builds(
    Sampling,
    temperature=st.sampled_from([0, 1e-300, 0.5, 1.0, 3.0]),
    top_k=st.integers(0, 25),
    top_p=st.sampled_from([1e-9, 0.3, 0.9, 1.0]),
)


@given(logits=logit_rows, sampling=samplings)
def test_probabilities_sum_to_one_and_respect_the_order(logits: np.ndarray, sampling: Sampling) -> None:
    p = sampling.probabilities(logits)
    assert p.min() >= 0
    assert math.isclose(p.sum(), 1, rel_tol=ROUNDING)
    assert p[logits.argmax()] == p.max()
    if sampling.top_k:
        assert np.count_nonzero(p) <= sampling.top_k
    kept, dropped = logits[p > 0], logits[p == 0]
    assert not dropped.size or kept.min() >= dropped.max()


@given(logits=logit_rows, sampling=samplings, seed=st.integers(0, 2**32))
def test_only_possible_symbols_are_chosen(logits: np.ndarray, sampling: Sampling, seed: int) -> None:
    chosen = sampling.choose(logits, np.random.default_rng(seed))
    assert sampling.probabilities(logits)[chosen] > 0
    assert chosen == sampling.choose(logits, np.random.default_rng(seed))


@given(logits=arrays(np.float64, (3, 7), elements=st.floats(-50, 50)), sampling=samplings)
def test_rows_are_independent(logits: np.ndarray, sampling: Sampling) -> None:
    rows = np.stack([sampling.probabilities(row) for row in logits])
    np.testing.assert_allclose(sampling.probabilities(logits), rows, rtol=ROUNDING)


def test_softmax_by_hand() -> None:
    logits = np.log([1.0, 3.0, 4.0, 8.0])
    np.testing.assert_allclose(Sampling().probabilities(logits), np.array([1, 3, 4, 8]) / 16, rtol=ROUNDING)
    squared = np.array([1, 9, 16, 64]) / 90
    np.testing.assert_allclose(Sampling(temperature=0.5).probabilities(logits), squared, rtol=ROUNDING)
    np.testing.assert_allclose(Sampling(top_k=2).probabilities(logits), [0, 0, 1 / 3, 2 / 3], rtol=ROUNDING)
    np.testing.assert_allclose(Sampling(top_p=0.6).probabilities(logits), [0, 0, 1 / 3, 2 / 3], rtol=ROUNDING)
    np.testing.assert_allclose(Sampling(top_p=0.4).probabilities(logits), [0, 0, 0, 1], rtol=ROUNDING)
    # After top-k only the kept ones count: 8/12 of what is left is enough for 0.6.
    np.testing.assert_allclose(Sampling(top_k=2, top_p=0.6).probabilities(logits), [0, 0, 0, 1], rtol=ROUNDING)


def test_ties_go_to_the_smaller_id() -> None:
    assert Sampling(temperature=0).choose([1, 5, 5], np.random.default_rng(0)) == 1
    np.testing.assert_array_equal(Sampling(top_k=1).probabilities([1.0, 5.0, 5.0]), [0, 1, 0])


def test_huge_logits_do_not_overflow() -> None:
    np.testing.assert_array_equal(Sampling().probabilities([1e300, -1e300, -np.inf]), [1, 0, 0])


def test_frequencies_follow_the_probabilities() -> None:
    rng, draws = np.random.default_rng(0), 20_000
    sampling, logits = Sampling(temperature=0.7, top_k=3), np.array([0.0, 1.0, 2.0, -1.0])
    counts = np.bincount([sampling.choose(logits, rng) for _ in range(draws)], minlength=4)
    p = sampling.probabilities(logits)
    assert (np.abs(counts - draws * p) <= 4 * np.sqrt(draws * p * (1 - p))).all()  # four standard deviations


@pytest.mark.parametrize("logits", [[0.0, math.nan], [math.inf, 0.0], [-math.inf, -math.inf]])
def test_logits_that_are_no_numbers(logits: list[float]) -> None:
    with pytest.raises(DataError, match="finite logits"):
        Sampling().probabilities(logits)


@pytest.mark.parametrize(
    "values", [{"temperature": -1}, {"temperature": math.nan}, {"top_k": -1}, {"top_p": 0}, {"top_p": 1.1}]
)
def test_options_out_of_range(values: dict[str, float]) -> None:
    with pytest.raises(SettingsError, match=next(iter(values))):
        Sampling(**values)  # type: ignore[arg-type]


def test_generate_stops_by_length_or_symbol_and_has_read_what_it_yields() -> None:
    read: list[int] = []

    def step(symbol: int) -> np.ndarray:
        read.append(symbol)
        return np.eye(5)[(symbol + 1) % 5]

    greedy, rng = Sampling(temperature=0), np.random.default_rng(0)
    assert list(generate(step, np.eye(5)[2], greedy, rng, length=4)) == [2, 3, 4, 0]
    assert read == [2, 3, 4, 0]
    read.clear()
    assert list(generate(step, np.eye(5)[2], greedy, rng, length=0)) == []
    assert list(generate(step, np.eye(5)[2], greedy, rng, length=9, stop={0})) == [2, 3, 4]
    assert read == [2, 3, 4]
    assert list(islice(generate(step, np.eye(5)[2], greedy, rng), 7)) == [2, 3, 4, 0, 1, 2, 3]
