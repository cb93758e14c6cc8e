from __future__ import annotations

import numpy as np

from elman.cells import NumpyOps, make
from tolerances import ROUNDING


def test_a_step_of_the_paper() -> None:
    cell = make("mgu", 3, 5)
    rng = np.random.default_rng(0)
    params = {name: rng.standard_normal(each.shape) for name, each in cell.parameters().items()}
    x, hidden = rng.standard_normal(3), rng.standard_normal(5)
    # As published, one matrix acts on the state and the input joined.
    weight_f, weight_n = np.split(np.hstack([params["weight_hh"], params["weight_ih"]]), 2)
    bias_f, bias_n = np.split(params["bias_ih"], 2)
    forget = 1 / (1 + np.exp(-(weight_f @ np.concatenate([hidden, x]) + bias_f)))
    candidate = np.tanh(weight_n @ np.concatenate([forget * hidden, x]) + bias_n)
    found = cell.step(NumpyOps(), x, {"hidden": hidden}, params)["hidden"]
    expected = (1 - forget) * hidden + forget * candidate
    np.testing.assert_allclose(found, expected, rtol=ROUNDING, atol=ROUNDING)
