from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from elman.diagnostics.positions import looking_back, spread
from elman.errors import SettingsError


@given(st.integers(1, 4), st.integers(1, 12), st.integers(1, 40), st.integers(0, 2**32))
def test_places_are_allowed_different_and_spread_to_both_ends(batch: int, time: int, count: int, seed: int) -> None:
    allowed = torch.rand(batch, time, generator=torch.Generator().manual_seed(seed)) < 0.7
    allowed[0, 0] = True
    rows, steps = spread(allowed, count)
    assert allowed[rows, steps].all()
    assert len({*zip(rows.tolist(), steps.tolist(), strict=True)}) == len(rows) == min(count, int(allowed.sum()))
    assert (rows[0], steps[0]) == (0, 0)


def test_all_places_have_the_same_past_to_look_at() -> None:
    rows, steps, distance = looking_back(torch.ones(2, 9, dtype=torch.bool), 100, None)
    assert distance == 5
    assert sorted(steps[rows == 0].tolist()) == [4, 5, 6, 7, 8]
    assert looking_back(torch.ones(2, 9, dtype=torch.bool), 100, 9)[1].tolist() == [8, 8]


def test_only_the_last_step_counts() -> None:
    counts = torch.zeros(3, 7, dtype=torch.bool)
    counts[:, -1] = True
    rows, steps, distance = looking_back(counts, 100, None)
    assert (rows.tolist(), steps.tolist(), distance) == ([0, 1, 2], [6, 6, 6], 7)


@pytest.mark.parametrize("distance", [0, 8])
def test_distances_without_a_state_are_refused(distance: int) -> None:
    with pytest.raises(SettingsError, match="distance must be from 1 to 7"):
        looking_back(torch.ones(1, 7, dtype=torch.bool), 3, distance)
