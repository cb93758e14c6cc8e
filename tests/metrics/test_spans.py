from __future__ import annotations

import pytest

from elman.errors import DataError
from elman.metrics import Span, are_spans, find_spans, span_counts


def read(tags: str) -> list[tuple[int, int, str]]:
    return [tuple(span) for span in find_spans(tags.split())]


def test_spans_begin_and_end_as_in_conll() -> None:
    assert read("B-a I-a O B-b") == [(0, 2, "a"), (3, 4, "b")]
    assert read("I-a I-a O") == [(0, 2, "a")]  # the older scheme, without a B
    assert read("B-a B-a") == [(0, 1, "a"), (1, 2, "a")]
    assert read("B-a I-b I-b") == [(0, 1, "a"), (1, 3, "b")]
    assert read("O B-city-name") == [(1, 2, "city-name")]


def test_spans_with_ends_and_single_steps() -> None:
    assert read("B-a I-a E-a S-b E-c I-c") == [(0, 3, "a"), (3, 4, "b"), (4, 5, "c"), (5, 6, "c")]


def test_what_marks_spans() -> None:
    assert are_spans(["O", "B-x"])
    assert not are_spans(["O"])
    assert not are_spans(["NOUN", "B-x"])


def test_a_span_counts_where_ends_and_kind_are_right() -> None:
    truth = [["B-a", "I-a", "O"], ["B-b", "O", "O"]]
    given = [["B-a", "O", "O"], ["B-b", "O", "B-a"]]
    kinds, counts = span_counts(truth, given)
    assert kinds == ["a", "b"]
    assert counts.hits.tolist() == [[0, 0], [0, 1]]
    assert counts.false_alarms.tolist() == [[1, 0], [1, 0]]
    assert counts.misses.tolist() == [[1, 0], [0, 0]]
    assert counts.summed().micro_f1 == pytest.approx(0.4)


def test_as_many_tags_as_true_ones() -> None:
    with pytest.raises(DataError, match="2 true tags but 1"):
        span_counts([["O", "O"]], [["O"]])


def test_a_span_has_names() -> None:
    assert find_spans(["B-a"]) == [Span(first=0, after=1, kind="a")]
