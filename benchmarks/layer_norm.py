"""The layer-normed LSTM in training: beside our plain LSTM, and beside the loop over its equations in torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, final

from benchmarks.harness import Data, Figure
from benchmarks.own_cells import contests
from elman.cells import Cell, Parameter

#: Times the plain LSTM's time; times as fast as the loop.
AGAINST_PLAIN, AGAINST_LOOP = 1.3, 5.0


@final
@dataclass(frozen=True)
class LayerNormLSTM(Cell):
    """Both products and the cell state are normalised over their features (Ba, Kiros & Hinton, arXiv:1607.06450)."""

    name: ClassVar[str] = "layer-normed LSTM"
    gates: ClassVar[tuple[str, ...]] = ("input", "forget", "candidate", "output")
    memory_gates: ClassVar[Mapping[str, int]] = {"forget": +1, "input": -1}

    @property
    def state_sizes(self) -> dict[str, int]:
        """As the LSTM's."""
        return {"hidden": self.hidden_size, "cell": self.hidden_size}

    def parameters(self) -> dict[str, Parameter]:
        """Those of the LSTM, a gain for each normalisation (less one), and a bias for the last."""
        rows, own = (4 * self.hidden_size,), (self.hidden_size,)
        return {
            **super().parameters(),
            "gain_ih": Parameter(rows, self.gates, "recurrent_bias"),
            "gain_hh": Parameter(rows, self.gates, "recurrent_bias"),
            "gain_cell": Parameter(own, ("cell",), "recurrent_bias"),
            "bias_cell": Parameter(own, ("cell",), "recurrent_bias"),
        }

    def step(self, ops: Any, x: Any, state: Mapping[str, Any], params: Mapping[str, Any]) -> dict[str, Any]:
        """The LSTM's equations with three normalisations."""
        seen = ops.layer_norm(ops.linear(x, params["weight_ih"]), 1 + params["gain_ih"], params["bias_ih"])
        kept = ops.layer_norm(
            ops.linear(state["hidden"], params["weight_hh"]), 1 + params["gain_hh"], params["bias_hh"]
        )
        i, f, g, o = ops.split(seen + kept, 4)
        cell = ops.sigmoid(f) * state["cell"] + ops.sigmoid(i) * ops.tanh(g)
        read = ops.layer_norm(cell, 1 + params["gain_cell"], params["bias_cell"])
        return {"hidden": ops.sigmoid(o) * ops.tanh(read), "cell": cell}


def measure(data: Data) -> Sequence[Figure]:
    """Two figures for every size."""
    return contests(LayerNormLSTM, "lstm", data, slower=AGAINST_PLAIN, faster=AGAINST_LOOP)
