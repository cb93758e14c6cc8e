from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from elman.cells import CELLS, NumpyOps, Parameter, initialise, make
from elman.cells.rnn import SimpleCell
from elman.errors import SettingsError, UsageError
from tolerances import ROUNDING, SAMPLING


def draw(name: str, **options: Any) -> dict[str, np.ndarray]:
    scheme = {key: options.pop(key) for key in ("scheme", "memory") if key in options}
    return initialise(make(name, 40, 50, **options), np.random.default_rng(0), **scheme)


def drawn_by_kind(name: str, kind: str) -> list[tuple[Parameter, np.ndarray]]:
    """The parameters of a kind, without those that the cell draws itself."""
    cell, weights = make(name, 40, 50), draw(name)
    own = cell.initial(np.random.default_rng(0), 0)
    return [(p, weights[key]) for key, p in cell.parameters().items() if p.kind == kind and key not in own]


@pytest.mark.parametrize("name", CELLS)
def test_recurrent_blocks_are_orthogonal(name: str) -> None:
    for parameter, weight in drawn_by_kind(name, "recurrent"):
        for block in np.split(weight, len(parameter.blocks)):
            product = block @ block.T if len(block) <= block.shape[1] else block.T @ block
            np.testing.assert_allclose(product, np.eye(len(product)), rtol=ROUNDING, atol=ROUNDING)


def test_blocks_that_are_not_square_have_orthonormal_columns() -> None:
    for block in np.split(draw("lstm", projection_size=20)["weight_hh"], 4):
        np.testing.assert_allclose(block.T @ block, np.eye(20), rtol=ROUNDING, atol=ROUNDING)


