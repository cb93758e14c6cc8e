"""BLEU, chrF and error rates against cases worked by hand."""

from __future__ import annotations

import math

import pytest

from elman.errors import DataError
from elman.metrics.texts import bleu, chrf, error_rate, exact, nearest_errors


def test_bleu_of_a_case_worked_by_hand() -> None:
    # 5 words against 7: precisions 4/5, 3/4, 2/3, 1/2, brevity e^(1 - 7/5).
    score = bleu(["a b c d x"], [["a b c d e f g"]], tokenizer="none")
    assert score.value == pytest.approx(100 * math.exp(-0.4) * (4 / 5 * 3 / 4 * 2 / 3 * 1 / 2) ** 0.25)
    assert "tok:none" in score.signature


def test_case_counts_unless_it_is_said_not_to() -> None:
    assert bleu(["The cat sat down ."], [["the cat sat down ."]]).value < 100
    assert bleu(["The cat sat down ."], [["the cat sat down ."]], lowercase=True).value == pytest.approx(100)


def test_text_without_spaces_is_scored_in_characters() -> None:
    assert bleu(["我喜欢喝茶"], [["我喜欢喝茶"]], tokenizer="char").value == pytest.approx(100)
    assert bleu(["我喜欢喝水"], [["我喜欢喝茶"]], tokenizer="char").value == pytest.approx(
        100 * (4 / 5 * 3 / 4 * 2 / 3 * 1 / 2) ** 0.25
    )


def test_the_interval_of_bleu_holds_it() -> None:
    hypotheses = ["a b c d e f"] * 30 + ["a b c x e f"] * 30 + ["u v w x y z"] * 10
    score = bleu(hypotheses, [["a b c d e f"]] * 70, tokenizer="none")
    assert score.interval[0] < score.value < score.interval[1]


def test_sentences_may_have_different_numbers_of_references() -> None:
    assert bleu(["a b c d", "e f g h"], [["x", "a b c d"], ["e f g h"]], tokenizer="none").value == pytest.approx(100)
    assert chrf(["ab", "cd"], [["xy", "ab"], ["cd"]]).value == pytest.approx(100)


def test_chrf_says_how() -> None:
    score = chrf(["the cat"], [["the hat"]])
    assert 0 < score.value < 100
    assert score.signature.startswith("nrefs:1|case:mixed")


def test_errors_are_counted_against_the_nearest_reference() -> None:
    assert nearest_errors("R EH D", ["R IY D", "R EH D"]) == (0, 3)
    assert nearest_errors("R EH", ["R IY D Z", "R EH D"]) == (1, 3)
    assert nearest_errors("kat", ["cat", "dog"], "characters") == (1, 3)
    # As many errors: the longer one.
    assert nearest_errors("A B", ["A", "A B C"]) == (1, 3)
    assert nearest_errors("", ["A B"]) == (2, 2)


def test_an_error_rate_is_of_all_symbols_together() -> None:
    score = error_rate(["A B", "C"], [["A X"], ["C"]])
    assert score.value == pytest.approx(1 / 3)
    assert score.interval[0] <= score.value <= score.interval[1]


def test_white_space_at_the_ends_is_no_mistake() -> None:
    assert exact([" a b ", "a"], [["a b"], ["b"]]).tolist() == [True, False]


@pytest.mark.parametrize("references", [[], [[]], [["a"], ["b"]]])
def test_every_sentence_needs_a_reference(references: list[list[str]]) -> None:
    with pytest.raises(DataError, match="1 hypotheses"):
        bleu(["a"], references)


def test_an_empty_reference_is_refused() -> None:
    with pytest.raises(DataError, match="an empty one"):
        error_rate(["a"], [[" "]])
