"""Channels as frames: nothing of what is hidden shows, and pieces give what the whole gives."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from elman.codecs.calendar import Frequency
from elman.codecs.channels import ChannelCodec, between, runs_of
from elman.codecs.panel import Panel
from elman.errors import DataError


def _codec(channels: int = 3) -> ChannelCodec:
    rng = np.random.default_rng(0)
    series = {f"c{number}": rng.normal(number, 1 + number, 60) for number in range(channels)}
    return ChannelCodec.fit(Panel.of(series, Frequency.named("h"), start="2024-01-01"))


def test_what_is_hidden_does_not_show_in_the_frames() -> None:
    codec, rng = _codec(), np.random.default_rng(1)
    values, steps = rng.normal(size=(50, 3)), np.arange(50)
    hidden = rng.random(values.shape) < 0.3
    seen = np.where(hidden, np.nan, values)
    other = np.where(hidden, rng.normal(size=values.shape), values)
    first, second = codec.to_rebuild(seen, steps), codec.to_rebuild(np.where(hidden, np.nan, other), steps)
    np.testing.assert_array_equal(first[0].values, second[0].values)
    assert first[0].values.shape == (50, codec.rebuilt_frame)
    assert np.isfinite(first[0].values).all()


@given(cuts=st.lists(st.integers(0, 40), max_size=4).map(sorted), seed=st.integers(0, 5))
def test_frames_of_what_comes_next_do_not_depend_on_cuts(cuts: list[int], seed: int) -> None:
    codec, rng = _codec(), np.random.default_rng(seed)
    values, steps = rng.normal(size=(40, 3)), np.arange(100, 140)
    values[rng.random(values.shape) < 0.2] = np.nan
    whole, _ = codec.to_expect(values, steps)
    assert whole.values.shape == (40, codec.ahead_frame)
    parts, last = [], None
    for begin, end in zip([0, *cuts], [*cuts, 40], strict=True):
        if begin == end:
            continue
        frames, known = codec.to_expect(values[begin:end], steps[begin:end], last)
        parts.append(frames.values)
        last = known[-1]
    np.testing.assert_array_equal(np.concatenate(parts), whole.values)


def test_lines_go_through_what_is_known() -> None:
    values = np.array([[np.nan, 1.0], [2.0, np.nan], [np.nan, np.nan], [4.0, np.nan]])
    assert between(values).tolist() == [[2.0, 1.0], [2.0, 1.0], [3.0, 1.0], [4.0, 1.0]]
    assert between(np.full((3, 1), np.nan)).tolist() == [[0.0]] * 3


def test_scales_come_back() -> None:
    codec, values = _codec(), np.random.default_rng(2).normal(size=(7, 3))
    np.testing.assert_allclose(codec.unscaled(codec.scaled(values)), values)
    assert runs_of(np.zeros(3, bool)) == []


def test_a_configuration_makes_the_same_codec() -> None:
    codec = _codec()
    again = ChannelCodec.from_config(codec.to_config())
    values, steps = np.random.default_rng(3).normal(size=(9, 3)), np.arange(9)
    np.testing.assert_array_equal(again.to_rebuild(values, steps)[0].values, codec.to_rebuild(values, steps)[0].values)
    assert (again.names, again.frequency, again.columns) == (codec.names, codec.frequency, codec.columns)
    with pytest.raises(DataError, match="expected the configuration of channels"):
        ChannelCodec.from_config({"names": ["a"]})


def test_channels_are_found_by_name_and_in_the_order_of_training() -> None:
    codec = _codec()
    panel = Panel.of(
        {"c2": np.arange(5.0), "c0": np.ones(5), "c1": np.zeros(5)}, Frequency.named("h"), start="2024-02-01"
    )
    values, steps = codec.matrix(panel)
    np.testing.assert_allclose(codec.unscaled(values)[:, 2], np.arange(5.0))
    assert len(steps) == 5
    with pytest.raises(DataError, match="c1, c2 missing"):
        codec.matrix(Panel.of({"c0": np.ones(5)}, Frequency.named("h"), start="2024-02-01"))


def test_nothing_to_learn_is_said() -> None:
    with pytest.raises(DataError, match="no channel ever changes"):
        ChannelCodec.fit(Panel.of({"a": np.ones(9)}))
