"""The nodes RNN, GRU and LSTM of an ONNX model as layers of `elman.nn`.

What the standard leaves open is taken as ONNX Runtime computes it: ``clip`` bounds the inputs of the gates and of the
candidate, but not the cell state where an LSTM reads it, and a number of ``activation_alpha`` or ``activation_beta`` is
used up only by a function that has one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

import numpy as np

from elman.cells import make
from elman.cells.activations import Function
from elman.errors import DataError, UsageError
from elman.interop.directions import Backwards
from elman.interop.parts import USUAL, Array, Layer, Part, arranged, shaped, stacked, two_ways

if TYPE_CHECKING:
    from onnx import AttributeProto, GraphProto, ModelProto, NodeProto

#: Operator -> the order of its gates.
GATES = {
    "LSTM": ("input", "output", "forget", "candidate"),
    "GRU": ("update", "reset", "candidate"),
    "RNN": ("hidden",),
}

#: Operator -> its functions where the node names none.
DEFAULTS = {"LSTM": ("Sigmoid", "Tanh", "Tanh"), "GRU": ("Sigmoid", "Tanh"), "RNN": ("Tanh",)}

#: Attributes that change what is computed, or how it is laid out, and their types.
ATTRIBUTES = {
    "activation_alpha": "FLOATS",
    "activation_beta": "FLOATS",
    "activations": "STRINGS",
    "clip": "FLOAT",
    "direction": "STRING",
    "hidden_size": "INT",
    "input_forget": "INT",
    "layout": "INT",
    "linear_before_reset": "INT",
}

#: Name in ONNX, in small letters -> name here, and its alpha and beta where the node gives none: None where standard
#: and ONNX Runtime differ, as for affine and scaled tanh (no default and 0) and thresholded relu (1 and 0).
_FUNCTIONS: dict[str, tuple[str, tuple[float | None, ...]]] = {
    "affine": ("affine", (None, None)),
    "elu": ("elu", (1.0,)),
    "hardsigmoid": ("hard_sigmoid", (0.2, 0.5)),
    "leakyrelu": ("leaky_relu", (0.01,)),
    "relu": ("relu", ()),
    "scaledtanh": ("scaled_tanh", (None, None)),
    "sigmoid": ("sigmoid", ()),
    "softplus": ("softplus", ()),
    "softsign": ("softsign", ()),
    "tanh": ("tanh", ()),
    "thresholdedrelu": ("thresholded_relu", (None,)),
}


def from_onnx(source: str | Path | ModelProto) -> dict[str, Layer]:
    """Every RNN, GRU and LSTM node of an ONNX model as a layer with the same weights, by the node's name.

    Args:
        source: A file, or a model in memory. Weights must be initializers or constants of the main graph.

    A node without a name is called by its first output. Arrays are (batch, time, features) here whatever ``layout``
    says, the directions stand side by side in the outputs, and ``Y_h`` and ``Y_c`` are ``hidden_l0``, ``cell_l0`` (and
    ``_reverse``) of the returned state. ``sequence_lens`` is the argument ``lengths``; an initial state that the model
    computes or is given is the argument ``state``, and one that is part of the model is the layer's initial state.

    Raises:
        DataError: The file is no ONNX model, is damaged, or holds no such node; arrays are missing or do not fit.
        UsageError: A node asks for what cannot be computed exactly, or the package onnx is not installed.
    """
    try:
        import onnx
    except ModuleNotFoundError:
        raise UsageError("Reading ONNX models needs the package onnx: pip install 'elman[export]'.") from None
    graph = source.graph if isinstance(source, onnx.ModelProto) else _read(Path(source)).graph
    constants = _Constants.of(graph)
    found: dict[str, Layer] = {}
    for node in graph.node:
        if node.op_type in GATES and node.domain in ("", "ai.onnx"):
            name = node.name if node.name and node.name not in found else next(filter(None, node.output))
            found[name] = _Node.of(node, f"node '{name}' ({node.op_type})", constants).layer()
    if not found:
        operators = sorted({str(node.op_type) for node in graph.node})
        raise DataError(f"The model has no RNN, GRU or LSTM node in its main graph, only {', '.join(operators)}.")
    return found


def _read(path: Path) -> ModelProto:
    import onnx
    from google.protobuf.message import DecodeError

    try:
        return onnx.load(path)
    except FileNotFoundError as error:
        raise DataError(f"{error.filename or path}: is missing.") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}).") from None
    except (DecodeError, onnx.checker.ValidationError, ValueError) as error:
        raise DataError(f"{path}: cannot be read as a whole ONNX model ({error}).") from None


@final
@dataclass(frozen=True)
class _Constants:
    """The arrays that are part of a graph, by name, and the names of those that are not."""

    tensors: Mapping[str, Any]

    @classmethod
    def of(cls, graph: GraphProto) -> _Constants:
        tensors = {tensor.name: tensor for tensor in graph.initializer}
        for node in graph.node:
            if node.op_type == "Constant" and node.attribute and node.attribute[0].name == "value":
                tensors[node.output[0]] = node.attribute[0].t
        return cls(tensors)

    def get(self, name: str, shape: tuple[int | None, ...], what: str) -> Array:
        from onnx import numpy_helper

        if name not in self.tensors:
            raise UsageError(
                f"{what} is computed or given when the model runs ('{name}'), so there are no weights to take. "
                "Fold the model's constants first."
            )
        try:
            array = numpy_helper.to_array(self.tensors[name])
        except (ValueError, TypeError, LookupError, OSError) as error:
            raise DataError(f"{what}: the array '{name}' is damaged or incomplete ({error}).") from None
        return shaped(array, shape, what)


@final
@dataclass(frozen=True)
class _Node:
    """A node with its attributes and inputs by name."""

    operator: str
    where: str
    attributes: Mapping[str, Any]
    inputs: Mapping[str, str]
    constants: _Constants

    @classmethod
    def of(cls, node: NodeProto, where: str, constants: _Constants) -> _Node:
        names = ("X", "W", "R", "B", "sequence_lens", "initial_h", "initial_c", "P")
        inputs = {name: value for name, value in zip(names, node.input, strict=False) if value}
        attributes = {attribute.name: _value(attribute, where) for attribute in node.attribute}
        for name in ("W", "R"):
            if name not in inputs:
                raise DataError(f"{where}: its input {name}, the weights, is missing.")
        return cls(node.op_type, where, attributes, inputs, constants)

    def layer(self) -> Layer:
        direction = self.attributes.get("direction", "forward")
        parts = self.parts(2 if direction == "bidirectional" else 1)
        if direction == "bidirectional":
            forward, backward = parts
            return two_ways(forward, backward)
        if direction == "reverse":
            return Backwards(stacked([parts]))
        if direction != "forward":
            raise UsageError(f"{self.where}: direction must be forward, reverse or bidirectional, not {direction!r}.")
        return stacked([parts])

    def parts(self, directions: int) -> list[Part]:
        """One for every direction."""
        gates = len(GATES[self.operator])
        recurrent = self.array("R", (directions, None, None))
        rows, hidden = recurrent.shape[1:]
        if rows != gates * hidden or self.attributes.get("hidden_size", hidden) != hidden:
            raise DataError(
                f"{self.where}: R has {rows} rows and {hidden} columns, which does not fit the {gates} gates of the "
                f"operator or hidden_size={self.attributes.get('hidden_size', hidden)}."
            )
        arrays = {"R": recurrent, "W": self.array("W", (directions, rows, None))}
        if "B" in self.inputs:
            arrays["B"] = self.array("B", (directions, 2 * rows))
        if "P" in self.inputs and self.operator == "LSTM":
            arrays["P"] = self.array("P", (directions, 3 * hidden))
        initial = self.initial(directions, hidden)
        functions = self.functions(directions)
        bound = self.attributes.get("clip")
        parts = []
        for d in range(directions):
            part = self.part(
                {n: array[d] for n, array in arrays.items()}, {n: array[d] for n, array in initial.items()}
            )
            parts.append(part.with_activations(functions[d], bound))
        return parts

    def part(self, arrays: Mapping[str, Array], initial: Mapping[str, Array]) -> Part:
        """One direction: its equations and weights, with the usual functions."""
        name = self.cell_name(arrays)
        hidden = arrays["R"].shape[1]
        cell = make(name, arrays["W"].shape[1], hidden, bias="B" in arrays)
        order = GATES[self.operator]
        weights = {
            "weight_ih": arranged(arrays["W"], order, cell.gates),
            "weight_hh": arranged(arrays["R"], order, cell.gates),
        }
        if "B" in arrays:
            one, other = (arranged(bias, order, cell.gates) for bias in np.split(arrays["B"], 2))
            weights |= (
                {"bias_ih": one, "bias_hh": other} if "bias_hh" in cell.parameters() else {"bias_ih": one + other}
            )
        if name == "lstm_peephole":
            weights["peephole"] = arranged(arrays["P"], ("input", "output", "forget"), ("input", "forget", "output"))
        return Part(self.where, cell, weights, {name: value for name, value in initial.items() if value.any()})

    def cell_name(self, arrays: Mapping[str, Array]) -> str:
        """The cell with these equations."""
        if self.operator != "LSTM":
            after = bool(self.attributes.get("linear_before_reset", 0))
            return "rnn" if self.operator == "RNN" else "gru" if after else "gru_before"
        peephole = "P" in arrays and bool(arrays["P"].any())
        coupled = bool(self.attributes.get("input_forget", 0))
        if peephole and coupled:
            raise UsageError(f"{self.where}: Elman has no LSTM with both peepholes and input_forget=1.")
        return "lstm_peephole" if peephole else "lstm_coupled" if coupled else "lstm"

    def functions(self, directions: int) -> list[tuple[Function, ...]]:
        """Gate, candidate and output function of every direction."""
        defaults = DEFAULTS[self.operator]
        names = self.attributes.get("activations") or list(defaults) * directions
        if len(names) != len(defaults) * directions:
            raise DataError(
                f"{self.where}: activations must name {len(defaults) * directions} functions, found {', '.join(names)}."
            )
        alphas = iter(self.attributes.get("activation_alpha", ()))
        betas = iter(self.attributes.get("activation_beta", ()))
        made = [self.function(name, alphas, betas) for name in names]
        # An RNN has a candidate alone, a GRU no output function.
        first = 1 if self.operator == "RNN" else 0
        groups = [made[start : start + len(defaults)] for start in range(0, len(made), len(defaults))]
        return [(*USUAL[:first], *group, *USUAL[first + len(group) :]) for group in groups]

    def function(self, name: str, alphas: Iterator[float], betas: Iterator[float]) -> Function:
        if name.lower() not in _FUNCTIONS:
            raise UsageError(f"{self.where}: the activation {name} is not known here.")
        ours, defaults = _FUNCTIONS[name.lower()]
        numbers = [
            next(given, default) for given, default in zip((alphas, betas)[: len(defaults)], defaults, strict=True)
        ]
        if None in numbers:
            needed = " and ".join(("activation_alpha", "activation_beta")[: len(defaults)])
            raise UsageError(
                f"{self.where}: {name} needs {needed}: what it is without them is not the same everywhere."
            )
        return (ours, *numbers)

    def initial(self, directions: int, hidden: int) -> dict[str, Array]:
        """The states before the first step that are part of the model, (directions, hidden) each."""
        found = {}
        for name, state in (("initial_h", "hidden"), ("initial_c", "cell")):
            if self.inputs.get(name) not in self.constants.tensors:
                continue
            shape = (None, directions, hidden) if self.attributes.get("layout", 0) else (directions, None, hidden)
            value = self.array(name, shape)
            rows = value if self.attributes.get("layout", 0) else value.swapaxes(0, 1)
            if (rows != rows[:1]).any():
                raise UsageError(f"{self.where}: {name} differs between the rows of a batch; pass it as state instead.")
            found[state] = rows[0]
        return found

    def array(self, name: str, shape: tuple[int | None, ...]) -> Array:
        return self.constants.get(self.inputs[name], shape, f"{self.where}: {name}")


def _value(attribute: AttributeProto, where: str) -> Any:
    from onnx import helper

    if attribute.name not in ATTRIBUTES:
        raise UsageError(f"{where}: the attribute {attribute.name} is not known here.")
    found, expected = attribute.AttributeType.Name(attribute.type), ATTRIBUTES[attribute.name]
    if found != expected:
        raise DataError(f"{where}: the attribute {attribute.name} must be of the type {expected}, found {found}.")
    value = helper.get_attribute_value(attribute)
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, list | tuple):
        return [item.decode("utf-8", "replace") if isinstance(item, bytes) else item for item in value]
    return value
