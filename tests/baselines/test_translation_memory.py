"""The nearest source's target: words, letters, what cannot be."""

from __future__ import annotations

import pytest

from elman.baselines.translation_memory import TranslationMemory
from elman.errors import DataError


def test_rare_words_count_more_than_common_ones() -> None:
    memory = TranslationMemory(
        ["a dog is here", "a cat is there", "a dog is out", "a bird is out"], ["1", "2", "3", "4"]
    )
    assert memory.predict(["a bird is here", "a cat"]) == ["4", "2"]


def test_single_words_are_compared_by_their_letters() -> None:
    memory = TranslationMemory(["phoneme", "nation", "rations"], ["F", "N", "R"])
    assert memory.predict(["phone", "ration", "stations"]) == ["F", "R", "R"]


def test_what_is_not_known_at_all_has_some_target() -> None:
    assert TranslationMemory(["a b", "c d"], ["1", "2"]).predict(["x y", ""]) == ["1", "1"]


@pytest.mark.parametrize(("sources", "targets"), [([], []), (["a"], ["b", "c"])])
def test_pairs_are_needed(sources: list[str], targets: list[str]) -> None:
    with pytest.raises(DataError, match="as many targets"):
        TranslationMemory(sources, targets)
