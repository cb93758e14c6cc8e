from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np
import pytest
import torch
from torch.nn import functional as F  # noqa: N812

from elman.cells import Cell, NumpyOps, make
from elman.cells.activations import FUNCTIONS, Function, OtherActivations, apply, check
from elman.errors import SettingsError, UsageError
from elman.nn import TorchOps
from tolerances import ROUNDING

#: What each function is, by torch.
TORCHS: dict[Function, Callable[[torch.Tensor], torch.Tensor]] = {
    ("sigmoid",): torch.sigmoid,
    ("tanh",): torch.tanh,
    ("relu",): torch.relu,
    ("affine", 2.0, -0.5): lambda x: 2 * x - 0.5,
    ("clipped_relu", 6.0): F.relu6,
    ("leaky_relu", 0.3): lambda x: F.leaky_relu(x, 0.3),
    ("thresholded_relu", 0.7): lambda x: F.threshold(x, 0.7, 0.0),
    ("hard_sigmoid", 1 / 6, 0.5): F.hardsigmoid,
    ("scaled_tanh", 1.5, 0.7): lambda x: 1.5 * torch.tanh(0.7 * x),
    ("elu", 0.9): lambda x: F.elu(x, 0.9),
    ("selu", 1.6732632423543772, 1.0507009873554805): F.selu,
    ("softplus",): lambda x: F.softplus(x, threshold=100),
    ("softsign",): F.softsign,
    ("silu",): F.silu,
    ("exponential",): torch.exp,
}


def test_every_function_is_here() -> None:
    assert {name for name, *_ in TORCHS} == set(FUNCTIONS)


@pytest.mark.parametrize("function", TORCHS, ids=str)
@pytest.mark.parametrize("ops", [NumpyOps(), TorchOps()], ids=["numpy", "torch"])
def test_values(function: Function, ops: Any) -> None:
    x = torch.linspace(-8, 8, 41, dtype=torch.float64)
    given = x if isinstance(ops, TorchOps) else x.numpy()
    found = torch.as_tensor(apply(ops, function, given))
    torch.testing.assert_close(found, TORCHS[function](x), rtol=ROUNDING, atol=ROUNDING)


def test_softplus_of_large_numbers() -> None:
    assert apply(NumpyOps(), ("softplus",), np.array([1000.0, -1000.0])).tolist() == [1000.0, 0.0]


def test_each_function_has_its_place_in_an_lstm() -> None:
    rng = np.random.default_rng(0)
    x, hidden, before = (rng.standard_normal((3, 4)) for _ in range(3))
    inner = make("lstm", 4, 4)
    params = {name: rng.standard_normal(parameter.shape) for name, parameter in inner.parameters().items()}
    cell = OtherActivations(inner, ("hard_sigmoid", 0.2, 0.5), ("softsign",), ("affine", 0.5, 0.0), bound=1.5)
    found = cell.step(NumpyOps(), x, {"hidden": hidden, "cell": before}, params)

    sums = x @ params["weight_ih"].T + params["bias_ih"] + hidden @ params["weight_hh"].T + params["bias_hh"]
    i, f, g, o = np.split(np.clip(sums, -1.5, 1.5), 4, axis=1)
    i, f, o = (np.clip(0.2 * gate + 0.5, 0, 1) for gate in (i, f, o))
    after = f * before + i * (g / (1 + abs(g)))
    np.testing.assert_allclose(found["cell"], after, rtol=ROUNDING)
    np.testing.assert_allclose(found["hidden"], o * 0.5 * after, rtol=ROUNDING)


def test_the_cells_own_functions_change_nothing() -> None:
    rng = np.random.default_rng(1)
    inner = make("gru", 2, 3)
    params = {name: rng.standard_normal(parameter.shape) for name, parameter in inner.parameters().items()}
    state, x = {"hidden": rng.standard_normal((2, 3))}, rng.standard_normal((2, 2))
    expected = inner.step(NumpyOps(), x, state, params)["hidden"]
    assert np.array_equal(OtherActivations(inner).step(NumpyOps(), x, state, params)["hidden"], expected)


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (("hard_sigmoit", 0.2, 0.5), "There is no activation 'hard_sigmoit', .* Did you mean 'hard_sigmoid'"),
        (("elu",), r"'elu' takes the numbers \(alpha\), found \[\]"),
        (("relu", 1.0), r"'relu' takes the numbers \(\), found \[1.0\]"),
        (("elu", "1"), r"'elu' takes the numbers \(alpha\), found \['1'\]"),
    ],
)
def test_functions_that_are_none(function: Function, reason: str) -> None:
    with pytest.raises(SettingsError, match=reason):
        check(function)
    with pytest.raises(SettingsError, match=reason):
        OtherActivations(make("rnn", 1, 1), candidate=function)


@pytest.mark.parametrize("bound", [0.0, -1.0, math.nan])
def test_a_bound_is_above_zero(bound: float) -> None:
    with pytest.raises(SettingsError, match="must be above 0"):
        OtherActivations(make("rnn", 1, 1), bound=bound)


@final
@dataclass(frozen=True)
class Thrice(Cell):
    """A cell that takes tanh three times."""

    name: ClassVar[str] = "thrice"
    gates: ClassVar[tuple[str, ...]] = ("hidden",)

    def step(self, ops: Any, x: Any, state: Any, params: Any) -> dict[str, Any]:
        return {"hidden": ops.tanh(ops.tanh(ops.tanh(x)))}


def test_a_third_tanh_has_no_function() -> None:
    with pytest.raises(UsageError, match="takes tanh at most twice"):
        OtherActivations(Thrice(1, 1)).step(NumpyOps(), np.ones(1), {}, {})
