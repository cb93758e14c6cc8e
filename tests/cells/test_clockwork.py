from __future__ import annotations

import numpy as np
import pytest

from elman.cells import NumpyOps, initialise, make
from elman.errors import SettingsError
from tolerances import ROUNDING, SAMPLING

PERIODS = (1, 2, 5)


def test_steps_of_the_paper() -> None:
    """One matrix whose lower blocks are zero, of which only the rows of the groups that are due count."""
    cell = make("clockwork", 4, 6, periods=PERIODS)
    rng = np.random.default_rng(0)
    params = {name: rng.standard_normal(each.shape) for name, each in cell.parameters().items()}
    blocks, recurrent = iter(np.split(params["weight_hh"], 6)), np.zeros((6, 6))
    for g in range(3):
        for j in range(g, 3):
            recurrent[2 * g : 2 * g + 2, 2 * j : 2 * j + 2] = next(blocks)
    state, hidden = {"hidden": np.zeros(6), "step": np.zeros(1)}, np.zeros(6)
    for t in range(23):
        x = rng.standard_normal(4)
        state = cell.step(NumpyOps(), x, state, params)
        due = np.repeat([t % period == 0 for period in PERIODS], 2)
        hidden = np.where(due, np.tanh(params["weight_ih"] @ x + recurrent @ hidden + params["bias_ih"]), hidden)
        np.testing.assert_allclose(state["hidden"], hidden, rtol=ROUNDING, atol=ROUNDING)
        assert state["step"] == (t + 1) % 10


def test_groups_come_round_at_any_period_in_float32() -> None:
    """The number of the step is whole, whatever the period, and a group is never early or late."""
    periods = tuple(range(1, 50, 6))
    cell = make("clockwork", 1, 9, periods=periods)
    params = {name: np.ones(each.shape, np.float32) for name, each in cell.parameters().items()}
    step = np.arange(3000, dtype=np.float32)[:, None]
    start = {"hidden": np.full((3000, 9), 7, np.float32), "step": step}
    after = cell.step(NumpyOps(), np.ones((3000, 1), np.float32), start, params)["hidden"]
    for group, period in enumerate(periods):
        assert ((after[:, group] != 7) == (np.arange(3000) % period == 0)).all()


@pytest.mark.parametrize(("units", "groups"), [(128, 8), (100, 5), (12, 6), (1, 1), (17, 1)])
def test_without_periods_there_are_the_most_groups_that_fit(units: int, groups: int) -> None:
    assert make("clockwork", 1, units).periods == tuple(2**n for n in range(groups))  # type: ignore[attr-defined]


def test_it_begins_as_the_paper_says() -> None:
    params = initialise(make("clockwork", 40, 64), np.random.default_rng(0))
    assert abs(params["weight_ih"].std() / 0.1 - 1) < SAMPLING
    assert abs(params["weight_hh"].std() / 0.1 - 1) < SAMPLING
    assert not params["bias_ih"].any()


@pytest.mark.parametrize(
    ("periods", "message"),
    [((1, 2), "5 units cannot be cut into 2 equal groups"), ((2, 1, 4, 8, 16), "ascending"), ((0,), "1 or more")],
)
def test_periods_that_do_not_fit_are_named(periods: tuple[int, ...], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        make("clockwork", 3, 5, periods=periods)
