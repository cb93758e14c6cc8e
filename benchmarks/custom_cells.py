"""Cells not in the package, written in plain torch: beside a built-in one of equal arithmetic, and their own loop."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, final

import torch
from torch.nn import functional as F  # noqa: N812

from benchmarks.harness import Data, Figure
from benchmarks.own_cells import contests
from elman.cells import Cell, Parameter

#: Times the built-in cell's time; times as fast as the loop.
AGAINST_BUILT_IN, AGAINST_LOOP = 1.3, 5.0


@final
@dataclass(frozen=True)
class Leaky(Cell):
    """One product, one state: every unit moves towards its new value at a learnt pace of its own."""

    name: ClassVar[str] = "leaky units"
    gates: ClassVar[tuple[str, ...]] = ("hidden",)

    def parameters(self) -> dict[str, Parameter]:
        """Those of a simple network, and the paces."""
        return {**super().parameters(), "pace": Parameter((self.hidden_size,), ("pace",), "recurrent_bias")}

    def step(self, ops: Any, x: Any, state: Mapping[str, Any], params: Mapping[str, Any]) -> dict[str, Any]:
        """``h + sigmoid(pace) (tanh(W x + U h) - h)``."""
        hidden = state["hidden"]
        seen = F.linear(x, params["weight_ih"], params["bias_ih"])
        new = torch.tanh(seen + F.linear(hidden, params["weight_hh"], params["bias_hh"]))
        return {"hidden": hidden + torch.sigmoid(params["pace"]) * (new - hidden)}


@final
@dataclass(frozen=True)
class Peephole(Cell):
    """Four gates, two states: an LSTM whose gates see the memory (Gers & Schmidhuber, IJCNN 2000)."""

    name: ClassVar[str] = "peephole LSTM"
    gates: ClassVar[tuple[str, ...]] = ("input", "forget", "candidate", "output")

    @property
    def state_sizes(self) -> dict[str, int]:
        """As the LSTM's."""
        return {"hidden": self.hidden_size, "cell": self.hidden_size}

    def parameters(self) -> dict[str, Parameter]:
        """Those of the LSTM, and a weight per unit for each of three peepholes."""
        peepholes = Parameter((self.hidden_size,), ("cell",), "recurrent_bias")
        return {**super().parameters(), "peep_i": peepholes, "peep_f": peepholes, "peep_o": peepholes}

    def step(self, ops: Any, x: Any, state: Mapping[str, Any], params: Mapping[str, Any]) -> dict[str, Any]:
        """The LSTM's equations with peepholes."""
        before = state["cell"]
        seen = F.linear(x, params["weight_ih"], params["bias_ih"])
        i, f, g, o = (seen + F.linear(state["hidden"], params["weight_hh"], params["bias_hh"])).chunk(4, -1)
        write = torch.sigmoid(i + params["peep_i"] * before)
        keep = torch.sigmoid(f + params["peep_f"] * before)
        cell = keep * before + write * torch.tanh(g)
        return {"hidden": torch.sigmoid(o + params["peep_o"] * cell) * torch.tanh(cell), "cell": cell}


@final
@dataclass(frozen=True)
class SlowMemory(Cell):
    """Products in two stages: the candidate sees a slow average of the state, through a gate."""

    name: ClassVar[str] = "slow memory"
    gates: ClassVar[tuple[str, ...]] = ("read", "update", "candidate")

    @property
    def state_sizes(self) -> dict[str, int]:
        """The state and its slow average."""
        return {"hidden": self.hidden_size, "slow": self.hidden_size}

    def step(self, ops: Any, x: Any, state: Mapping[str, Any], params: Mapping[str, Any]) -> dict[str, Any]:
        """A gated unit that reads from ``slow``."""
        hidden, slow = state["hidden"], state["slow"]
        seen_r, seen_u, seen_n = F.linear(x, params["weight_ih"], params["bias_ih"]).chunk(3, -1)
        weight_r, weight_u, weight_n = params["weight_hh"].chunk(3, 0)
        bias_r, bias_u, bias_n = params["bias_hh"].chunk(3, 0)
        read = torch.sigmoid(seen_r + F.linear(hidden, weight_r, bias_r))
        update = torch.sigmoid(seen_u + F.linear(hidden, weight_u, bias_u))
        new = torch.tanh(seen_n + F.linear(read * slow, weight_n, bias_n))
        hidden = new + update * (hidden - new)
        return {"hidden": hidden, "slow": 0.9 * slow + 0.1 * hidden}


#: A cell of our own -> the built-in one with products of the same sizes.
EQUAL: dict[type[Cell], str] = {Leaky: "rnn", Peephole: "lstm", SlowMemory: "gru_before"}


def measure(data: Data) -> Sequence[Figure]:
    """Two figures for every cell and size."""
    return [
        figure
        for cell, built_in in EQUAL.items()
        for figure in contests(cell, built_in, data, slower=AGAINST_BUILT_IN, faster=AGAINST_LOOP)
    ]
