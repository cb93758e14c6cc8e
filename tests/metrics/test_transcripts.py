from __future__ import annotations

import jiwer
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elman.errors import DataError
from elman.metrics.transcripts import errors

TEXTS = st.text("ab ", min_size=1, max_size=9).map(lambda text: " ".join(text.split())).filter(bool)


@given(pairs=st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=4))
@settings(max_examples=30, deadline=None)
def test_rates_are_those_of_jiwer(pairs: list[tuple[str, str]]) -> None:
    truth, said = map(list, zip(*pairs, strict=True))
    assert errors(truth, said, "words").rate == pytest.approx(jiwer.wer(truth, said))
    assert errors(truth, said, "characters").rate == pytest.approx(jiwer.cer(truth, said))


def test_a_case_by_hand() -> None:
    """One word substituted, one left out, one put in, of five words."""
    found = errors(["the cat sat", "on it"], ["the hat", "on it now"], "words")
    assert found.wrong.tolist() == [2, 1]
    assert found.rate == 3 / 5
    assert found.swaps == {("cat", "hat"): 1, ("sat", ""): 1, ("", "now"): 1}
    low, high = found.interval
    assert low <= 0.6 <= high


def test_white_space_counts_once_and_not_at_the_ends() -> None:
    assert errors(["a  b"], [" a b "], "characters").rate == 0


def test_an_empty_truth_counts_what_was_said() -> None:
    found = errors(["", "ab"], ["x", "ab"], "characters")
    assert (found.wrong.tolist(), found.rate) == ([1, 0], 0.5)


def test_every_truth_needs_a_transcript() -> None:
    with pytest.raises(DataError, match="each of 2 truths, found 1"):
        errors(["a", "b"], ["a"], "words")
