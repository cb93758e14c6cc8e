from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elman.decoding.trie import OUTSIDE, Trie
from elman.errors import DataError

spellings = st.lists(st.integers(0, 3), min_size=1, max_size=4)


@given(words=st.lists(spellings, min_size=1, max_size=12), asked=spellings)
@settings(max_examples=30, deadline=None)
def test_words_are_found_letter_by_letter(words: list[list[int]], asked: list[int]) -> None:
    trie, node = Trie(words), 0
    for depth in range(len(asked) + 1):
        begun = asked[:depth]
        after = {word[depth] for word in words if word[:depth] == begun and len(word) > depth}
        if any(word[:depth] == begun for word in words):
            assert trie.word[node] == (words.index(begun) if begun in words else -1)
            rows, letters = trie.letters_after([node, node])
            assert letters.tolist() == 2 * sorted(after)
            assert rows.tolist() == [0] * len(after) + [1] * len(after)
        else:
            assert node == OUTSIDE
        if depth < len(asked):
            node = int(trie.step([node], [asked[depth]])[0])


def test_many_steps_at_once() -> None:
    trie = Trie([[0], [1, 2], [1, 0]])
    first = trie.step([0, 0, 0, OUTSIDE], [0, 1, 3, 1])
    assert first.tolist() == [1, 2, OUTSIDE, OUTSIDE]
    np.testing.assert_array_equal(trie.word[trie.step([2, 2], [0, 2])], [2, 1])


def test_words_that_do_not_fit() -> None:
    with pytest.raises(DataError, match="words of one letter or more"):
        Trie([[1], []])
    with pytest.raises(DataError, match="words of one letter or more"):
        Trie([])
    with pytest.raises(DataError, match="below 0"):
        Trie([[1, -1]])
