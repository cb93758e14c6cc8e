from __future__ import annotations

import pytest

from elman import plots
from elman.errors import UsageError
from elman.plots import units
from elman.plots.units import Values


def drawn(figure: object) -> list[str]:
    return [text.get_text() for axes in figure.axes for text in axes.texts]  # type: ignore[attr-defined]


def corners(figure: object) -> list[tuple[float, float]]:
    """Left upper corner of every cell."""
    (cells,) = figure.axes[0].collections  # type: ignore[attr-defined]
    return [tuple(path.vertices[0]) for path in cells.get_paths()]


def test_text_is_set_as_it_reads() -> None:
    figure = units.text(["a", "␣", "$", r"\n", "b"], [Values("unit", [1, -1, 0, 0.5, 2])], "$ and $")
    assert drawn(figure) == ["a", " ", "$", "↵", "b"]
    assert corners(figure) == [(0, 0), (1, 0), (2, 0), (3, 0), (0, 1)]
    assert plots.png(figure)


def test_words_stand_apart_and_lines_end_at_the_margin() -> None:
    words = ["word"] * 15 + ["<eos>", "next"]
    figure = units.text(words, [Values("unit", range(17))], "words")
    assert corners(figure)[1] == (5, 0)
    assert corners(figure)[14:] == [(0, 1), (5, 1), (0, 2)]


def test_colours_are_white_at_zero_and_span_the_largest_value() -> None:
    figure = units.text(list("abc"), [Values("unit", [-4, 0, 2])], "colours")
    (cells,) = figure.axes[0].collections
    cells.update_scalarmappable()
    assert cells.get_clim() == (-4, 4)
    assert cells.get_facecolor()[1].min() > 0.99


def test_bars_of_a_series_stand_at_its_steps() -> None:
    figure = units.series([1, 2, 3], [Values("unit", [0.1, -0.2, 0.3])], "a series", first=10)
    assert list(figure.axes[0].lines[0].get_xdata()) == [10, 11, 12]
    centres = [bar.get_x() + bar.get_width() / 2 for bar in figure.axes[1].patches]
    assert centres == [10, 11, 12]
    assert plots.png(figure)


def test_every_unit_is_a_dot_and_the_best_is_named() -> None:
    figure = units.correlations(["line", "quote"], [[0.1, -0.9], [0.2, 0.0]], [[False, True], [False, False]],
                                ["cell[1]", "cell[0]"], "what units follow")  # fmt: skip
    (axes,) = figure.axes
    assert drawn(figure) == ["cell[1]  -0.90", "cell[0]  +0.20"]
    assert sum(len(dots.get_offsets()) for dots in axes.collections) == 4
    assert plots.png(figure)


def test_several_bars_have_a_legend() -> None:
    one = units.bars(["a", "$x$"], [Values("rise", [1, -1])], "bars", "rise")
    two = units.bars(["a", "$x$"], [Values("here", [1, -1]), Values("there", [2, 1])], "bars", "rise")
    assert one.axes[0].get_legend() is None
    assert [text.get_text() for text in two.axes[0].get_legend().get_texts()] == ["here", "there"]
    assert plots.png(two)


def test_too_few_values_are_refused() -> None:
    with pytest.raises(UsageError, match="3 places need as many values, found 2"):
        units.text(list("abc"), [Values("unit", [1, 2])], "short")
