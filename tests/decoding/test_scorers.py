from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elman.decoding.scorers import Fused, Words
from elman.errors import DataError, SettingsError
from scored_texts import Bigram, score
from tolerances import ROUNDING

texts = st.lists(st.integers(0, 2), max_size=8)
SPACE = 2
LIST = [[0], [0, 1], [1, 1, 0], [0]]  # the last is spelled like the first, which is meant


def words_of(text: list[int]) -> list[list[int]]:
    """The words of a text between spaces."""
    parts = "".join(map(str, text)).split(str(SPACE))
    return [[int(letter) for letter in part] for part in parts if part]


@given(text=texts)
@settings(max_examples=30, deadline=None)
def test_fused_scores_are_weighted_sums_with_a_bonus(text: list[int]) -> None:
    one, other = Bigram(3, 1), Bigram(3, 2)
    expected = 0.5 * one.text(text) + 2 * other.text(text) + 0.3 * len(text)
    assert score(Fused([(one, 0.5), (other, 2)], bonus=0.3), text) == pytest.approx(expected, rel=ROUNDING)


@given(text=texts)
@settings(max_examples=30, deadline=None)
def test_words_outside_of_the_list_cost_a_penalty_each(text: list[int]) -> None:
    outside = sum(word not in LIST for word in words_of(text))
    assert score(Words(LIST, 3, SPACE, penalty=1.5), text) == -1.5 * outside
    assert score(Words(LIST, 3, SPACE), text) == (-math.inf if outside else 0)


@given(text=texts)
@settings(max_examples=30, deadline=None)
def test_a_model_of_words_reads_the_words(text: list[int]) -> None:
    model = Bigram(len(LIST) + 1, 3)
    found = words_of(text)
    numbers = [LIST.index(word) if word in LIST else len(LIST) for word in found]
    expected = 0.5 * model.text(numbers) + 0.7 * len(numbers) - sum(word not in LIST for word in found)
    scorer = Words(LIST, 3, SPACE, penalty=1.0, model=Fused([(model, 0.5)], bonus=0.7))
    assert score(scorer, text) == pytest.approx(expected, rel=ROUNDING)


@given(rows=st.lists(st.tuples(texts, st.integers(0, 2)), min_size=1, max_size=4))
@settings(max_examples=30, deadline=None)
def test_many_texts_step_at_once(rows: list[tuple[list[int], int]]) -> None:
    words = Words(LIST, 3, SPACE, penalty=1.0, model=Bigram(len(LIST) + 1, 3))
    scorer = Fused([(words, 0.5), (Bigram(3), 1.0)])
    states = []
    for text, _ in rows:
        state = scorer.start()[0]
        for symbol in text:
            (state,), _ = scorer.step([state], np.array([symbol]))
        states.append(state)
    after, scores = scorer.step(states, np.array([symbol for _, symbol in rows]))
    ends = scorer.end(after)
    for place, (_, symbol) in enumerate(rows):
        (one,), (row,) = scorer.step([states[place]], np.array([symbol]))
        np.testing.assert_array_equal(scores[place], row)
        assert ends[place] == scorer.end([one])[0]


def test_options_that_do_not_fit() -> None:
    with pytest.raises(SettingsError, match="penalty"):
        Words(LIST, 3, SPACE, penalty=-1)
    with pytest.raises(DataError, match=r"0 to 2 without the separator 0, found \[0, 5\]"):
        Words([[1, 0], [5]], 3, 0)
    with pytest.raises(SettingsError, match=r"weight above 0, found \[0\]"):
        Fused([(Bigram(3), 0)])
    with pytest.raises(SettingsError, match="at least one scorer"):
        Fused([])
