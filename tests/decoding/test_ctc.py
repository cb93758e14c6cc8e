from __future__ import annotations

import math
from itertools import groupby, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elman.decoding.ctc import GreedyCTC, Segment, align, frames_needed, greedy, misfits, words
from elman.errors import DataError
from tolerances import ROUNDING


def log_probabilities(rng: np.random.Generator, time: int, symbols: int) -> np.ndarray:
    logits = 2 * rng.standard_normal((time, symbols + 1))
    return np.asarray(logits - np.log(np.exp(logits).sum(1, keepdims=True)))


def collapsed(path: tuple[int, ...], blank: int) -> tuple[int, ...]:
    """The transcript of a path, straight from its definition."""
    return tuple(symbol for symbol, _ in groupby(path) if symbol != blank)


@given(transcript=st.lists(st.integers(0, 1), max_size=4))
def test_frames_needed_are_the_shortest_path(transcript: list[int]) -> None:
    shortest = next(
        time for time in range(9) if any(collapsed(p, 2) == tuple(transcript) for p in product(range(3), repeat=time))
    )
    assert frames_needed(transcript) == shortest


def test_every_row_that_does_not_fit_is_named() -> None:
    assert misfits([[1, 2, 3], [5, 5], [4], [1, 1]], [2, 2, 1, 3]) == [(0, 2, 3), (1, 2, 3)]
    assert misfits([], []) == []
    with pytest.raises(DataError, match="2 transcripts and 1 numbers"):
        misfits([[1], [2]], [1])


def test_greedy_by_hand() -> None:
    p = np.array([[0.5, 0.2, 0.3], [0.5, 0.2, 0.3], [0.2, 0.2, 0.6], [0.4, 0.3, 0.3], [0.1, 0.8, 0.1]])
    found = greedy(np.log(p))
    assert [(one.symbol, one.first, one.after) for one in found] == [(0, 0, 2), (0, 3, 4), (1, 4, 5)]
    np.testing.assert_allclose([one.confidence for one in found], [0.5, 0.4, 0.8], rtol=ROUNDING)


@given(seed=st.integers(0, 2**32), cuts=st.lists(st.integers(0, 12), max_size=4))
@settings(max_examples=50, deadline=None)
def test_greedy_is_the_same_for_any_cuts(seed: int, cuts: list[int]) -> None:
    frames = log_probabilities(np.random.default_rng(seed), 12, 2)
    assert [one.symbol for one in greedy(frames)] == list(collapsed(tuple(frames.argmax(1)), 2))
    decoder, parts = GreedyCTC(2), []
    for _ in range(2):  # a flush begins anew
        parts = [found for piece in np.split(frames, sorted(cuts)) for found in decoder.push(piece)] + decoder.flush()
        assert [one[:3] for one in parts] == [one[:3] for one in greedy(frames)]
        np.testing.assert_allclose([one[3] for one in parts], [one[3] for one in greedy(frames)], rtol=ROUNDING)


@given(seed=st.integers(0, 2**32), time=st.integers(1, 5), transcript=st.lists(st.integers(0, 1), max_size=3))
@settings(max_examples=60, deadline=None)
def test_the_alignment_is_the_best_of_all_paths(seed: int, time: int, transcript: list[int]) -> None:
    frames = log_probabilities(np.random.default_rng(seed), time, 2)
    paths = [path for path in product(range(3), repeat=time) if collapsed(path, 2) == tuple(transcript)]
    if not paths:
        with pytest.raises(DataError, match=f"the transcript needs {frames_needed(transcript)} frames, found {time}"):
            align(frames, transcript)
        return
    best = max(paths, key=lambda path: float(frames[range(time), path].sum()))
    runs = [(symbol, [t for t, _ in run]) for symbol, run in groupby(enumerate(best), key=lambda step: step[1])]
    expected = [(symbol, steps[0], steps[-1] + 1) for symbol, steps in runs if symbol != 2]
    found = align(frames, transcript)
    assert [one[:3] for one in found] == expected
    sums = [frames[one.first : one.after, one.symbol].sum() for one in found]
    np.testing.assert_allclose([one.log_probability for one in found], sums, rtol=ROUNDING)


def test_a_long_transcript_is_aligned_frame_by_frame() -> None:
    transcript = list(np.random.default_rng(0).integers(0, 4, 300))
    frames = np.full((600, 5), -9.0)
    frames[range(0, 600, 2), transcript] = frames[1::2, 4] = -0.1
    assert [one.first for one in align(frames, transcript)] == list(range(0, 600, 2))


def test_confidence_is_a_mean_over_frames() -> None:
    assert Segment(0, 2, 4, 2 * math.log(0.5)).confidence == pytest.approx(0.5, rel=ROUNDING)


def test_words_stand_between_separators() -> None:
    half, quarter = math.log(0.5), math.log(0.25)
    said = [Segment(2, 0, 1, half), Segment(0, 1, 3, 2 * half), Segment(1, 5, 6, quarter), Segment(2, 6, 7, half)]
    found = words([*said, Segment(2, 8, 9, half), Segment(1, 9, 10, quarter)], separator=2)
    assert [one[:3] for one in found] == [([0, 1], 1, 6), ([1], 9, 10)]
    assert [one.confidence for one in found] == pytest.approx([(0.5 * 0.5 * 0.25) ** (1 / 3), 0.25], rel=ROUNDING)
    assert words([], separator=2) == words(said[:1], separator=2) == []


def test_what_does_not_fit() -> None:
    with np.errstate(divide="ignore"):
        never = np.log([[0.0, 0.5, 0.5], [0.0, 0.5, 0.5]])
    with pytest.raises(DataError, match="probability 0"):
        align(never, [0])
    with pytest.raises(DataError, match=r"symbols from 0 to 1 in a transcript, found \[2\]"):
        align(np.zeros((3, 3)), [2])
    with pytest.raises(DataError, match=r"\(time, 3\), the blank last, found the shape \(3, 2\)"):
        GreedyCTC(2).push(np.zeros((3, 2)))
    for decode in (greedy, lambda frames: align(frames, [0])):
        with pytest.raises(DataError, match="found NaN"):
            decode(np.full((2, 3), np.nan))
        with pytest.raises(DataError, match="expected log-probabilities"):
            decode(np.zeros(3))
