from __future__ import annotations

import numpy as np
import pytest
import torch

from elman.codecs.forecast_windows import WindowCodec
from elman.codecs.panel import Panel
from elman.data.windows import TrainingWindows, origins_of
from elman.errors import DataError

nan = float("nan")
PANEL = Panel.of({"long": np.arange(20.0), "short": np.arange(100.0, 104.0), "one": [7.0]})


def windows(panel: Panel = PANEL, **options: object) -> TrainingWindows:
    codec = WindowCodec.fit(panel, context=4, reach=4, logarithm=False, level="zero", scale="series")
    return TrainingWindows(codec, panel, 3, 5, seed=0, **options)  # type: ignore[arg-type]


def test_every_window_that_lies_within_the_series() -> None:
    series, origins = origins_of(PANEL, 4, 3)
    assert series.tolist() == [0] * 14 + [1]
    assert origins.tolist() == [*range(4, 18), 1]


def test_an_epoch_has_every_window_once() -> None:
    batches = windows(PANEL.take([0]))
    assert batches.steps_in(0) == 3
    assert len(batches) == 14
    spread = np.arange(20.0).std()
    firsts = np.concatenate([batches.batch(0, index).targets[:, 0].numpy() for index in range(3)])
    assert np.sort(firsts * spread).round().tolist() == list(range(4, 18))


def test_batches_depend_on_epoch_and_index_alone() -> None:
    one, other = windows(), windows()
    other.batch(3, 1)
    torch.testing.assert_close(one.batch(1, 2).values, other.batch(1, 2).values)
    assert not torch.equal(one.batch(1, 0).values, one.batch(2, 0).values)
    assert one.batch(0, 0).level.dtype == torch.float32


def test_an_epoch_may_be_a_draw_of_windows() -> None:
    assert windows(per_epoch=5).steps_in(0) == 1
    assert windows(per_epoch=500).steps_in(0) == 3


def test_origins_may_be_bounded_for_splits_in_time() -> None:
    series, origins = origins_of(PANEL.take([0]), 4, 3, first=10, last=np.array([12]))
    assert origins.tolist() == [10, 11, 12]
    assert series.tolist() == [0, 0, 0]


def test_windows_without_a_number_in_past_or_future_are_left_out() -> None:
    panel = Panel.of([[1.0, nan, 2, nan, nan, 5, nan, nan, nan, 3, 4]])
    _, origins = origins_of(panel, 2, 2, first=1)
    # From 3 on: nothing in 3 and 4 after it; from 5 on: nothing in 3 and 4 before it; later nothing after or before.
    assert origins.tolist() == [1, 2, 4]


def test_single_steps_have_no_window() -> None:
    with pytest.raises(DataError, match="at least two steps"):
        windows(Panel.of([[1.0], [2.0]]))
