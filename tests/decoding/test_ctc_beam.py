from __future__ import annotations

import math
from collections import defaultdict
from itertools import groupby, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elman.decoding.ctc_beam import PrefixBeam
from elman.decoding.scorers import Fused, Scorer, Words
from elman.errors import DataError, SettingsError
from scored_texts import Bigram, score
from tolerances import ROUNDING

SCORERS: dict[str, Scorer | None] = {
    "none": None,
    "letters": Fused([(Bigram(3), 0.7)], bonus=0.4),
    "list": Words([[0], [1, 0]], 3, 2, penalty=1.0),
    "only the list": Words([[0], [1, 0]], 3, 2),
    "words": Words([[0], [1, 0]], 3, 2, penalty=0.5, model=Bigram(3, 4)),
}


def log_probabilities(rng: np.random.Generator, time: int, symbols: int) -> np.ndarray:
    logits = 2 * rng.standard_normal((time, symbols + 1))
    return np.asarray(logits - np.log(np.exp(logits).sum(1, keepdims=True)))


def every_transcript(frames: np.ndarray) -> dict[tuple[int, ...], float]:
    """ln p of each transcript, as the sum over all paths that give it."""
    blank = frames.shape[1] - 1
    sums: dict[tuple[int, ...], float] = defaultdict(float)
    for path in product(range(blank + 1), repeat=len(frames)):
        transcript = tuple(symbol for symbol, _ in groupby(path) if symbol != blank)
        sums[transcript] += math.exp(frames[range(len(frames)), path].sum())
    return {transcript: math.log(p) for transcript, p in sums.items()}


@pytest.mark.parametrize("name", SCORERS)
@given(seed=st.integers(0, 2**32), time=st.integers(0, 4))
@settings(max_examples=12, deadline=None)
def test_a_large_beam_is_the_search_of_all(name: str, seed: int, time: int) -> None:
    frames, scorer = log_probabilities(np.random.default_rng(seed), time, 3), SCORERS[name]
    expected = every_transcript(frames)
    search = PrefixBeam(3, beam=1000, scorer=scorer)
    search.push(frames)
    found = search.flush(1000)
    totals = {text: p + (score(scorer, text) if scorer else 0) for text, p in expected.items()}
    possible = {text for text, total in totals.items() if total > -math.inf}
    assert {tuple(one.symbols) for one in found} == possible
    for one in found:
        assert one.log_probability == pytest.approx(expected[tuple(one.symbols)], rel=ROUNDING, abs=ROUNDING)
        assert one.score == pytest.approx(totals[tuple(one.symbols)], rel=ROUNDING, abs=ROUNDING)
    assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)


@given(
    seed=st.integers(0, 2**32),
    cuts=st.lists(st.integers(0, 12), max_size=4),
    beam=st.integers(1, 6),
    name=st.sampled_from(["none", "letters", "words"]),
)
@settings(max_examples=40, deadline=None)
def test_any_cuts_give_the_whole(seed: int, cuts: list[int], beam: int, name: str) -> None:
    frames = log_probabilities(np.random.default_rng(seed), 12, 3)
    search = PrefixBeam(3, beam=beam, scorer=SCORERS[name])
    search.push(frames)
    whole = search.flush(3)
    agreed: list[list[int]] = [[]]
    for piece in np.split(frames, sorted(cuts)):
        search.push(piece)
        assert agreed[-1] == search.agreed()[: len(agreed[-1])]
        agreed.append(search.agreed())
        assert search.partial()[0].symbols[: len(agreed[-1])] == agreed[-1]
    last = search.partial(3)
    assert search.flush(3) == whole
    assert all(one.symbols[: len(agreed[-1])] == agreed[-1] for one in whole)
    assert name != "none" or last == whole


def test_a_narrow_beam_never_finds_too_much() -> None:
    frames = log_probabilities(np.random.default_rng(1), 5, 2)
    expected = every_transcript(frames)
    for beam in range(1, 20):
        search = PrefixBeam(2, beam=beam)
        search.push(frames)
        found = search.flush(beam)
        assert len({tuple(one.symbols) for one in found}) == len(found) <= beam
        assert all(one.score <= expected[tuple(one.symbols)] + ROUNDING for one in found)


def test_the_list_changes_what_is_heard() -> None:
    frames = np.log([[0.4, 0.5, 0.05, 0.05], [0.05, 0.05, 0.05, 0.85], [0.6, 0.3, 0.05, 0.05]])
    heard = {}
    for name, scorer in (
        ("any", None),
        ("list", Words([[0, 0], [1, 1]], 3, 2)),
        ("soft", Words([[1, 1]], 3, 2, penalty=0.1)),
    ):
        search = PrefixBeam(3, scorer=scorer)
        search.push(frames)
        heard[name] = search.flush()[0].symbols
    assert heard == {"any": [1, 0], "list": [0, 0], "soft": [1, 0]}


def test_what_cannot_be_said() -> None:
    with np.errstate(divide="ignore"):
        only = np.log([[1.0, 0.0, 0.0]])
    search = PrefixBeam(2, scorer=Words([[1]], 2, 0))
    search.push(only)  # separators alone are allowed
    assert search.flush()[0].symbols == [0]
    search = PrefixBeam(3, scorer=Words([[1, 1]], 3, 2))
    with np.errstate(divide="ignore"):
        search.push(np.log([[0.0, 1.0, 0.0, 0.0]]))
        assert search.partial()[0].symbols == [1]
        assert search.flush() == []
        with pytest.raises(DataError, match="no transcript is possible"):
            search.push(np.log([[1.0, 0.0, 0.0, 0.0]]))


def test_arguments_that_do_not_fit() -> None:
    with pytest.raises(SettingsError, match="beam must be 1 or more"):
        PrefixBeam(2, beam=0)
    with pytest.raises(DataError, match="a scorer of 3 symbols, as the network has, found 2"):
        PrefixBeam(3, scorer=Bigram(2))
    with pytest.raises(DataError, match="found NaN"):
        PrefixBeam(2).push(np.full((1, 3), np.nan))
