"""Long short-term memory with layer normalisation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, final

from elman.cells.cell import Parameter
from elman.cells.dense import DenseCell
from elman.cells.ops import Array, Ops


@final
@dataclass(frozen=True)
class LSTMLayerNormCell(DenseCell):
    r"""An LSTM that normalises what its gates see and what its output reads.

    .. math::
        (i, f, g, o)_t &= \gamma_i N(W_i x_t) + \gamma_h N(W_h h_{t-1}) + b \\
        c_t &= \sigma(f_t) c_{t-1} + \sigma(i_t) \tanh(g_t) \\
        h_t &= \sigma(o_t) \tanh(\gamma_c N(c_t) + b_c)

    N brings a vector to zero mean and unit variance (`elman.cells.Ops.layer_norm`): the two products over all four
    gates together, the cell state over its units. The state itself stays as it is; only the output reads it
    normalised. The gains are ``gain_ih``, ``gain_hh`` (4 * hidden) and ``gain_cell`` (hidden). One bias ``bias_ih``
    (4 * hidden) stands for those of both norms and of the gates, since their sum is all that counts; ``bias_cell``
    (hidden) is that of the output. With ``bias=False`` there is neither.

    Source: Ba, Kiros & Hinton, "Layer normalization", arXiv:1607.06450, 2016, equations 29 to 31, with the biases
    merged as in haste's LayerNormLSTM. Others normalise every gate by itself (TensorFlow's LayerNormBasicLSTMCell) or
    the state that is carried on (the one in PyTorch's benchmarks): weights trained there do not fit.
    """

    name: ClassVar[str] = "lstm_layer_norm"
    gates: ClassVar[tuple[str, ...]] = ("input", "forget", "candidate", "output")
    memory_gates: ClassVar[Mapping[str, int]] = {"forget": +1, "input": -1}

    @property
    def state_sizes(self) -> dict[str, int]:
        """``hidden`` and ``cell``, both (hidden_size)."""
        return {"hidden": self.hidden_size, "cell": self.hidden_size}

    def parameters(self) -> dict[str, Parameter]:
        """`Cell.parameters` without ``bias_hh``, and gains and bias of the norms."""
        parameters = super().parameters()
        parameters.pop("bias_hh", None)
        rows, units = (4 * self.hidden_size,), (self.hidden_size,)
        parameters["gain_ih"] = Parameter(rows, self.gates, "gain")
        parameters["gain_hh"] = Parameter(rows, self.gates, "gain")
        parameters["gain_cell"] = Parameter(units, ("cell",), "gain")
        if self.bias:
            parameters["bias_cell"] = Parameter(units, ("cell",), "shift")
        return parameters

    def step(self, ops: Ops, x: Array, state: Mapping[str, Array], params: Mapping[str, Array]) -> dict[str, Array]:
        """See `Cell.step`."""
        from_input = ops.layer_norm(ops.linear(x, params["weight_ih"]), params["gain_ih"], params.get("bias_ih"))
        from_hidden = ops.layer_norm(self.recurrent(ops, state["hidden"], params["weight_hh"]), params["gain_hh"])
        i, f, g, o = ops.split(from_input + from_hidden, 4)
        cell = ops.sigmoid(f) * state["cell"] + ops.sigmoid(i) * ops.tanh(g)
        read = ops.layer_norm(cell, params["gain_cell"], params.get("bias_cell"))
        return {"hidden": ops.sigmoid(o) * ops.tanh(read), "cell": cell}
