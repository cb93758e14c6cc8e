from __future__ import annotations

import numpy as np
import pytest

from elman.cells import NumpyOps, initialise, make
from elman.errors import SettingsError
from tolerances import ROUNDING, SAMPLING


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


@pytest.mark.parametrize("ranks", [{}, {"input_rank": 2, "recurrent_rank": 3}])
def test_a_step_of_the_paper(ranks: dict[str, int]) -> None:
    cell = make("fastgrnn", 3, 5, **ranks)
    rng = np.random.default_rng(0)
    params = {name: rng.standard_normal(each.shape) for name, each in cell.parameters().items()}
    x, hidden = rng.standard_normal(3), rng.standard_normal(5)
    w, u = (
        params[name] @ params.get(f"{name}_low", np.eye(params[name].shape[1])) for name in ("weight_ih", "weight_hh")
    )
    assert w.shape == (5, 3)
    z = sigmoid(w @ x + u @ hidden + params["bias_ih"][:5])
    n = np.tanh(w @ x + u @ hidden + params["bias_ih"][5:])
    expected = (sigmoid(params["zeta"]) * (1 - z) + sigmoid(params["nu"])) * n + z * hidden
    found = cell.step(NumpyOps(), x, {"hidden": hidden}, params)["hidden"]
    np.testing.assert_allclose(found, expected, rtol=ROUNDING, atol=ROUNDING)


def test_it_begins_as_the_authors_code() -> None:
    params = initialise(make("fastgrnn", 40, 50, recurrent_rank=30), np.random.default_rng(0))
    for name in ("weight_ih", "weight_hh", "weight_hh_low"):
        assert abs(params[name].std() / 0.1 - 1) < SAMPLING
    assert (params["bias_ih"] == 1).all()
    assert (params["zeta"], params["nu"]) == (1, -4)


def test_a_memory_spreads_the_gate() -> None:
    gate, candidate = initialise(make("fastgrnn", 4, 50), np.random.default_rng(0), memory=100)["bias_ih"].reshape(
        2, 50
    )
    assert gate.min() > 0
    assert gate.std() > 0.5
    assert not candidate.any()


def test_a_rank_is_no_negative_number_and_has_no_heads() -> None:
    with pytest.raises(SettingsError, match="of low rank or in heads, found recurrent_rank=2 and heads=5"):
        make("fastgrnn", 3, 5, recurrent_rank=2, heads=5)
    with pytest.raises(SettingsError, match=r"fastgrnn: input_rank must be 0 \(none\) or more, not -1"):
        make("fastgrnn", 3, 5, input_rank=-1)
