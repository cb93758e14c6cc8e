from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from elman.errors import DataError, UsageError
from elman.interop import from_haiku
from interop import jax_models
from tolerances import FLOAT32_STEP


@pytest.mark.parametrize("name", jax_models.names("haiku"))
def test_the_outputs_are_haikus(name: str) -> None:
    layer = from_haiku(jax_models.tree(name), name.removeprefix("haiku "))
    outputs, _ = layer(torch.from_numpy(jax_models.inputs()))
    torch.testing.assert_close(outputs.detach(), torch.from_numpy(jax_models.outputs(name)), **FLOAT32_STEP)


def test_a_module_within_a_model() -> None:
    params = {f"model/~/{name}": arrays for name, arrays in jax_models.tree("haiku gru").items()}
    layer = from_haiku({**params, "model/~/linear": {"w": np.zeros((2, 2))}}, "model/~/gru")
    assert torch.equal(layer.bias_ih_l0, from_haiku(jax_models.tree("haiku gru"), "gru").bias_ih_l0)


def test_a_name_that_is_not_there_and_one_that_is_no_core() -> None:
    params = jax_models.tree("haiku lstm") | {"mlp/linear_0": {"w": np.zeros((2, 2))}}
    with pytest.raises(DataError, match=r"no module 'lstm_1', only lstm, mlp\. Did you mean 'lstm'"):
        from_haiku(params, "lstm_1")
    with pytest.raises(UsageError, match=r"Module 'mlp' is no hk\.LSTM, .* its entries are mlp/linear_0"):
        from_haiku(params, "mlp")


def test_arrays_in_the_place_of_dictionaries() -> None:
    with pytest.raises(DataError, match="module 'lstm/linear': a dictionary of arrays is expected, found ndarray"):
        from_haiku({"lstm/linear": np.zeros((7, 16))}, "lstm")  # type: ignore[dict-item]


@pytest.mark.parametrize(
    ("name", "entry", "change", "reason"),
    [
        ("lstm", "lstm/linear", {"b": None}, "linear': 'b' is missing, there is w"),
        ("lstm", "lstm/linear", {"w": np.zeros((7, 15))}, r"w must have the shape \(inputs \+ units, 4 units\)"),
        ("lstm", "lstm/linear", {"w": np.zeros((2, 3, 7, 16))}, r"w must have the shape \(any, any\)"),
        ("lstm", "lstm/linear", {"w": "weights"}, "w is no array of real numbers"),
        ("gru", "gru", {"w_h": np.zeros((4, 11))}, r"w_h must have the shape \(units, 3 units\)"),
        ("gru", "gru", {"b": np.zeros(4)}, r"b must have the shape \(12,\), found \(4,\)"),
        ("vanilla_rnn", "vanilla_rnn/linear_1", {"w": np.zeros((3, 4))}, r"w must have the shape \(4, 4\)"),
    ],
)
def test_arrays_that_do_not_fit(name: str, entry: str, change: dict[str, Any], reason: str) -> None:
    params = jax_models.tree(f"haiku {name}")
    params[entry] = {key: value for key, value in {**params[entry], **change}.items() if value is not None}
    with pytest.raises(DataError, match=f"module '{name}.*{reason}"):
        from_haiku(params, name)
