from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from elman.errors import DataError, UsageError
from elman.interop import from_flax
from interop import jax_models
from tolerances import FLOAT32_STEP


@pytest.mark.parametrize("name", jax_models.names("linen") + jax_models.names("nnx"))
def test_the_outputs_are_flaxs(name: str) -> None:
    functions: dict[str, Any] = {}
    if name == "linen functions":
        functions = {"gate": ("hard_sigmoid", 1 / 6, 0.5), "activation": ("relu",)}
    layer = from_flax(jax_models.tree(name), **functions)
    outputs, _ = layer(torch.from_numpy(jax_models.inputs()))
    torch.testing.assert_close(outputs.detach(), torch.from_numpy(jax_models.outputs(name)), **FLOAT32_STEP)


def test_a_cell_with_and_without_what_stands_around_it() -> None:
    whole = jax_models.tree("linen gru")
    cell = whole["params"]["cell"]
    assert torch.equal(from_flax(whole).weight_hh_l0, from_flax(cell).weight_hh_l0)


def test_other_entries_beside_the_weights_are_left_alone() -> None:
    tree = jax_models.tree("nnx gru") | {"rngs": {"count": np.zeros(())}}
    assert from_flax(tree).cells[0].name == "gru"


@pytest.mark.parametrize(
    ("tree", "reason"),
    [
        ({"Dense_0": {}}, "The tree has the entries Dense_0, which are not those of"),
        ({}, "The tree has the entries none"),
        # A minimal gated unit keeps what its gate also lets into the reset.
        ({"if": {}, "in": {}, "hf": {}, "hn": {}}, "the entries if, in, hf, hn, which are not those of"),
    ],
)
def test_another_tree(tree: dict[str, Any], reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        from_flax(tree)


def test_no_tree_at_all() -> None:
    with pytest.raises(UsageError, match="A nested dictionary of arrays is expected, found ndarray"):
        from_flax(np.zeros((2, 3)))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "path", "value", "reason"),
    [
        ("linen lstm", "params/cell/hf", None, "'hf' is missing"),
        ("linen lstm", "params/cell/if", None, "'if' is missing"),
        ("linen lstm", "params/cell/ii/kernel", None, "'ii': 'kernel' is missing"),
        ("linen lstm", "params/cell/ii/kernel", np.zeros((3, 5)), "weight_ih must have the shape"),
        ("linen lstm", "params/cell/hf/bias", np.zeros(3), r"'hf': bias must have the shape \(4,\)"),
        ("linen gru", "params/cell/ir/kernel", np.zeros((3, 3, 2, 4)), r"kernel must have the shape \(any, any\)"),
        ("linen both", "params/backward_rnn", None, "'backward_rnn' is missing"),
        ("linen both", "params/backward_rnn/cell/hz", None, "backward_rnn.hz is missing"),
        ("nnx gru", "cell/dense_h/kernel", np.zeros((4, 8)), r"kernel must have the shape \(units, 4, 3 or 1 times"),
        ("nnx gru", "cell/dense_h", 3.0, "'dense_h' is missing, or no dictionary"),
    ],
)
def test_arrays_that_do_not_fit(name: str, path: str, value: Any, reason: str) -> None:
    tree = inner = jax_models.tree(name)
    *outer, last = path.split("/")
    for part in outer:
        inner = inner[part]
    if value is None:
        del inner[last]
    else:
        inner[last] = value
    with pytest.raises(DataError, match=reason):
        from_flax(tree)