@pytest.mark.parametrize("name", CELLS)
def test_input_blocks_have_xaviers_bound_and_variance(name: str) -> None:
    for parameter, weight in drawn_by_kind(name, "input"):
        bound = math.sqrt(6 / (weight.shape[0] // len(parameter.blocks) + weight.shape[1]))
        assert abs(weight).max() <= bound
        # The deviation of n uniform numbers is off by 0.45 / sqrt(n).
        assert weight.std() == pytest.approx(bound / math.sqrt(3), rel=max(SAMPLING, 2 / math.sqrt(weight.size)))


@pytest.mark.parametrize("name", CELLS)
def test_biases_keep_the_state_once(name: str) -> None:
    signs = CELLS[name].memory_gates
    alone = 1 not in signs.values()  # a gate that overwrites, and nothing else that keeps
    assert not any(bias.any() for _, bias in drawn_by_kind(name, "recurrent_bias"))
    for parameter, bias in drawn_by_kind(name, "input_bias"):
        for gate, block in zip(parameter.blocks, np.split(bias, len(parameter.blocks)), strict=True):
            assert (block == (signs.get(gate, 0) if alone else max(signs.get(gate, 0), 0))).all()


def test_a_gate_that_overwrites_gets_the_negative_bias() -> None:
    forget, candidate = np.split(draw("mgu")["bias_ih"], 2)
    assert (forget == -1).all()
    assert not candidate.any()
    write = np.split(draw("lstm_coupled", memory=30)["bias_ih"], 3)[0]
    assert ((np.exp(-write) >= 1) & (np.exp(-write) <= 29)).all()


def test_chrono_biases_spread_over_the_memory() -> None:
    """exp(b) is uniform in [1, T - 1] (Tallec & Ollivier 2018)."""
    weights = initialise(make("lstm", 1, 300), np.random.default_rng(0), memory=100)
    write, forget, candidate, output = np.split(weights["bias_ih"], 4)
    lengths = np.sort(np.exp(forget))
    assert lengths[0] >= 1
    assert lengths[-1] <= 99
    uniform = np.linspace(1, 99, 300)
    assert abs(lengths - uniform).max() < 2 * SAMPLING * 98
    assert (write == -forget).all()
    assert not candidate.any()
    assert not output.any()


def test_chrono_gates_forget_over_the_memory() -> None:
    """With no input an update gate of bias b keeps the share 1 - 1/(1 + e^b), so it forgets over 1 + e^b steps."""
    bias = np.split(draw("gru", memory=30)["bias_ih"], 3)[1]
    steps = 1 / (1 - NumpyOps().sigmoid(bias))
    assert ((steps >= 2 - ROUNDING) & (steps <= 30 + ROUNDING)).all()


def test_torchs_scheme_is_uniform_everywhere() -> None:
    for values in draw("lstm", scheme="torch", projection_size=20).values():
        assert abs(values).max() <= 1 / math.sqrt(50)
        assert values.std() == pytest.approx(1 / math.sqrt(150), rel=0.1)


@pytest.mark.parametrize("scheme", ["memory", "torch"])
def test_norms_begin_by_doing_nothing_more(scheme: str) -> None:
    weights = draw("lstm_layer_norm", scheme=scheme)
    for name in ("gain_ih", "gain_hh", "gain_cell"):
        assert (weights[name] == 1).all()
    assert not weights["bias_cell"].any()


def test_a_seed_decides() -> None:
    one, other = draw("lstm"), draw("lstm")
    assert all((one[name] == other[name]).all() for name in one)


@pytest.mark.parametrize("options", [{"name": "rnn"}, {"name": "lstm", "bias": False}, {"name": "gru", "memory": 1}])
def test_a_memory_that_cannot_be_set_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match="cannot be set: it takes a length of 2 or more steps"):
        draw(**{"memory": 100} | options)


def test_memory_belongs_to_its_scheme() -> None:
    with pytest.raises(SettingsError, match="needs the initialisation 'memory', not 'torch'"):
        draw("lstm", scheme="torch", memory=9)
    with pytest.raises(SettingsError, match=r"There is no initialisation 'memroy', only memory, torch. Did you mean"):
        draw("lstm", scheme="memroy")


@dataclass(frozen=True)
class OwnStart(SimpleCell):
    """A cell whose recurrent weights are half the identity, and whose biases tell the memory it was given."""

    name = "own_start"
    initial_takes_memory = True
    activation = staticmethod(lambda ops, x: ops.tanh(x))

    def initial(self, rng: np.random.Generator, memory: int) -> dict[str, np.ndarray]:
        return {"weight_hh": np.eye(self.hidden_size) / 2, "bias_ih": np.full(self.hidden_size, float(memory))}


@pytest.mark.parametrize(("scheme", "memory"), [("memory", 0), ("memory", 7), ("torch", 0)])
def test_what_a_cell_gives_itself_wins_in_every_scheme(scheme: str, memory: int) -> None:
    weights = initialise(OwnStart(40, 50), np.random.default_rng(0), scheme, memory)
    assert (weights["weight_hh"] == np.eye(50) / 2).all()
    assert (weights["bias_ih"] == memory).all()
    assert weights["weight_ih"].std() > 0


def test_first_values_are_those_of_the_parameters() -> None:
    class Odd(OwnStart):
        def parameters(self) -> dict[str, Parameter]:
            return super().parameters() | {"scale": Parameter((self.input_size,), ("hidden",), "own")}

        def initial(self, rng: np.random.Generator, memory: int) -> dict[str, np.ndarray]:
            return {1: {}, 2: {"scale": np.ones(3)}, 3: {"scale": np.ones(3), "sacle": np.ones(3)}}[self.input_size]

    for size, message in (
        (1, r"own_start: the parameter scale needs first values of the shape \(1,\), found nothing. Give them in"),
        (2, r"the parameter scale needs first values of the shape \(2,\), found \(3,\)"),
        (3, "Cell own_start gives first values of sacle, which are no parameters"),
    ):
        with pytest.raises(UsageError, match=message):
            initialise(Odd(size, 2), np.random.default_rng(0))
