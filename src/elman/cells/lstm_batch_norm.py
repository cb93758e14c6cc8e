"""Long short-term memory with recurrent batch normalisation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np
from numpy.typing import NDArray

from elman.cells.cell import Parameter
from elman.cells.dense import DenseCell
from elman.cells.ops import Array, Ops


@final
@dataclass(frozen=True)
class LSTMBatchNormCell(DenseCell):
    r"""An LSTM whose gates and output see products that are normalised over the batch.

    .. math::
        (i, f, g, o)_t &= \gamma_i B(W_i x_t) + \gamma_h B(W_h h_{t-1}) + b \\
        c_t &= \sigma(f_t) c_{t-1} + \sigma(i_t) \tanh(g_t) \\
        h_t &= \sigma(o_t) \tanh(\gamma_c B(c_t) + b_c)

    B takes a mean from every feature and divides by a standard deviation (`elman.cells.Ops.batch_norm`). The stored
    ``mean_*`` and ``variance_*``, of the two products (4 * hidden) and of the cell state (hidden), are no weights: a
    layer that trains brings them up to date (`elman.nn.batch_norm`), and they are saved with the weights. The gains
    ``gain_ih``, ``gain_hh`` and ``gain_cell`` begin at 0.1, so that the gates stay where their gradient is not lost.

    The statistics are shared by all steps. The paper has a set of its own for each step of a sequence; a stream has
    no last step, and in batches with resets, ragged rows or a state carried over one step is not of one age.

    Source: Cooijmans, Ballas, Laurent, Gulcehre & Courville, "Recurrent batch normalization", ICLR 2017.
    """

    name: ClassVar[str] = "lstm_batch_norm"
    gates: ClassVar[tuple[str, ...]] = ("input", "forget", "candidate", "output")
    memory_gates: ClassVar[Mapping[str, int]] = {"forget": +1, "input": -1}

    @property
    def state_sizes(self) -> dict[str, int]:
        """``hidden`` and ``cell``, both (hidden_size)."""
        return {"hidden": self.hidden_size, "cell": self.hidden_size}

    def parameters(self) -> dict[str, Parameter]:
        """`Cell.parameters` without ``bias_hh``, gains and bias of the norms, and their statistics."""
        parameters = super().parameters()
        parameters.pop("bias_hh", None)
        for norm, blocks in (("ih", self.gates), ("hh", self.gates), ("cell", ("cell",))):
            shape = (len(blocks) * self.hidden_size,)
            parameters[f"gain_{norm}"] = Parameter(shape, blocks, "gain")
            parameters[f"mean_{norm}"] = Parameter(shape, blocks, "mean")
            parameters[f"variance_{norm}"] = Parameter(shape, blocks, "variance")
        if self.bias:
            parameters["bias_cell"] = Parameter((self.hidden_size,), ("cell",), "shift")
        return parameters

    def initial(self, rng: np.random.Generator, memory: int) -> dict[str, NDArray[np.float64]]:
        """Gains of 0.1."""
        gains = {name: parameter for name, parameter in self.parameters().items() if parameter.kind == "gain"}
        return {name: np.full(parameter.shape, 0.1) for name, parameter in gains.items()}

    def step(self, ops: Ops, x: Array, state: Mapping[str, Array], params: Mapping[str, Array]) -> dict[str, Array]:
        """See `Cell.step`."""

        def normalise(value: Array, norm: str, bias: Array | None = None) -> Array:
            return ops.batch_norm(
                value, params[f"mean_{norm}"], params[f"variance_{norm}"], params[f"gain_{norm}"], bias
            )

        from_input = normalise(ops.linear(x, params["weight_ih"]), "ih", params.get("bias_ih"))
        from_hidden = normalise(self.recurrent(ops, state["hidden"], params["weight_hh"]), "hh")
        i, f, g, o = ops.split(from_input + from_hidden, 4)
        cell = ops.sigmoid(f) * state["cell"] + ops.sigmoid(i) * ops.tanh(g)
        read = normalise(cell, "cell", params.get("bias_cell"))
        return {"hidden": ops.sigmoid(o) * ops.tanh(read), "cell": cell}
