"""Pictures of attention: what they show, how they grow, what they refuse."""

from __future__ import annotations

import numpy as np
import pytest

from elman.errors import UsageError
from elman.plots import png
from elman.plots.alignment import alignment


def test_rows_are_written_and_columns_are_read() -> None:
    figure = alignment(np.eye(3, 4), ["␣A", "␣dog", "␣runs", "."], ["␣Ein", "␣Hund", "<end>"], "A dog runs.")
    (axes,) = figure.axes
    assert [text.get_text() for text in axes.get_xticklabels()] == ["␣A", "␣dog", "␣runs", "."]
    assert [text.get_text() for text in axes.get_yticklabels()] == ["␣Ein", "␣Hund", "<end>"]
    np.testing.assert_array_equal(axes.images[0].get_array(), np.eye(3, 4))
    assert axes.images[0].get_clim() == (0, 1)


def test_scripts_of_all_the_world_are_drawn() -> None:
    assert png(alignment(np.eye(2), ["我", "$x$"], ["你", "नी"], "我$"))


def test_long_sentences_have_smaller_cells() -> None:
    few, many = (alignment(np.eye(n), ["ab"] * n, ["ab"] * n, "").get_size_inches() for n in (20, 60))
    assert few[0] < many[0] < 2.2 * few[0]


@pytest.mark.parametrize("shape", [(2, 3), (3, 3), (0, 2)])
def test_symbols_and_weights_belong_together(shape: tuple[int, int]) -> None:
    with pytest.raises(UsageError, match="as many symbols"):
        alignment(np.ones(shape), ["a", "b"], ["c"] * 3, "")
