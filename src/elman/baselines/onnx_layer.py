"""ONNX Runtime as a rival in inference: a layer of torch.nn as an ONNX model, time-major, for any batch and length.

The model is put together node by node, because torch's exporter unrolls the simple RNN and freezes its length. ONNX
has other gate orders than torch (LSTM i, o, f, c; GRU z, r, h), so weights are reordered block by block.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from elman.nn.unroll import suffixes

Array = NDArray[np.float32]

#: Of the standard; old enough for every ONNX Runtime of the last years.
OPSET, IR_VERSION = 17, 8


@dataclass(frozen=True)
class Operator:
    """What ONNX calls a layer of torch.nn.

    Attributes:
        name: The operator.
        gates: Which gate block of torch stands first, second, ... in ONNX.
        states: The operator's names for its first states; the hidden one alone, or with the cell.
        options: Further attributes that make its equations torch's.
    """

    name: str
    gates: tuple[int, ...]
    states: tuple[str, ...]
    options: dict[str, Any]


#: torch.nn's ``mode`` of a layer -> its operator.
OPERATORS = {
    "LSTM": Operator("LSTM", (0, 3, 1, 2), ("h", "c"), {}),
    "GRU": Operator("GRU", (1, 0, 2), ("h",), {"linear_before_reset": 1}),
    "RNN_TANH": Operator("RNN", (0,), ("h",), {}),
}


def installed() -> bool:
    """Whether the packages onnx and onnxruntime are there."""
    return all(importlib.util.find_spec(name) is not None for name in ("onnx", "onnxruntime"))


def onnx_model(layer: nn.RNNBase, *, stateful: bool = False) -> Any:
    """``layer`` as an ONNX model with the input ``inputs`` (time, batch, features) and the output ``outputs``.

    ``stateful``, for one layer in one direction: also takes ``first_h`` (and ``first_c``), (1, batch, hidden) each,
    and gives ``last_h`` (and ``last_c``).
    """
    from onnx import TensorProto, helper, numpy_helper

    operator = OPERATORS[layer.mode]
    nodes, weights, given = [], [], "inputs"
    first, last = ([f"{end}_{name}" for name in operator.states] if stateful else [] for end in ("first", "last"))
    for index in range(layer.num_layers):
        own = _weights(layer, operator, suffixes(index, layer.bidirectional))
        weights += [numpy_helper.from_array(array, f"{name}{index}") for name, array in own.items()]
        nodes.append(
            helper.make_node(
                operator.name,
                [given, *(f"{name}{index}" for name in own), "", *first],
                [f"by_direction{index}", *last],
                hidden_size=layer.hidden_size,
                direction="bidirectional" if layer.bidirectional else "forward",
                **operator.options,
            )
        )
        # (time, directions, batch, features) to (time, batch, directions * features).
        turned, given = f"by_direction{index}", "outputs" if index == layer.num_layers - 1 else f"outputs{index}"
        if layer.bidirectional:  # of one direction there is nothing to move
            turned = f"turned{index}"
            nodes.append(helper.make_node("Transpose", [f"by_direction{index}"], [turned], perm=[0, 2, 1, 3]))
        nodes.append(helper.make_node("Reshape", [turned, "joined"], [given]))
    joined = [0, 0, 2 * layer.hidden_size] if layer.bidirectional else [0, -1, layer.hidden_size]
    weights.append(numpy_helper.from_array(np.array(joined), "joined"))

    def value(name: str, *sizes: str | int) -> Any:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, sizes)

    takes = [value("inputs", "time", "batch", layer.input_size)]
    gives = [value("outputs", "time", "batch", layer.hidden_size * (2 if layer.bidirectional else 1))]
    takes += [value(name, 1, "batch", layer.hidden_size) for name in first]
    gives += [value(name, 1, "batch", layer.hidden_size) for name in last]
    graph = helper.make_graph(nodes, "layer", takes, gives, weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)])
    model.ir_version = IR_VERSION
    return model


def _weights(layer: nn.RNNBase, operator: Operator, directions: tuple[str, ...]) -> dict[str, Array]:
    """The operator's inputs W, R and B of one layer: directions stacked, gates in ONNX's order."""

    def reordered(name: str) -> Array:
        blocks = np.split(getattr(layer, name).detach().numpy(), len(operator.gates))
        return np.concatenate([blocks[gate] for gate in operator.gates])

    return {
        "W": np.stack([reordered(f"weight_ih{suffix}") for suffix in directions]),
        "R": np.stack([reordered(f"weight_hh{suffix}") for suffix in directions]),
        "B": np.stack(
            [np.concatenate([reordered(f"bias_{part}{suffix}") for part in ("ih", "hh")]) for suffix in directions]
        ),
    }


def onnx_runner(layer: nn.RNNBase, *, stateful: bool = False) -> Callable[[dict[str, Array]], list[Array]]:
    """``layer`` in ONNX Runtime with as many threads as torch has: arrays by name to the model's outputs in order."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    model = onnx_model(layer, stateful=stateful).SerializeToString()
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    return lambda arrays: list(session.run(None, arrays))
