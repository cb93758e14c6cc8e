from __future__ import annotations

import numpy as np

from elman.cells import NumpyOps, initialise, make
from tolerances import ROUNDING


def test_stored_statistics_fold_into_the_weights_of_an_lstm() -> None:
    """Where the norm of the cell state does nothing, the rest is a scale and a shift of every gate."""
    cell, lstm = make("lstm_batch_norm", 3, 5), make("lstm", 3, 5)
    rng = np.random.default_rng(0)
    params = {name: rng.standard_normal(each.shape) for name, each in cell.parameters().items()}
    params |= {"variance_ih": rng.uniform(0.5, 2, 20), "variance_hh": rng.uniform(0.5, 2, 20)}
    neutral = {"mean_cell": np.zeros(5), "variance_cell": np.full(5, 1 - 1e-5)}
    params |= neutral | {"gain_cell": np.ones(5), "bias_cell": np.zeros(5)}
    scale = {norm: params[f"gain_{norm}"] / np.sqrt(params[f"variance_{norm}"] + 1e-5) for norm in ("ih", "hh")}
    folded = {
        "weight_ih": scale["ih"][:, None] * params["weight_ih"],
        "weight_hh": scale["hh"][:, None] * params["weight_hh"],
        "bias_ih": params["bias_ih"] - scale["ih"] * params["mean_ih"],
        "bias_hh": -scale["hh"] * params["mean_hh"],
    }
    state = {name: rng.standard_normal((2, 5)) for name in ("hidden", "cell")}
    x = rng.standard_normal((2, 3))
    found, expected = cell.step(NumpyOps(), x, state, params), lstm.step(NumpyOps(), x, state, folded)
    for name in expected:
        np.testing.assert_allclose(found[name], expected[name], rtol=ROUNDING, atol=ROUNDING)


def test_the_output_reads_a_normalised_cell_state() -> None:
    """With gains of 0 and saturated biases the gates are open: the cell state counts."""
    cell = make("lstm_batch_norm", 1, 2)
    params = initialise(cell, np.random.default_rng(0))
    params |= {"gain_ih": np.zeros(8), "gain_hh": np.zeros(8), "bias_ih": np.full(8, 1e3)}
    params |= {"mean_cell": np.array([1.0, 2.0]), "variance_cell": np.array([4.0, 9.0])}
    params |= {"gain_cell": np.full(2, 0.5), "bias_cell": np.full(2, 0.25)}
    after = cell.step(NumpyOps(), np.ones(1), {"hidden": np.zeros(2), "cell": np.array([-3.0, 4.0])}, params)
    np.testing.assert_allclose(after["cell"], [-2, 5], rtol=ROUNDING)
    expected = np.tanh(0.5 * np.array([-3, 3]) / np.sqrt([4 + 1e-5, 9 + 1e-5]) + 0.25)
    np.testing.assert_allclose(after["hidden"], expected, rtol=ROUNDING)


def test_gains_begin_at_a_tenth_and_statistics_at_nothing_seen() -> None:
    for scheme in ("memory", "torch"):
        params = initialise(make("lstm_batch_norm", 3, 5), np.random.default_rng(0), scheme)
        for norm in ("ih", "hh", "cell"):
            assert (params[f"gain_{norm}"] == 0.1).all()
            assert not params[f"mean_{norm}"].any()
            assert (params[f"variance_{norm}"] == 1).all()
