"""A cell of your own: from its equations to training, a live stream and an ONNX file.

Every unit of the cell below moves towards its new value at a pace that it sets itself. It learns to say what it heard
two steps ago; then it runs live, step by step, on NumPy arrays.

    python examples/own_cell.py
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

import elman
from elman.cells import Cell
from elman.export import to_onnx
from elman.nn import Recurrent
from elman.runtime import LayerStream

DELAY = 2


@dataclass(frozen=True)
class Leaky(Cell):
    """Units that leak: part of the old value stays, part of the new one comes in."""

    name = "leaky"
    gates = ("pace", "new")

    def step(self, ops: Any, x: Any, state: Any, params: Any) -> dict[str, Any]:
        """One time step."""
        from_input = ops.linear(x, params["weight_ih"], params["bias_ih"])
        from_hidden = ops.linear(state["hidden"], params["weight_hh"], params["bias_hh"])
        pace, new = ops.split(from_input + from_hidden, 2)
        pace = ops.sigmoid(pace)
        return {"hidden": pace * ops.tanh(new) + (1 - pace) * state["hidden"]}


def train(steps: int = 150) -> tuple[Recurrent, float]:
    """A layer that has learnt to repeat numbers, and its mean squared error; 1/3 is what guessing gets."""
    torch.manual_seed(0)
    layer, readout = Recurrent(Leaky, input_size=1, hidden_size=32), nn.Linear(32, 1)
    optimizer = torch.optim.Adam([*layer.parameters(), *readout.parameters()], lr=0.01)
    for _ in range(steps):
        inputs = 2 * torch.rand(32, 20, 1) - 1
        outputs, _ = layer(inputs)
        loss = nn.functional.mse_loss(readout(outputs)[:, DELAY:], inputs[:, :-DELAY])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return layer.eval(), loss.item()


def stream(layer: Recurrent) -> float:
    """The largest difference between the layer on a whole sequence and the same, one step at a time, without torch."""
    inputs = np.random.default_rng(0).uniform(-1, 1, (50, 1)).astype(np.float32)
    live = LayerStream(layer.to_numpy())
    outputs = np.concatenate([live.push(step[None]) for step in inputs])
    with torch.no_grad():
        whole, _ = layer(torch.from_numpy(inputs)[None])
    return float(np.abs(outputs - whole[0].numpy()).max())


def main() -> dict[str, float | None]:
    layer, loss = train()
    print(f"Mean squared error: {loss:.4f} (guessing: 0.3333)")
    print(f"One step at a time: off by {stream(layer):.1g}")
    print(elman.explain(layer))
    with tempfile.TemporaryDirectory() as folder:
        exported = to_onnx(layer, Path(folder) / "leaky.onnx")
        print(exported)
    return {"loss": loss, "stream": stream(layer), "onnx": exported.difference}


if __name__ == "__main__":
    main()
