from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from diagnostics.linear import LinearCell, of
from diagnostics.subjects import random_layers, subject
from elman import plots
from elman.diagnostics.excitation import LEVELS, excitation
from elman.nn import Recurrent


def test_inputs_push_as_their_weights_say() -> None:
    layer = Recurrent(LinearCell, 3, 2).double()
    with torch.no_grad():
        layer.weight_ih_l0.copy_(torch.tensor([[2.0, 0.0, -1.0], [0.0, 0.0, 0.0]]))
        layer.weight_hh_l0.copy_(torch.eye(2))
    symbols = np.random.default_rng(0).integers(0, 3, (2, 50))
    inputs = torch.eye(3, dtype=torch.float64)[torch.from_numpy(symbols)]
    labels = [["abc"[symbol] for symbol in row] for row in symbols]
    found = excitation(subject(layer, time=50, inputs=inputs, labels=labels), "hidden_l0[0]")
    assert [one.label for one in found.inputs] == ["a", "b", "c"]
    assert [one.change for one in found.inputs] == pytest.approx([2, 0, -1])
    assert [one.error for one in found.inputs] == pytest.approx([0, 0, 0])
    assert sum(one.count for one in found.inputs) == 98
    assert "hidden_l0[0] is raised most by 'a' +2.00 and lowered most by 'c' -1.00" in str(found)
    heights = torch.stack([torch.from_numpy(np.array([2.0, 0, -1])[row].cumsum()) for row in symbols])
    assert found.peaks == pytest.approx(sorted(heights.amax(1).tolist(), reverse=True))
    row = int(heights.amax(1).argmax())
    assert found.places[0][-1] == labels[row][int(heights[row].argmax())]


def test_inputs_of_a_series_are_its_levels() -> None:
    here = subject(random_layers("gru", inputs=1), time=100)
    found = excitation(here, "hidden_l0[0]")
    assert len(found.inputs) == LEVELS
    assert json.loads(json.dumps(found.to_dict(), allow_nan=False))["unit"] == "hidden_l0[0]"
    assert plots.png(found.plot())


def test_what_came_seldom_is_left_out() -> None:
    layer = Recurrent(LinearCell, 1, 1)
    here = of(layer, time=5, batch=1)
    found = excitation(subject(layer, time=5, batch=1, inputs=here.inputs, labels=[list("aabbc")]), "hidden_l0[0]")
    assert found.inputs == ()
    assert "not moved by any input that came often" in str(found)
