from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elman.errors import DataError
from elman.metrics import cider_d
from tolerances import ROUNDING

words = st.lists(st.sampled_from("abcd"), max_size=7)


def test_a_case_by_hand() -> None:
    """Three images, so ln 3 for what one image has and ln 3/2 for what two have; x is as good as in one image.

    - "a": 3 images, weight 0. "dog": 2, weight s = ln 3/2. "cat", "runs", "sits": 1, weight l = ln 3.
    - Image 1, references "a dog runs" and "dog", caption "a dog dog x":
      1 word: caption dog 2 s, x l. First reference dog s, runs l; dog is clipped to s:
              s s / (sqrt(4 s s + l l) sqrt(s s + l l)).
              Second reference dog s: s s / (sqrt(4 s s + l l) s).
      2 words: "a dog" has 2 images, "dog dog", "dog x", "dog runs" 1 or none. Caption: s, l, l; reference: s, l:
              s s / (sqrt(s s + 2 l l) sqrt(s s + l l)). The second reference has none.
      3 and 4 words: nothing in common.
      Lengths 4 and 3, 4 and 1: exp(-1 / 72), exp(-9 / 72).
    """
    references = [[["a", "dog", "runs"], ["dog"]], [["a", "dog"]], [["a", "cat", "sits"]]]
    captions = [["a", "dog", "dog", "x"], ["a", "dog"], ["dog", "x"]]
    s, long = math.log(1.5), math.log(3)
    caption_norm, norm = math.hypot(2 * s, long), math.hypot(s, long)
    first = s * s / (caption_norm * norm) + s * s / (math.sqrt(s * s + 2 * long * long) * norm)
    second = s / caption_norm
    expected = 10 / 8 * (first * math.exp(-1 / 72) + second * math.exp(-9 / 72))
    np.testing.assert_allclose(cider_d(captions, references), [expected, 10 / 4 * 2, 0], rtol=ROUNDING)


@given(texts=st.lists(words, min_size=1, max_size=4), references=st.data())
@settings(max_examples=50, deadline=None)
def test_scores_are_from_0_to_10_and_do_not_depend_on_order(texts: list[list[str]], references: st.DataObject) -> None:
    drawn = [references.draw(st.lists(words, min_size=1, max_size=3)) for _ in texts]
    scores = cider_d(texts, drawn)
    assert (scores >= 0).all()
    assert (scores <= 10 * (1 + ROUNDING)).all()
    turned = cider_d(texts[::-1], [captions[::-1] for captions in drawn[::-1]])
    np.testing.assert_allclose(turned[::-1], scores, rtol=ROUNDING, atol=ROUNDING)


def test_the_same_words_score_10_and_saying_one_twice_is_clipped() -> None:
    references = [[["a", "b", "c", "d"]], [["e"]]]
    assert cider_d([["a", "b", "c", "d"], []], references).tolist() == pytest.approx([10, 0], rel=ROUNDING)
    once, twice = (cider_d([text, []], references)[0] for text in (["a"], ["a", "a"]))
    assert twice < once


def test_what_does_not_fit() -> None:
    cases: list[tuple[list[list[str]], list[list[list[str]]]]] = [([["a"]], []), ([], []), ([["a"]], [[]])]
    for given_captions, references in cases:
        with pytest.raises(DataError, match="each with references"):
            cider_d(given_captions, references)
