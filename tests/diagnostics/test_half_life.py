from __future__ import annotations

import json
import math

import numpy as np
import pytest
import torch

from diagnostics.linear import linear, mixed, of
from elman import plots
from elman.diagnostics.half_life import half_life
from elman.errors import DataError, SettingsError
from elman.nn import Recurrent
from tolerances import LONG_RUN


def of_eigenvalue(value: float) -> float:
    return math.log(2) / -math.log(value)


@pytest.mark.parametrize("eigenvalues", [[0.8], [0.95, 0.7, -0.4, 0.1]])
def test_a_linear_network_fades_as_its_largest_eigenvalue(eigenvalues: list[float]) -> None:
    found = half_life(linear(mixed(eigenvalues), time=300))
    expected = of_eigenvalue(eigenvalues[0])
    assert found.whole == pytest.approx(expected, rel=LONG_RUN)
    np.testing.assert_allclose(found.units["hidden_l0"], expected, rtol=LONG_RUN)


def test_units_that_do_not_act_on_each_other_fade_each_at_its_own_rate() -> None:
    found = half_life(linear(np.diag([0.9, 0.5, 1.0, 0.0]), time=400))
    expected = [of_eigenvalue(0.9), 1.0, math.inf, 0.0]
    np.testing.assert_allclose(found.units["hidden_l0"], expected, rtol=LONG_RUN, atol=LONG_RUN)
    assert found.whole > 1e6
    assert "does not fade" in str(half_life(linear(np.eye(2))))


def test_gates_imply_what_they_keep() -> None:
    layer = Recurrent("lstm", 2, 3).double()
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.zero_()
        layer.bias_ih_l0[3:6] = torch.logit(torch.tensor([0.9, 0.5, 0.99], dtype=torch.float64))
    found = half_life(of(layer, time=200))
    expected = [of_eigenvalue(value) for value in (0.9, 0.5, 0.99)]
    np.testing.assert_allclose(found.implied["cell_l0"], expected, rtol=LONG_RUN)
    assert list(found.implied) == ["cell_l0"], "the hidden state is written anew at every step"
    # Without recurrent weights nothing but the gates keeps the cells.
    np.testing.assert_allclose(found.units["cell_l0"], expected, rtol=LONG_RUN)
    np.testing.assert_allclose(found.units["hidden_l0"], 0)


@pytest.mark.parametrize(("cell", "states"), [("gru", ["hidden_l0"]), ("rnn", []), ("mingru", ["hidden_l0"])])
def test_only_what_a_step_keeps_directly_is_implied(cell: str, states: list[str]) -> None:
    assert list(half_life(of(Recurrent(cell, 2, 3))).implied) == states


def test_it_is_told_drawn_and_written() -> None:
    found = half_life(of(Recurrent("lstm", 2, 3)))
    assert "half of a nudge" in str(found)
    assert "The gates imply a median" in str(found)
    assert set(json.loads(json.dumps(found.to_dict(), allow_nan=False))["units"]) == {"hidden_l0", "cell_l0"}
    assert plots.png(found.plot())
    assert plots.png(half_life(linear(np.diag([0.9, 0.0]))).plot())


def test_short_sequences_and_too_far_a_look_are_refused() -> None:
    with pytest.raises(DataError, match="at least 8 steps, found 7"):
        half_life(linear(np.eye(2), time=7))
    with pytest.raises(SettingsError, match="distance must be from 1 to 60"):
        half_life(linear(np.eye(2)), distance=61)
