from __future__ import annotations

import numpy as np
import pytest

from elman import plots
from elman.errors import UsageError
from elman.plots.labels import LARGEST, confusion_matrix, figures_beside, reliability_diagram


def drawn(figure: object) -> list[str]:
    return [text.get_text() for axes in figure.axes for text in axes.texts]  # type: ignore[attr-defined]


def test_a_matrix_says_how_often() -> None:
    figure = confusion_matrix(np.array([[90, 10], [0, 50]]), ["a $x$", "b"], "truth")
    assert drawn(figure) == ["90", "10", "50"]
    (axes,) = figure.axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["a $x$", "b"]
    assert plots.png(figure)


def test_right_is_blue_and_wrong_orange_and_never_is_pale() -> None:
    figure = confusion_matrix(np.array([[10, 0], [10, 0]]), ["a", "b"], "colours")
    (image,) = figure.axes[0].images
    pixels = np.asarray(image.get_array())
    assert pixels[0, 0, 2] > pixels[0, 0, 0]
    assert pixels[1, 0, 0] > pixels[1, 0, 2]
    assert (pixels[:, 1] > 0.95).all()


def test_of_many_labels_the_most_confused_are_shown() -> None:
    matrix = np.diag([5] * 40)
    matrix[39, 38] = 3
    figure = confusion_matrix(matrix, [f"label {number}" for number in range(40)], "many")
    names = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert len(names) == LARGEST
    assert names[-2:] == ["label 38", "label 39"]
    assert f"without {40 - LARGEST}" in figure.axes[0].get_xlabel()


def test_as_many_names_as_rows() -> None:
    with pytest.raises(UsageError, match="found 1"):
        confusion_matrix(np.zeros((2, 2)), ["a"], "")


def test_a_reliability_diagram_leaves_out_empty_ranges() -> None:
    nan = float("nan")
    figure = reliability_diagram(
        np.array([nan, 0.7]), np.array([nan, 0.5]), np.array([[nan, nan], [0.3, 0.7]]), np.array([0, 8]),
        error=0.2, title="sure",
    )  # fmt: skip
    upper, lower = figure.axes
    assert upper.lines[-1].get_xydata().tolist() == [[0.7, 0.5]]
    assert [bar.get_height() for bar in lower.patches] == [0, 8]
    assert "0.200" in drawn(figure)[0]
    assert plots.png(figure)


def test_models_stand_beside_each_other() -> None:
    figure = figures_beside({"model": (0.9, 0.8, 0.95), "rival": (0.7, 0.6, 0.8)}, "accuracy", percent=True)
    assert drawn(figure) == ["90.0%", "70.0%"]
    assert plots.png(figure)
    with pytest.raises(UsageError, match="nothing to compare"):
        figures_beside({}, "", percent=False)
