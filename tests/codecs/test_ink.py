"""Ink at even distances: what a step tells, what does not matter, strokes as they come, augmentation."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from elman.codecs.ink import InkCodec, resampled
from elman.codecs.raw import Ink
from elman.codecs.sequence import Steps
from elman.errors import DataError, SettingsError
from tolerances import INK_STEPS

L_SHAPE = Ink((np.array([[0.0, 100.0], [0.0, 0.0], [60.0, 0.0]]), np.array([[30.0, 50.0]])))
points = st.tuples(st.integers(-50, 50), st.integers(-50, 50))
strokes = st.lists(st.lists(points, min_size=1, max_size=6), max_size=6).map(
    lambda found: tuple(np.array(stroke, dtype=np.float64) for stroke in found)
)


def drawn(rng: np.random.Generator, count: int = 3) -> Ink:
    return Ink(tuple(rng.normal(size=(12, 2)).cumsum(0) for _ in range(count)))


def encoded_in_parts(codec: InkCodec, parts: list[tuple[NDArray[np.float64], ...]]) -> Steps:
    encoder = codec.encoder()
    steps = codec.encode(Ink(()))
    for part in parts:
        steps += encoder.push(Ink(part))
    return steps + encoder.flush()


@pytest.mark.parametrize("scale", [None, 20.0])
@settings(max_examples=30)
@given(parts=st.lists(strokes, max_size=4))
def test_strokes_in_any_groups_give_the_steps_of_the_whole(
    scale: float | None, parts: list[tuple[NDArray[np.float64], ...]]
) -> None:
    codec = InkCodec(0.1, scale=scale)
    whole = codec.encode(Ink(tuple(stroke for part in parts for stroke in part)))
    np.testing.assert_array_equal(encoded_in_parts(codec, parts).values, whole.values)
    assert whole.values.dtype == np.float32
    assert np.isfinite(whole.values).all()


def test_a_step_tells_direction_place_turn_and_pen() -> None:
    values = InkCodec(spacing=0.2).encode(L_SHAPE).values
    assert values.shape == (10, 8)  # 1.6 sizes in steps of 0.2, both ends, and the dot
    np.testing.assert_allclose(values[1:6, 0:2], [[0, -1]] * 5, atol=INK_STEPS)
    np.testing.assert_allclose(values[6:9, 0:2], [[1, 0]] * 3, atol=INK_STEPS)
    np.testing.assert_allclose(values[9, 0:2], [-0.3, 0.5], atol=INK_STEPS)  # the jump, in sizes
    np.testing.assert_allclose(values[0, 2:4], [-0.6, 1], atol=INK_STEPS)
    np.testing.assert_allclose(values[9, 2:4], [0, 0], atol=INK_STEPS)
    np.testing.assert_allclose(values[6, 4:6], [0, 1], atol=INK_STEPS)  # a quarter to the left
    np.testing.assert_allclose(np.delete(values[:, 4:6], 6, axis=0), [[1, 0]] * 9, atol=INK_STEPS)
    assert values[:, 6].tolist() == [1, *[0] * 8, 1]
    assert values[:, 7].tolist() == [*[0] * 8, 1, 1]


def test_place_size_speed_and_pressure_of_the_pen_do_not_matter() -> None:
    ink = drawn(np.random.default_rng(0))
    elsewhere = Ink(tuple(7 * stroke + [300, -20] for stroke in ink.strokes))
    halves = [np.repeat(stroke, 2, axis=0) for stroke in ink.strokes]
    for stroke in halves:
        stroke[1:-1:2] = (stroke[1:-1:2] + stroke[2::2]) / 2
    timed = Ink(tuple(np.column_stack([stroke, np.arange(len(stroke)) ** 2]) for stroke in halves))
    codec = InkCodec()
    expected = codec.encode(ink).values
    np.testing.assert_allclose(codec.encode(elsewhere).values, expected, atol=INK_STEPS)
    np.testing.assert_allclose(codec.encode(timed).values, expected, atol=INK_STEPS)
    np.testing.assert_array_equal(codec.encode([stroke.tolist() for stroke in ink.strokes]).values, expected)


def test_one_scale_where_sizes_are_alike() -> None:
    rng = np.random.default_rng(0)
    alike = [L_SHAPE] * 4
    mixed = [Ink(tuple(10**power * stroke for stroke in L_SHAPE.strokes)) for power in range(4)]
    assert InkCodec.fit(alike).scale == 100
    assert InkCodec.fit(alike).lookahead == 0
    assert InkCodec.fit(mixed).scale is None
    assert InkCodec.fit(mixed).lookahead is None
    assert InkCodec.fit(alike, scale="own").scale is None
    assert InkCodec.fit(mixed, scale="training").scale is not None
    codec = InkCodec.fit(alike)
    smaller = Ink(tuple(stroke / 2 for stroke in L_SHAPE.strokes))
    assert len(codec.encode(smaller).values) < len(codec.encode(L_SHAPE).values)
    assert InkCodec.fit([drawn(rng)]).lines is False


def test_lines_of_writing_are_measured_by_their_height() -> None:
    line = Ink((np.array([[0.0, 0.0], [400.0, 10.0]]),))
    codec = InkCodec.fit([line], scale="own")
    assert codec.lines
    assert np.ptp(codec.encode(line).values[:, 3]) == pytest.approx(2 * 10 / 20)  # at least a twentieth of the width
    dash = Ink((np.array([[0.0, 0.0], [1.0, 0.0]]),))
    assert np.isfinite(codec.encode(dash).values).all()


@given(
    stroke=st.lists(points, min_size=1, max_size=8).map(lambda found: np.array(found, dtype=np.float64)),
    spacing=st.floats(0.5, 50),
)
def test_resampled_points_are_even_and_keep_the_ends(stroke: NDArray[np.float64], spacing: float) -> None:
    again = resampled(stroke, spacing)
    np.testing.assert_allclose(again[[0, -1]], stroke[[0, -1]] if len(again) > 1 else stroke[[0, 0]])
    assert (np.hypot(*np.diff(again, axis=0).T) <= spacing * (1 + 1e-9)).all()


def test_augmented_ink_is_ink_of_the_same_strokes() -> None:
    codec = InkCodec.fit([drawn(np.random.default_rng(0))])
    steps = codec.encode(drawn(np.random.default_rng(1)))
    varied = codec.augment(steps, np.random.default_rng(2)).values
    assert varied.shape == steps.values.shape
    assert varied.dtype == np.float32
    assert not np.allclose(varied, steps.values, atol=0.01)
    np.testing.assert_array_equal(varied[:, 6:], steps.values[:, 6:])
    inside = varied[:, 6] == 0
    np.testing.assert_allclose(np.hypot(*varied[inside, :2].T), 1, atol=INK_STEPS)
    np.testing.assert_allclose(np.hypot(*varied[:, 4:6].T), 1, atol=INK_STEPS)
    again = codec.augment(steps, np.random.default_rng(2)).values
    np.testing.assert_array_equal(varied, again)


def test_turned_ink_is_what_turned_points_give() -> None:
    class Always(np.random.Generator):
        """Draws one standard deviation each time."""

        def standard_normal(self, size: int) -> NDArray[np.float64]:  # type: ignore[override]
            return np.ones(size)

    codec = InkCodec.fit([L_SHAPE], augment="turn=0.3", scale="own")
    turn = np.array([[np.cos(0.3), -np.sin(0.3)], [np.sin(0.3), np.cos(0.3)]])
    turned = codec.augment(codec.encode(L_SHAPE), Always(np.random.PCG64(0))).values
    whole = codec.encode(L_SHAPE).values
    np.testing.assert_allclose(turned[:, :2], whole[:, :2] @ turn.T, atol=INK_STEPS)
    np.testing.assert_allclose(turned[:, 2:4], whole[:, 2:4] @ turn.T, atol=INK_STEPS)
    np.testing.assert_allclose(turned[:, 4:], whole[:, 4:], atol=INK_STEPS)


def test_without_augmentation_it_stays() -> None:
    codec = InkCodec.fit([L_SHAPE], augment="none")
    steps = codec.encode(L_SHAPE)
    np.testing.assert_allclose(codec.augment(steps, np.random.default_rng(0)).values, steps.values, atol=INK_STEPS)


@pytest.mark.parametrize("scale", ["own", "training"])
def test_saved_and_loaded_is_the_same(scale: str, tmp_path: Path) -> None:
    codec = InkCodec.fit([L_SHAPE], scale=scale, spacing=0.1)  # type: ignore[arg-type]
    codec.save(tmp_path)
    config = json.loads(json.dumps(codec.to_config()))
    again = InkCodec.load(tmp_path, config)
    assert again.to_config() == config
    assert again.describe() == codec.describe()
    rows = [each.augment(each.encode(L_SHAPE), np.random.default_rng(1)).values for each in (codec, again)]
    np.testing.assert_array_equal(*rows)


def test_what_is_no_ink_is_refused(tmp_path: Path) -> None:
    codec = InkCodec()
    for raw, message in [
        (3, "found int"),
        ("abc", "found str"),
        ([[1.0, 2.0]], r"stroke 0 must be \(points, 2\)"),
        ([[[1.0, np.nan]]], "stroke 0 has a point that is not a number"),
    ]:
        with pytest.raises(DataError, match=message):
            codec.encode(raw)
    with pytest.raises(DataError, match="without a line"):
        InkCodec.fit([Ink((np.zeros((1, 2)),)), Ink(())])
    with pytest.raises(SettingsError, match="spacing above 0"):
        InkCodec.fit([L_SHAPE], spacing=0)
    with pytest.raises(DataError, match="codec of ink"):
        InkCodec.load(tmp_path, {"kind": "ink", "spacing": -1})
