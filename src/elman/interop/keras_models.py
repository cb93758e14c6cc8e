"""The recurrent layers of a Keras model as layers of `elman.nn`.

    LSTM       gates i, f, c, o; one bias                              lstm
    GRU        gates z, r, h; reset_after=True has two biases          gru
               reset_after=False has one                               gru_before
    SimpleRNN  one bias                                                rnn, rnn_relu

Kernels are (inputs, gates * units). Other activations put `elman.cells.activations.OtherActivations` around the cell.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import numpy as np

from elman.cells import make
from elman.cells.activations import Function
from elman.errors import DataError, UsageError
from elman.interop.directions import Backwards, Bidirectional, Merge
from elman.interop.keras_files import KerasFile, KerasLayer, opened
from elman.interop.parts import Array, Layer, Part, arranged, shaped, stacked, two_ways

#: Kind of cell -> the order of its gates.
GATES = {
    "LSTM": ("input", "forget", "candidate", "output"),
    "GRU": ("update", "reset", "candidate"),
    "SimpleRNN": ("hidden",),
}

#: Layers of early Keras 2 for graphics cards, and what they compute; the GRU with reset_after=True.
CUDNN = {"CuDNNLSTM": "LSTM", "CuDNNGRU": "GRU"}

#: Layers that hold a cell or a layer of their own.
WRAPPERS = ("RNN", "Bidirectional")

#: Recurrent layers that are not read, and why.
REFUSED = {
    "ConvLSTM1D": "its products are convolutions",
    "ConvLSTM2D": "its products are convolutions",
    "ConvLSTM3D": "its products are convolutions",
}

#: What becomes of the two directions: Keras's word -> ours. Two outputs stand side by side here.
MERGES: dict[str | None, Merge] = {"concat": "concat", "sum": "sum", "mul": "mul", "ave": "ave", None: "concat"}

_FUNCTIONS: dict[str | None, Function] = {
    None: ("affine", 1.0, 0.0),
    "linear": ("affine", 1.0, 0.0),
    "elu": ("elu", 1.0),
    "exponential": ("exponential",),
    "leaky_relu": ("leaky_relu", 0.2),
    "relu": ("relu",),
    "relu6": ("clipped_relu", 6.0),
    "selu": ("selu", 1.6732632423543772, 1.0507009873554805),
    "sigmoid": ("sigmoid",),
    "silu": ("silu",),
    "softplus": ("softplus",),
    "softsign": ("softsign",),
    "swish": ("silu",),
    "tanh": ("tanh",),
}

#: Keras's first number -> its hard sigmoid.
_HARD_SIGMOIDS: dict[int, Function] = {2: ("hard_sigmoid", 0.2, 0.5), 3: ("hard_sigmoid", 1 / 6, 0.5)}


def from_keras(path: str | Path) -> dict[str, Layer]:
    """Every recurrent layer of a Keras model as a layer with the same weights, by its name, in the model's order.

    Args:
        path: A whole model of Keras 2 or 3: a ``.keras`` file, or the older ``.h5``. It is read without Keras.

    ``LSTM``, ``GRU``, ``SimpleRNN``, ``RNN`` over one or several of their cells, and ``Bidirectional`` around any of
    them are taken; a layer of a model within is called ``"model/layer"``. All other layers are left out.

    The layers give the outputs at every step and the final state. A Keras layer with ``return_sequences=False`` gives
    the latter: ``hidden_l0``, for both directions ``hidden_l0`` and ``hidden_l0_reverse`` side by side. Masks become
    ``lengths``. With ``go_backwards`` the outputs come in the order of computation, as in Keras. Dropout is not taken
    over, nor are regularizers: outputs are those of inference, in the precision of the weights.

    Raises:
        DataError: The file is no Keras model, is damaged or cut short, holds weights alone or no recurrent layer;
            arrays are missing or do not fit.
        UsageError: A layer asks for what cannot be computed exactly, or the model holds code (Lambda).
    """
    with opened(Path(path)) as file:
        found = {layer.name: _Reader(file, layer).layer() for layer in file.layers if _is_recurrent(layer)}
    if not found:
        kinds = sorted({layer.kind for layer in file.layers})
        raise DataError(f"{path}: no recurrent layer that is described in the file, only {', '.join(kinds) or 'none'}.")
    return found


def _is_recurrent(layer: KerasLayer) -> bool:
    inner = layer.config.get("layer")
    kinds = [layer.kind, str(inner.get("class_name")) if isinstance(inner, Mapping) else ""]
    return any(kind in known for kind in kinds for known in (GATES, CUDNN, WRAPPERS, REFUSED))


@final
@dataclass(frozen=True)
class _CellOptions:
    """One cell of a layer.

    Attributes:
        kind: ``LSTM``, ``GRU`` or ``SimpleRNN``.
        options: Its configuration.
        place: Where its weights are, below its layer's.
        backwards: Whether it runs from the last step to the first.
        cudnn: Whether its weights are laid out as cuDNN wants them.
    """

    kind: str
    options: Mapping[str, Any]
    place: str
    backwards: bool
    cudnn: bool = False


@final
@dataclass(frozen=True)
class _Reader:
    """Makes one layer of a file."""

    file: KerasFile
    of: KerasLayer

    def layer(self) -> Layer:
        if self.of.kind in REFUSED:
            raise self.refusal(REFUSED[self.of.kind])
        if self.of.kind != "Bidirectional":
            cells = list(self.cells(self.of.kind, self.of.config, ""))
            layer = stacked([[part] for part in self.parts(cells)])
            return Backwards(layer, restore_order=False) if cells[0].backwards else layer
        merge = self.of.config.get("merge_mode", "concat")
        if not isinstance(merge, str | None) or merge not in MERGES:
            raise self.refusal(f"merge_mode={merge!r} is not known")
        forward, backward = self.directions()
        if any(cell.backwards for cell in forward) or not all(cell.backwards for cell in backward):
            raise self.refusal("its forward layer must have go_backwards=False, and its backward layer True")
        parts = self.parts([*forward, *backward])
        if len(forward) == len(backward) == 1:
            return two_ways(parts[0], parts[1], MERGES[merge])
        one, other = parts[: len(forward)], parts[len(forward) :]
        return Bidirectional(stacked([[p] for p in one]), Backwards(stacked([[p] for p in other])), MERGES[merge])

    def directions(self) -> tuple[list[_CellOptions], list[_CellOptions]]:
        """The cells of a Bidirectional; without a layer of its own the backward one is like the forward one."""
        kind, options = self.described(self.of.config.get("layer"))
        forward = list(self.cells(kind, options, "forward_layer/"))
        if "backward_layer" in self.of.config:
            kind, options = self.described(self.of.config["backward_layer"])
        else:
            options = {**options, "go_backwards": not options.get("go_backwards", False)}
        return forward, list(self.cells(kind, options, "backward_layer/"))

    def cells(self, kind: str, options: Mapping[str, Any], place: str) -> Iterator[_CellOptions]:
        """The cells of a layer, from the input to the output."""
        backwards = bool(options.get("go_backwards", False))
        if kind in GATES:
            yield _CellOptions(kind, options, f"{place}cell", backwards)
            return
        if kind in CUDNN:
            yield _CellOptions(CUDNN[kind], {**options, "reset_after": True}, f"{place}cell", backwards, cudnn=True)
            return
        if kind != "RNN":
            raise self.refusal(f"a layer {kind} around a recurrent one, or within one, is not known")
        kind, inner = self.described(options.get("cell"))
        if kind != "StackedRNNCells":
            yield _CellOptions(self.kind_of_cell(kind), inner, f"{place}cell", backwards)
            return
        if not isinstance(inner.get("cells"), list) or not inner["cells"]:
            raise self.undescribed()
        numbers: dict[str, int] = {}
        for cell in inner["cells"]:
            kind, own = self.described(cell)
            numbers[kind] = numbers.get(kind, -1) + 1
            ending = f"_{numbers[kind]}" if numbers[kind] else ""
            group = {"LSTMCell": "lstm_cell", "GRUCell": "gru_cell", "SimpleRNNCell": "simple_rnn_cell"}.get(kind, kind)
            yield _CellOptions(self.kind_of_cell(kind), own, f"{place}cell/cells/{group}{ending}", backwards)

    def kind_of_cell(self, kind: str) -> str:
        if kind.removesuffix("Cell") not in GATES:
            raise self.refusal(f"its cell {kind} is none of LSTMCell, GRUCell and SimpleRNNCell")
        return kind.removesuffix("Cell")

    def described(self, entry: Any) -> tuple[str, Mapping[str, Any]]:
        """Class and options of a layer or cell within."""
        if not isinstance(entry, Mapping) or not isinstance(entry.get("config"), Mapping):
            raise self.undescribed()
        return str(entry.get("class_name")), entry["config"]

    def parts(self, cells: Sequence[_CellOptions]) -> list[Part]:
        """Cells with their weights."""
        places = [(cell.place, 3 if cell.options.get("use_bias", True) else 2) for cell in cells]
        arrays = self.file.arrays(self.of, places)
        return [self.part(cell, *own) for cell, own in zip(cells, arrays, strict=True)]

    def part(self, cell: _CellOptions, kernel: Array, recurrent: Array, bias: Array | None = None) -> Part:
        where = f"{self.file.path}: {self.of}" + (f", {cell.place}" if cell.place != "cell" else "")
        order, units = GATES[cell.kind], cell.options.get("units")
        if not isinstance(units, int) or units < 1:
            raise DataError(f"{where}: units must be a whole number above 0, found {units!r}.")
        rows = len(order) * units
        kernel = shaped(kernel, (None, rows), f"{where}: kernel")
        recurrent = shaped(recurrent, (units, rows), f"{where}: recurrent_kernel")
        if cell.cudnn:
            kernel, recurrent, bias = _from_cudnn(kernel, recurrent, shaped(bias, (2 * rows,), f"{where}: bias"))
        after = bool(cell.options.get("reset_after", False))
        name = {"LSTM": "lstm", "SimpleRNN": "rnn"}.get(cell.kind, "gru" if after else "gru_before")
        ours = make(name, kernel.shape[0], units, bias=bias is not None)
        weights = {
            "weight_ih": arranged(kernel.T, order, ours.gates),
            "weight_hh": arranged(recurrent.T, order, ours.gates),
        }
        if bias is not None:
            both = shaped(bias, (2, rows) if name == "gru" else (rows,), f"{where}: bias")
            one, other = both if name == "gru" else (both, np.zeros_like(both))
            weights["bias_ih"] = arranged(one, order, ours.gates)
            if "bias_hh" in ours.parameters():
                weights["bias_hh"] = arranged(other, order, ours.gates)
        candidate = self.function(cell, "activation", "tanh")
        gate = ("sigmoid",) if cell.kind == "SimpleRNN" else self.function(cell, "recurrent_activation", "sigmoid")
        # The LSTM reads its cell state with the same function; the others have no third one.
        output = candidate if cell.kind == "LSTM" else ("tanh",)
        return Part(where, ours, weights).with_activations((gate, candidate, output))

    def function(self, cell: _CellOptions, option: str, default: str) -> Function:
        name = cell.options.get(option, default)
        if name == "hard_sigmoid":
            return _HARD_SIGMOIDS[self.file.version]
        if not isinstance(name, str | None) or name not in _FUNCTIONS:
            named = name if isinstance(name, str) else "an object or a function of your own"
            raise self.refusal(f"{option} is {named}, which is not one of {', '.join(n for n in _FUNCTIONS if n)}")
        return _FUNCTIONS[name]

    def undescribed(self) -> DataError:
        return DataError(f"{self.file.path}: {self.of} does not say what is in it.")

    def refusal(self, reason: str) -> UsageError:
        return UsageError(f"{self.file.path}: {self.of} cannot be taken: {reason}.")


def _from_cudnn(kernel: Array, recurrent: Array, bias: Array) -> tuple[Array, Array, Array]:
    """Weights of a layer for cuDNN as those of an LSTM or of a GRU with reset_after=True.

    For cuDNN the matrices of every gate are the other way round, and there are two biases.
    """
    gates = recurrent.shape[1] // recurrent.shape[0]
    kernel = np.hstack([block.T.reshape(block.shape, order="F") for block in np.hsplit(kernel, gates)])
    recurrent = np.hstack([block.T for block in np.hsplit(recurrent, gates)])
    both = bias.reshape(2, -1)
    return kernel, recurrent, both if gates == 3 else both.sum(0)
