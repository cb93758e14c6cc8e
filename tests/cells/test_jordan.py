from __future__ import annotations

import numpy as np
import pytest

from elman.cells import NumpyOps, make
from elman.errors import SettingsError
from tolerances import ROUNDING


def test_three_steps_of_the_paper() -> None:
    """Context units as sums over all outputs so far, weighed by powers of the decay."""
    cell = make("jordan", 3, 5, output_units=2, decay=0.25)
    rng = np.random.default_rng(0)
    params = {name: rng.standard_normal(each.shape) for name, each in cell.parameters().items()}
    inputs = rng.standard_normal((3, 3))
    outputs: list[np.ndarray] = []
    state = {"output": np.zeros(2), "context": np.zeros(2)}
    for x in inputs:
        context = sum((0.25**age * y for age, y in enumerate(reversed(outputs))), start=np.zeros(2))
        net = params["weight_ih"] @ x + params["bias_ih"] + params["weight_hh"] @ context + params["bias_hh"]
        outputs.append(np.tanh(params["weight_ho"] @ np.tanh(net) + params["bias_ho"]))
        state = cell.step(NumpyOps(), x, state, params)
        np.testing.assert_allclose(state["output"], outputs[-1], rtol=ROUNDING, atol=ROUNDING)


def test_without_decay_only_the_last_output_is_fed_back() -> None:
    cell = make("jordan", 1, 2, decay=0.0)
    params = {name: np.ones(each.shape) for name, each in cell.parameters().items()}
    state = {"output": np.array([0.25, -0.5]), "context": np.array([3.0, 4.0])}
    assert cell.step(NumpyOps(), np.ones(1), state, params)["context"].tolist() == [0.25, -0.5]


def test_in_heads_hidden_units_see_the_outputs_of_their_group() -> None:
    cell, whole = make("jordan", 1, 4, output_units=2, heads=2), make("jordan", 1, 4, output_units=2)
    rng = np.random.default_rng(0)
    params = {name: rng.standard_normal(each.shape) for name, each in cell.parameters().items()}
    weight = np.zeros((4, 2))
    weight[:2, :1], weight[2:, 1:] = np.split(params["weight_hh"], 2)
    state = {"output": rng.standard_normal(2), "context": rng.standard_normal(2)}
    found = cell.step(NumpyOps(), np.ones(1), state, params)["output"]
    expected = whole.step(NumpyOps(), np.ones(1), state, params | {"weight_hh": weight})["output"]
    np.testing.assert_allclose(found, expected, rtol=ROUNDING, atol=ROUNDING)


def test_outputs_are_as_many_as_hidden_units_unless_said_otherwise() -> None:
    assert make("jordan", 3, 5).state_sizes == {"output": 5, "context": 5}
    assert make("jordan", 3, 5, output_units=7).state_sizes == {"output": 7, "context": 7}
    shapes = {name: each.shape for name, each in make("jordan", 3, 5, output_units=7).parameters().items()}
    assert (shapes["weight_hh"], shapes["weight_ho"], shapes["bias_ho"]) == ((5, 7), (7, 5), (7,))


@pytest.mark.parametrize(
    ("options", "message"),
    [({"output_units": -1}, "output_units must be 0 "), ({"decay": 1.0}, "decay must be from 0 to below 1, not 1.0")],
)
def test_options_that_cannot_be(options: dict[str, float], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        make("jordan", 3, 5, **options)
