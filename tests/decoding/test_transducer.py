from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elman.decoding.transducer import transducer_align, transducer_loss
from elman.errors import DataError
from tolerances import ROUNDING


def enumerated(values: np.ndarray, transcript: list[int]) -> tuple[float, np.ndarray]:
    """-ln p and its gradient over all alignments, one after the other."""
    time, length, blank = len(values), len(transcript), values.shape[2] - 1
    total, expected = 0.0, np.zeros(values.shape)
    # The last step is a blank; of those before, choose which say a symbol.
    for said in combinations(range(time - 1 + length), length):
        path, t, u = [], 0, 0
        for step in range(time + length):
            path.append((t, u, transcript[u] if step in said else blank))
            t, u = (t, u + 1) if step in said else (t + 1, u)
        p = math.exp(sum(values[place] for place in path))
        total += p
        for place in path:
            expected[place] += p
    return -math.log(total), -expected / total


@given(seed=st.integers(0, 2**32), time=st.integers(1, 4), transcript=st.lists(st.integers(0, 1), max_size=3))
@settings(max_examples=50, deadline=None)
def test_loss_and_gradient_are_sums_over_all_alignments(seed: int, time: int, transcript: list[int]) -> None:
    values = np.random.default_rng(seed).standard_normal((time, len(transcript) + 1, 3))
    nats, gradient = enumerated(values, transcript)
    loss = transducer_loss(values, transcript)
    assert loss.nats == pytest.approx(nats, rel=ROUNDING, abs=ROUNDING)
    np.testing.assert_allclose(loss.gradient, gradient, rtol=ROUNDING, atol=ROUNDING)


def test_the_gradient_is_the_derivative() -> None:
    rng, step = np.random.default_rng(0), 1e-6
    values, direction = rng.standard_normal((2, 4, 3, 3))
    found = [transducer_loss(values + sign * step * direction, [1, 0]).nats for sign in (1, -1)]
    expected = (transducer_loss(values, [1, 0]).gradient * direction).sum()
    assert (found[0] - found[1]) / (2 * step) == pytest.approx(expected, rel=1e-6)


def test_long_sequences_do_not_overflow_and_what_is_impossible_has_no_gradient() -> None:
    loss = transducer_loss(np.full((200, 101, 2), -50.0), [0] * 100)
    ways = math.lgamma(300) - math.lgamma(101) - math.lgamma(200)
    assert loss.nats == pytest.approx(300 * 50 - ways, rel=1e-9)
    values = np.zeros((2, 2, 2))
    values[0, 0, 0] = -np.inf  # the symbol cannot be said at the first frame
    loss = transducer_loss(values, [0])
    assert loss.nats == 0
    np.testing.assert_array_equal(loss.gradient[..., 1], [[-1, 0], [0, -1]])
    np.testing.assert_array_equal(loss.gradient[..., 0], [[0, 0], [-1, 0]])


def test_what_does_not_fit() -> None:
    with pytest.raises(DataError, match=r"\(time, 3, symbols \+ 1\) for 2 symbols"):
        transducer_loss(np.zeros((4, 2, 3)), [0, 1])
    with pytest.raises(DataError, match="a frame or more"):
        transducer_loss(np.zeros((0, 1, 3)), [])
    with pytest.raises(DataError, match="found NaN"):
        transducer_loss(np.full((1, 1, 2), np.nan), [])
    with pytest.raises(DataError, match=r"symbols from 0 to 1 in a transcript, found \[2\]"):
        transducer_loss(np.zeros((1, 2, 3)), [2])
    with pytest.raises(DataError, match="probability 0"):
        transducer_loss(np.full((1, 2, 3), -np.inf), [1])


def likeliest(values: np.ndarray, transcript: list[int]) -> tuple[float, list[int]]:
    """The largest ln p of an alignment, and at which frames it says the symbols."""
    time, length, blank = len(values), len(transcript), values.shape[2] - 1
    found = []
    for said in combinations(range(time - 1 + length), length):
        frames = [step - number for number, step in enumerate(said)]
        t, total = 0, 0.0
        for u, frame in enumerate([*frames, time]):
            total += values[t:frame, u, blank].sum()
            t = frame
            if u < length:
                total += values[t, u, transcript[u]]
        found.append((total, frames))
    return max(found)


@given(seed=st.integers(0, 2**32), time=st.integers(1, 4), transcript=st.lists(st.integers(0, 1), max_size=3))
@settings(max_examples=50, deadline=None)
def test_the_alignment_is_the_likeliest_of_all(seed: int, time: int, transcript: list[int]) -> None:
    values = np.random.default_rng(seed).standard_normal((time, len(transcript) + 1, 3))
    _, frames = likeliest(values, transcript)
    found = transducer_align(values, transcript)
    assert [one.symbol for one in found] == transcript
    assert [(one.first, one.after) for one in found] == [(frame, frame + 1) for frame in frames]
    for u, one in enumerate(found):
        assert one.log_probability == values[one.first, u, one.symbol]


def test_no_alignment_is_possible() -> None:
    with pytest.raises(DataError, match="every alignment of the transcript has the probability 0"):
        transducer_align(np.full((1, 2, 3), -np.inf), [1])
