from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elman.decoding.scorers import Fused, Scorer, Words
from elman.decoding.transducer import transducer_loss
from elman.decoding.transducer_beam import GreedyTransducer, TransducerBeam
from elman.errors import DataError, SettingsError
from scored_texts import Bigram, score
from tolerances import ROUNDING

SYMBOLS = 2
START = (SYMBOLS, SYMBOLS)
SCORERS: dict[str, Scorer | None] = {
    "none": None,
    "letters": Fused([(Bigram(SYMBOLS), 0.7)], bonus=0.4),
    "list": Words([[0]], SYMBOLS, 1),
}


class Table:
    """Random logits of each feature of a frame after the last two symbols, which are the state."""

    def __init__(self, seed: int) -> None:
        self.weights = 2 * np.random.default_rng(seed).standard_normal((3, 3, 2, SYMBOLS + 1))
        self.read_rows: list[int] = []

    def start(self) -> Any:
        return START

    def read(self, states: Sequence[Any], symbols: np.ndarray) -> list[Any]:
        self.read_rows.append(len(states))
        return [(state[1], int(symbol)) for state, symbol in zip(states, symbols, strict=True)]

    def join(self, frame: np.ndarray, states: Sequence[Any]) -> np.ndarray:
        logits = frame @ np.stack([self.weights[state] for state in states])
        return np.asarray(logits - np.log(np.exp(logits).sum(1, keepdims=True)))


class Silent(Table):
    """Gives everything the probability 0."""

    def join(self, frame: np.ndarray, states: Sequence[Any]) -> np.ndarray:
        return np.full((len(states), SYMBOLS + 1), -np.inf)


def frames(seed: int, time: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((time, 2))


def every_transcript(model: Table, given: np.ndarray, most: int) -> dict[tuple[int, ...], float]:
    """p of each transcript over all alignments with at most so many symbols at a frame."""
    sums: dict[tuple[int, ...], float] = defaultdict(float)

    def go_on(t: int, text: tuple[int, ...], said: int, log_p: float) -> None:
        if t == len(given):
            sums[text] += math.exp(log_p)
            return
        (row,) = model.join(given[t], [(START + text)[-2:]])
        go_on(t + 1, text, 0, log_p + row[-1])
        if said < most:
            for symbol in range(SYMBOLS):
                go_on(t, (*text, symbol), said + 1, log_p + row[symbol])

    go_on(0, (), 0, 0.0)
    return sums


@pytest.mark.parametrize("name", SCORERS)
@given(seed=st.integers(0, 2**32), time=st.integers(0, 3), most=st.integers(1, 2))
@settings(max_examples=8, deadline=None)
def test_a_large_beam_is_the_search_of_all(name: str, seed: int, time: int, most: int) -> None:
    model, given_frames, scorer = Table(seed), frames(seed, time), SCORERS[name]
    search = TransducerBeam(model, beam=10_000, most=most, scorer=scorer)
    search.push(given_frames)
    found = search.flush(10_000)
    expected = {text: math.log(p) for text, p in every_transcript(model, given_frames, most).items()}
    totals = {text: p + (score(scorer, text) if scorer else 0) for text, p in expected.items()}
    assert {tuple(one.symbols) for one in found} == {text for text, total in totals.items() if total > -math.inf}
    for one in found:
        assert one.log_probability == pytest.approx(expected[tuple(one.symbols)], rel=ROUNDING, abs=ROUNDING)
        assert one.score == pytest.approx(totals[tuple(one.symbols)], rel=ROUNDING, abs=ROUNDING)
    assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)


def test_short_transcripts_have_the_probability_of_the_loss() -> None:
    model, given_frames = Table(3), frames(3, 3)
    search = TransducerBeam(model, beam=1000, most=2)
    search.push(given_frames)
    for one in search.flush(1000):
        if len(one.symbols) <= 2:
            states = [([*START, *one.symbols[:u]][-2:]) for u in range(len(one.symbols) + 1)]
            lattice = [model.join(frame, [tuple(state) for state in states]) for frame in given_frames]
            assert one.log_probability == pytest.approx(-transducer_loss(lattice, one.symbols).nats, rel=ROUNDING)


@given(
    seed=st.integers(0, 2**32),
    cuts=st.lists(st.integers(0, 8), max_size=3),
    beam=st.integers(1, 4),
    name=st.sampled_from(["none", "letters"]),
)
@settings(max_examples=25, deadline=None)
def test_any_cuts_give_the_whole(seed: int, cuts: list[int], beam: int, name: str) -> None:
    model, given_frames = Table(seed), frames(seed, 8)
    search = TransducerBeam(model, beam=beam, most=2, scorer=SCORERS[name])
    search.push(given_frames)
    whole = search.flush(3)
    greedy = GreedyTransducer(model, most=2)
    said = greedy.push(given_frames)
    greedy.flush()
    agreed: list[int] = []
    pieces = []
    for piece in np.split(given_frames, sorted(cuts)):
        search.push(piece)
        pieces += greedy.push(piece)
        assert agreed == search.agreed()[: len(agreed)]
        agreed = search.agreed()
        assert search.partial()[0].symbols[: len(agreed)] == agreed
    assert search.flush(3) == whole
    assert pieces == said


@given(seed=st.integers(0, 2**32))
@settings(max_examples=20, deadline=None)
def test_greedy_follows_its_definition(seed: int) -> None:
    model, given_frames = Table(seed), frames(seed, 5)
    expected, text = [], list(START)
    for t, frame in enumerate(given_frames):
        for _ in range(3):
            (row,) = model.join(frame, [tuple(text[-2:])])
            if (symbol := int(row.argmax())) == SYMBOLS:
                break
            text.append(symbol)
            expected.append((symbol, t, t + 1, row[symbol]))
    assert GreedyTransducer(model, most=3).push(given_frames) == expected


def test_what_was_read_once_is_known() -> None:
    model = Table(0)
    search = TransducerBeam(model, beam=1000, most=1)
    search.push(frames(0, 1))
    assert sum(model.read_rows) == 2  # after one frame: the empty beginning, 0 and 1
    search.push(frames(1, 1))
    assert sum(model.read_rows) == 2 + 4


def test_what_does_not_fit() -> None:
    model = Table(0)
    with pytest.raises(SettingsError, match="must be 1 or more, not 0 and 5"):
        TransducerBeam(model, beam=0)
    with pytest.raises(SettingsError, match="must be 1 or more, not 0"):
        GreedyTransducer(model, most=0)
    for decode in (GreedyTransducer(model).push, TransducerBeam(model).push):
        with pytest.raises(DataError, match=r"frames of an encoder, \(time, features\), found the shape \(2,\)"):
            decode(np.zeros(2))
        with pytest.raises(DataError, match="3 NaN"):
            decode(np.full((1, 2), np.nan))
    with pytest.raises(DataError, match="no transcript is possible"):
        TransducerBeam(Silent(0)).push(np.zeros((1, 2)))
    with pytest.raises(DataError, match="a scorer of 2 symbols, as the network has, found 3"):
        TransducerBeam(model, scorer=Bigram(3)).push(np.zeros((1, 2)))
