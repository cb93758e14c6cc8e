from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elman import plots
from elman.errors import UsageError
from elman.plots.training import spread


def texts(figure: object) -> list[str]:
    return [text.get_text() for text in figure.axes[0].texts]  # type: ignore[attr-defined]


def test_names_and_last_scores_stand_beside_the_curves() -> None:
    figure = plots.learning_curves({"LSTM": ([1, 2, 3], [3, 2, 1.5])}, baselines={"5-gram": 2.25})
    assert {"LSTM  1.50", "5-gram  2.25", "bits per character"} == set(texts(figure))


@pytest.mark.parametrize(("seconds", "unit"), [(60, "seconds"), (1200, "minutes"), (20_000, "hours")])
def test_time_is_shown_in_a_readable_unit(seconds: float, unit: str) -> None:
    axes = plots.learning_curves({"a": ([1, seconds], [2, 1])}).axes[0]
    assert axes.get_xlabel() == unit
    assert axes.get_xlim()[1] == pytest.approx(seconds / {"seconds": 1, "minutes": 60, "hours": 3600}[unit])


def test_other_axes_keep_their_numbers() -> None:
    axes = plots.learning_curves({"a": ([0, 1000], [2, 1])}, against="steps", measure="nats").axes[0]
    assert (axes.get_xlabel(), axes.get_xlim()) == ("steps", (0, 1000))


def test_a_steep_start_does_not_flatten_the_rest() -> None:
    x = list(range(1, 1001))
    axes = plots.learning_curves({"a": (x, [1000 / t for t in x])}).axes[0]
    assert axes.get_ylim()[1] < 100


def test_one_point_and_equal_scores_can_be_drawn() -> None:
    assert plots.png(plots.learning_curves({"a": ([0.0], [2.0]), "b": ([], [])}, baselines={"c": 2.0}))


def test_a_picture_of_nothing_is_refused() -> None:
    with pytest.raises(UsageError, match="no point to draw"):
        plots.learning_curves({"a": ([], [])})


def test_uneven_lists_are_refused() -> None:
    with pytest.raises(UsageError, match="'a' has 2 values of x and 1 of y"):
        plots.learning_curves({"a": ([1, 2], [1])})


@given(st.lists(st.floats(0, 1), max_size=8).map(sorted))
def test_labels_keep_order_distance_and_centre(heights: list[float]) -> None:
    moved = spread(heights, 0.06)
    assert all(b - a >= 0.06 - 1e-9 for a, b in itertools.pairwise(moved))
    assert sum(moved) == pytest.approx(sum(heights), abs=1e-9)
