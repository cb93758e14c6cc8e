from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elman.decoding.beam import Output, Penalties, beam_search
from elman.errors import DataError, SettingsError
from tolerances import ROUNDING

START, END, SYMBOLS, PLACES = 0, 1, 4, 3


class Table:
    """Random ln p of the next symbol after the two before it, and attention, other ones for each sentence.

    The state has the rows (sentence, symbol before).
    """

    def __init__(self, sentences: int, seed: int, *, attends: bool = True) -> None:
        rng = np.random.default_rng(seed)
        logits = 2 * rng.standard_normal((sentences, SYMBOLS, SYMBOLS, SYMBOLS))
        self.log_p = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
        weights = 0.1 + rng.random((sentences, SYMBOLS, PLACES)) ** 4
        self.attention = weights / weights.sum(-1, keepdims=True) if attends else None
        self.state = np.stack([np.arange(sentences), np.full(sentences, START)], axis=1)
        self.rows: list[int] = []

    def step(self, state: Any, symbols: np.ndarray) -> tuple[Any, np.ndarray, np.ndarray | None]:
        sentences, before = state.T
        self.rows.append(len(state))
        attention = None if self.attention is None else self.attention[sentences, symbols]
        return np.stack([sentences, symbols], axis=1), self.log_p[sentences, before, symbols], attention

    def select(self, state: Any, rows: np.ndarray) -> Any:
        return state[rows]

    def every(self, sentence: int, longest: int, penalties: Penalties, source: int = PLACES) -> list[Output]:
        """All outputs of a sentence with their scores, the best one first."""
        found = []
        others = [symbol for symbol in range(SYMBOLS) if symbol != END]
        for length in range(longest + 1):
            for text in product(others, repeat=length):
                path = [START, START, *text, END]
                log_p = sum(self.log_p[(sentence, *path[i : i + 3])] for i in range(length + 1))
                score = log_p / ((5 + length + 1) / 6) ** penalties.length
                attention = None
                if self.attention is not None:
                    attention = self.attention[sentence, path[1:-1]]
                    covered = np.minimum(attention.sum(0), 1)[:source]
                    score += penalties.coverage * np.log(covered).sum()
                found.append(Output(list(text), float(score), float(log_p), attention))
        return sorted(found, key=lambda one: -one.score)


class Narrow(Table):
    """Gives ln p of the first row alone."""

    def step(self, state: Any, symbols: np.ndarray) -> tuple[Any, np.ndarray, np.ndarray | None]:
        state, log_p, attention = super().step(state, symbols)
        return state, log_p[:1], attention


def check(found: list[Output], expected: list[Output]) -> None:
    assert [one.symbols for one in found] == [one.symbols for one in expected]
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one[1:3], other[1:3], rtol=ROUNDING)
        assert (one.attention is None) == (other.attention is None)
        if one.attention is not None and other.attention is not None:
            np.testing.assert_array_equal(one.attention, other.attention)


@given(
    seed=st.integers(0, 2**32),
    longest=st.lists(st.integers(0, 3), min_size=1, max_size=3),
    length=st.sampled_from([0.0, 0.6, 1.0]),
    coverage=st.sampled_from([0.0, 0.5]),
    attends=st.booleans(),
    data=st.data(),
)
@settings(max_examples=40, deadline=None)
def test_a_large_beam_is_the_search_of_all(
    seed: int, longest: list[int], length: float, coverage: float, attends: bool, data: st.DataObject
) -> None:
    table, penalties = Table(len(longest), seed, attends=attends), Penalties(length, coverage if attends else 0.0)
    sources = data.draw(st.lists(st.integers(1, PLACES), min_size=len(longest), max_size=len(longest)))
    count = data.draw(st.sampled_from([1, 3, 40]))
    arguments: dict[str, Any] = {"start": START, "end": END, "beam": 60, "count": count, "penalties": penalties}
    found = beam_search(table, table.state, longest, sources=sources, **arguments)
    for sentence, outputs in enumerate(found):
        check(outputs, table.every(sentence, longest[sentence], penalties, sources[sentence])[:count])


