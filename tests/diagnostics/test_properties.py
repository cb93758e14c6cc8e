from __future__ import annotations

import pytest
import torch

from diagnostics.subjects import random_layers, subject
from elman.codecs.text import visible
from elman.diagnostics.properties import is_series, phase, properties, series_properties, text_properties
from tolerances import ROUNDING


def of(text: str, name: str) -> list[int]:
    found = text_properties([[visible(character.encode()) for character in text]])
    return [int(value) for value in found[name][0].tolist()]


@pytest.mark.parametrize(
    ("text", "name", "expected"),
    [
        ("ab\ncd", "position in line", [1, 2, 0, 1, 2]),
        ("ab c\nd", "position in word", [1, 2, 0, 1, 0, 1]),
        ('a"b"c', "inside quotes", [0, 1, 1, 0, 0]),
        ("a“b”c»", "inside quotes", [0, 1, 1, 0, 0, 0]),
        ('a" "b"', "inside quotes", [1, 0, 0, 1, 1, 0]),
        ("a(b[c]d)e", "inside brackets", [0, 1, 1, 1, 1, 1, 1, 0, 0]),
        ("a(b[c]d)e", "bracket depth", [0, 1, 1, 2, 2, 1, 1, 0, 0]),
        ("a)(bc)(d", "steps inside brackets", [0, 0, 1, 2, 3, 0, 1, 2]),
        ("aBé", "vowel", [1, 0, 0]),
        ("aBÉ", "upper case", [0, 1, 1]),
        ("a1", "digit", [0, 1]),
    ],
)
def test_properties_of_text(text: str, name: str, expected: list[int]) -> None:
    assert of(text, name) == expected


def test_every_row_begins_anew() -> None:
    found = text_properties([["(", "a"], ["b", r"\n"]])
    assert found["inside brackets"].tolist() == [[1, 1], [0, 0]]
    assert found["position in line"].tolist() == [[1, 2], [1, 0]]


def test_words_have_lines_and_capitals() -> None:
    found = text_properties([["The", "cat", "<eos>", "It"]])
    assert found["position in line"].tolist() == [[1, 2, 0, 1]]
    assert found["upper case"].tolist() == [[1, 0, 0, 1]]
    assert "position in word" not in found


def test_what_does_not_change_is_left_out() -> None:
    seen = subject(random_layers("rnn"), time=3, batch=1, labels=[["a", "b", "("]])
    assert sorted(properties(seen)) == ["inside brackets", "steps inside brackets", "vowel"]


def test_inputs_called_by_numbers_are_a_series() -> None:
    seen = subject(random_layers("rnn", inputs=1), time=40)
    assert is_series(seen)
    assert sorted(properties(seen)) == ["change", "level", "phase"]
    assert not is_series(subject(random_layers("rnn"), time=2, batch=1, labels=[["1", "a"]]))


def test_level_and_change_of_every_feature() -> None:
    values = torch.tensor([[[1.0, 5.0], [3.0, 4.0]]], dtype=torch.float64)
    found = series_properties(values)
    assert found["level of feature 1"].tolist() == [[5, 4]]
    assert found["change of feature 0"].tolist() == [[0, 2]]


def test_the_phase_is_that_of_the_strongest_oscillation() -> None:
    turns = torch.arange(60, dtype=torch.float64) / 12
    slow, fast = torch.cos(2 * torch.pi * turns), 0.3 * torch.cos(2 * torch.pi * 4 * turns)
    expected = torch.stack([slow, torch.sin(2 * torch.pi * turns)], -1)
    found = phase(torch.stack([slow + fast + 7, slow]))
    torch.testing.assert_close(found, expected.expand(2, -1, -1), rtol=0, atol=ROUNDING)
