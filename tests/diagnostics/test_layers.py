from __future__ import annotations

import pytest
import torch

from diagnostics.linear import of
from elman.diagnostics.layers import layers_of
from elman.diagnostics.trajectory import Trajectory
from elman.nn import Recurrent
from elman.nn.ops import TorchOps
from tolerances import FLOAT32_RECURRENCE


@pytest.mark.parametrize(
    ("cell", "options"),
    [("lstm", {}), ("gru", {"zoneout": 0.1, "clip": 0.5}), ("phased_lstm", {}), ("cfc", {"learn_initial_state": True})],
)
def test_all_steps_of_a_layer_at_once_are_those_of_the_run(cell: str, options: dict[str, float]) -> None:
    torch.manual_seed(0)
    way = Trajectory(of(Recurrent(cell, 3, 4, num_layers=2, **options), time=7))
    layers = list(layers_of(way))
    assert [layer.ending for layer in layers] == ["_l0", "_l1"]
    for layer in layers:
        found = layer.cell.step(TorchOps(), layer.inputs, layer.before, layer.params)
        for name, expected in layer.after.items():
            # Weights go through float32 on their way out of the layers.
            torch.testing.assert_close(found[name], expected, rtol=FLOAT32_RECURRENCE, atol=FLOAT32_RECURRENCE)
