from __future__ import annotations

import numpy as np

from elman.cells import NumpyOps, initialise, make
from tolerances import SAMPLING


def test_a_fresh_network_keeps_and_adds_up() -> None:
    """With inputs of zero a state above zero stays as it is, to the bit."""
    cell = make("irnn", 3, 5)
    params = initialise(cell, np.random.default_rng(0))
    state = {"hidden": np.array([0.0, 0.3, 1.0, 7.0, 1e5])}
    for _ in range(10):
        state = cell.step(NumpyOps(), np.zeros(3), state, params)
    assert state["hidden"].tolist() == [0.0, 0.3, 1.0, 7.0, 1e5]


def test_its_equations_are_those_of_rectified_units() -> None:
    rng = np.random.default_rng(0)
    params = {name: rng.standard_normal(each.shape) for name, each in make("irnn", 3, 5).parameters().items()}
    x, state = rng.standard_normal((2, 3)), {"hidden": rng.standard_normal((2, 5))}
    found, expected = (make(name, 3, 5).step(NumpyOps(), x, state, params) for name in ("irnn", "rnn_relu"))
    assert (found["hidden"] == expected["hidden"]).all()


def test_it_begins_as_the_paper_says_in_every_scheme() -> None:
    for scheme in ("memory", "torch"):
        params = initialise(make("irnn", 40, 50), np.random.default_rng(0), scheme)
        assert (params["weight_hh"] == np.eye(50)).all()
        assert abs(params["weight_ih"].std() / 0.001 - 1) < SAMPLING
        assert not params["bias_ih"].any()
        assert not params["bias_hh"].any()


def test_without_biases_there_are_none_to_draw() -> None:
    assert set(initialise(make("irnn", 2, 3, bias=False), np.random.default_rng(0))) == {"weight_ih", "weight_hh"}