@given(seed=st.integers(0, 2**32), beam=st.integers(1, 4), length=st.sampled_from([0.0, 1.0]))
@settings(max_examples=30, deadline=None)
def test_sentences_do_not_depend_on_each_other(seed: int, beam: int, length: float) -> None:
    table, longest = Table(4, seed), [6, 2, 0, 5]
    arguments: dict[str, Any] = {
        "start": START,
        "end": END,
        "beam": beam,
        "count": beam,
        "penalties": Penalties(length),
    }
    together = beam_search(table, table.state, longest, **arguments)
    for sentence, outputs in enumerate(together):
        (alone,) = beam_search(table, table.state[[sentence]], [longest[sentence]], **arguments)
        check(outputs, alone)


@given(seed=st.integers(0, 2**32))
@settings(max_examples=20, deadline=None)
def test_a_beam_of_one_takes_the_likeliest_symbol(seed: int) -> None:
    table = Table(1, seed)
    ((found,),) = beam_search(table, table.state, [8], start=START, end=END, beam=1)
    path = [START, START]
    while len(path) < 10 and (symbol := int(table.log_p[0, path[-2], path[-1]].argmax())) != END:
        path.append(symbol)
    assert found.symbols == path[2:]


def test_sentences_that_are_done_are_not_stepped() -> None:
    table = Table(2, 0)
    beam_search(table, table.state, [0, 3], start=START, end=END, beam=3, count=3)
    assert table.rows[:2] == [2, 3]  # the first sentence ends at once, the other has three hypotheses


def test_impossible_outputs_are_left_out() -> None:
    table = Table(1, 0)
    table.log_p[..., END] = -np.inf
    assert beam_search(table, table.state, [2], start=START, end=END) == [[]]
    table.log_p[0, START, START, END] = -1.0
    found = beam_search(table, table.state, [2], start=START, end=END, beam=9, count=9)
    assert found[0][0].symbols == []
    assert beam_search(table, table.state[:0], [], start=START, end=END) == []


def test_penalties_by_hand() -> None:
    np.testing.assert_allclose(Penalties(length=1.0).divisor([1, 7]), [1, 2], rtol=ROUNDING)
    attention = np.array([[[0.5, 0.5, 0.0], [0.75, 0.25, 0.0]]])
    found = Penalties(coverage=2.0).uncovered(attention, np.array([2]))
    np.testing.assert_allclose(found, 2 * np.log(0.75), rtol=ROUNDING)
    nothing = Penalties(coverage=2.0).uncovered(attention, np.array([3]))
    np.testing.assert_allclose(nothing, 2 * np.log(0.75 * 1e-6), rtol=ROUNDING)


def test_arguments_that_do_not_fit() -> None:
    table = Table(1, 0, attends=False)
    for beam, count in ((0, 1), (2, 3), (2, 0)):
        with pytest.raises(SettingsError, match="1 <= count <= beam"):
            beam_search(table, table.state, [2], start=START, end=END, beam=beam, count=count)
    with pytest.raises(DataError, match="source lengths of 1 sentences, found 2"):
        beam_search(table, table.state, [2], start=START, end=END, sources=[1, 2])
    with pytest.raises(DataError, match="coverage penalty needs attention"):
        beam_search(table, table.state, [2], start=START, end=END, penalties=Penalties(coverage=1))
    with pytest.raises(DataError, match=r"\(2, symbols\) of a step, found the shape \(1, 4\)"):
        beam_search(Narrow(2, 0), Narrow(2, 0).state, [2, 2], start=START, end=END)
    table.log_p[:] = np.nan
    with pytest.raises(DataError, match="found NaN"):
        beam_search(table, table.state, [2], start=START, end=END)
    with pytest.raises(SettingsError, match="0 or more"):
        Penalties(length=-1)
