from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from torch import Tensor

from diagnostics.subjects import random_layers, subject
from elman import plots
from elman.diagnostics.trajectory import Trajectory
from elman.diagnostics.units import units
from elman.errors import DataError, UsageError
from elman.nn import Recurrent
from elman.nn.subject import Subject
from tolerances import ROUNDING


def seen(layers: Recurrent | None = None, time: int = 80, batch: int = 6) -> Subject:
    return subject(layers or random_layers("lstm", units=8), time=time, batch=batch)


def states(of: Subject) -> Tensor:
    return Trajectory(of).states[:, 1:]


def wandering(of: Subject, seed: int) -> Tensor:
    """A property that changes slowly and knows nothing of the model."""
    rng = np.random.default_rng(seed)
    values = np.zeros((of.batch, of.time))
    for step in range(1, of.time):
        values[:, step] = 0.95 * values[:, step - 1] + rng.standard_normal(of.batch)
    return torch.from_numpy(values)


def test_a_unit_that_follows_is_found() -> None:
    here = seen()
    rng = torch.Generator().manual_seed(1)
    unit = states(here)[..., 11]
    noisy = 3 - 2 * unit + 0.1 * unit.std() * torch.randn(unit.shape, generator=rng, dtype=torch.float64)
    found = units(here, {"mine": noisy, "wandering": wandering(here, 0)})
    assert found.best("mine") == ["cell_l0[3]"]
    assert found.followers("mine")[0] == "cell_l0[3]"
    assert found.p[0, 11] == pytest.approx(1 / 2001)
    assert float(found.correlations[0, 11]) < -0.99
    assert found.followers("wandering") == []


def test_correlations_are_pearsons() -> None:
    here = seen(time=30)
    values = wandering(here, 3)
    found = units(here, {"a": values}, shifts=10)
    # The first tenth of the steps is for settling.
    expected = np.corrcoef(states(here)[:, 3:].flatten(0, 1).T, values[:, 3:].flatten())[-1, :-1]
    np.testing.assert_allclose(found.correlations[0], expected, atol=ROUNDING)


def test_a_property_of_two_columns_is_followed_in_any_mixture() -> None:
    here = seen()
    unit = states(here)[..., 2]
    other = wandering(here, 0)
    found = units(here, {"mixture": torch.stack([0.3 * unit + other, unit - 2 * other], -1)}, shifts=50)
    assert float(found.correlations[0, 2]) == pytest.approx(1, rel=ROUNDING)


def test_chance_is_called_chance_however_slow_the_property_and_the_states_are() -> None:
    slow = random_layers("lstm", units=6)
    with torch.no_grad():
        slow.bias_ih_l0[6:12] += 4
    here = seen(slow, time=60, batch=4)
    searches = [units(here, {"a": wandering(here, n), "b": wandering(here, 99 - n)}, shifts=99) for n in range(12)]
    wrong = sum(float(found.p.min()) <= 0.1 for found in searches)
    assert wrong <= 4  # Of 12 with a chance of 0.1, more come once in 200 times.


def test_a_unit_that_does_not_move_follows_nothing() -> None:
    still = random_layers("rnn")
    with torch.no_grad():
        still.weight_ih_l0[0] = 0
        still.weight_hh_l0[0] = 0
    here = seen(still)
    found = units(here, {"a": wandering(here, 0)}, shifts=20)
    assert float(found.correlations[0, 0]) == 0
    assert float(found.p[0, 0]) == 1


def test_it_is_told_drawn_and_written() -> None:
    here = seen()
    found = units(here, {"mine": states(here)[..., 0], "wandering": wandering(here, 0)}, shifts=1100)
    assert "mine: " in str(found)
    assert "hidden_l0[0] most closely (correlation +1.00, p < 0.0009" in str(found)
    assert "no units of 16 follow it beyond chance" in str(found)
    assert json.loads(json.dumps(found.to_dict(), allow_nan=False))["properties"]["wandering"]["followers"] == []
    assert plots.png(found.plot())
    assert str(units(here)).count("follow it") == 5  # level and change of both features, and a phase


def test_wrong_properties_are_refused() -> None:
    here = seen()
    with pytest.raises(DataError, match=r"'a' must be \(batch, time\), \(6, 80\), found \(6, 79\)"):
        units(here, {"a": torch.zeros(6, 79)})
    with pytest.raises(DataError, match="No property"):
        units(here, {})
    with pytest.raises(UsageError, match="no property 'b', only a"):
        units(here, {"a": wandering(here, 0)}, shifts=5).best("b")
