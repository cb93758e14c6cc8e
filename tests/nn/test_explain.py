from __future__ import annotations

import re
from typing import Any

import pytest
import torch
from torch import nn

import elman.nn
from elman import cells
from elman.compiler.compiled_cell import MANY_ROWS, NEAR_WEIGHTS
from elman.errors import UsageError
from elman.nn.explain import explain
from elman.nn.language_model import LanguageModelNetwork


@pytest.mark.parametrize("name", cells.CELLS)
def test_every_cell_is_explained_within_a_terminal(name: str) -> None:
    layer = elman.nn.Recurrent(name, 3, 5, 2, bidirectional=True).eval()
    text = str(explain(layer))
    assert text.startswith(f"Recurrent({name}, 3 -> 5, 5, bidirectional, backend=auto)\n\nBackend compiled: ")
    assert "reference loop" in text
    assert f"{name}, 3 inputs, 5 units\nForward\n" in text
    # The second layer does the same with another input: its work alone is told.
    assert text.count("Forward\n") == 1
    assert f"{name}, 10 inputs, 5 units\nWork" in text
    assert max(map(len, text.splitlines())) <= 80


@pytest.mark.parametrize("layer", [elman.nn.LSTM(3, 5), elman.nn.GRU(3, 5), elman.nn.RNN(3, 5, nonlinearity="relu")])
def test_drop_ins_are_explained_too(layer: nn.RNNBase) -> None:
    (found,) = explain(layer).layers
    assert found.choice.backend == "compiled"
    assert found.plans[0].cell.name == {"LSTM": "lstm", "GRU": "gru", "RNN_RELU": "rnn_relu"}[layer.mode]


def test_other_backends_say_why_and_no_more() -> None:
    for backend in ("torch", "reference"):
        text = str(explain(elman.nn.LSTM(3, 5, backend=backend)))
        assert re.fullmatch(rf"LSTM\(3, 5\)\n\nBackend {backend}: .*\.", text, re.DOTALL)
    half = explain(elman.nn.GRU(3, 5, dtype=torch.bfloat16)).layers[0]
    assert half.choice.backend == "torch"
    assert not half.plans


def test_it_is_the_layer_as_it_is_now() -> None:
    layer = elman.nn.Recurrent("gru", 3, 5, recurrent_dropout=0.5)
    assert "gru with recurrent dropout, 3 inputs" in str(explain(layer))
    assert "gru, 3 inputs" in str(explain(layer.eval()))


def test_what_was_asked_of_its_numbers_is_told() -> None:
    layer = elman.nn.Recurrent("gru", 3, 5, activations="fast")
    text = str(explain(layer))
    assert "gru with fast activations, 3 inputs" in text
    assert "before the loop" in text
    torch.use_deterministic_algorithms(True)
    try:
        text = str(explain(layer))
    finally:
        torch.use_deterministic_algorithms(False)
    assert "use_deterministic_algorithms is on" in text.replace("\n", " ")
    assert "before the loop" not in text


def test_a_module_is_searched_for_layers() -> None:
    shape: dict[str, Any] = {"cell": "lstm", "embedding_size": 4, "hidden_sizes": [6, 6, 6]}
    (found,) = explain(LanguageModelNetwork(11, **shape)).layers
    assert found.name == "recurrent"
    assert "lstm, 6 inputs, 6 units, 2 layers\n" in str(found)
    both = explain(nn.ModuleList([elman.nn.GRU(2, 3), elman.nn.RNN(3, 4)]))
    assert [layer.name for layer in both.layers] == ["0", "1"]
    assert str(both).count("Backend") == 2


def test_near_weights_keep_their_products_in_the_loop_of_many_rows() -> None:
    moved = f"in the loop for batches of {MANY_ROWS} and more"
    assert str(explain(elman.nn.RNN(8, 8))).count(moved) == 2
    for purpose, count in (("backward", 1), ("forward", 0)):
        units = int((NEAR_WEIGHTS[purpose] / 4) ** 0.5)  # two matrices of that size are too many
        assert str(explain(elman.nn.RNN(units, units))).count(moved) == count


def test_a_module_without_a_layer_is_an_error() -> None:
    with pytest.raises(UsageError, match=r"explain takes a layer of elman\.nn, .* Linear holds none"):
        explain(nn.Linear(2, 3))
