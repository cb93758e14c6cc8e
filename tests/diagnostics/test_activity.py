from __future__ import annotations

import json

import pytest
import torch

from diagnostics.subjects import random_layers, subject
from elman import plots
from elman.diagnostics.activity import activity
from elman.errors import UsageError

TEXT = [["a", "$", "␣", r"\n"] * 25, ["b"] * 100]


def test_values_are_those_of_the_unit() -> None:
    here = subject(random_layers("lstm", layers=2))
    found = activity(here, "cell_l1[2]", row=1)
    expected = here.run()[2]["cell_l1"][1, :, 2]
    assert found.values == tuple(expected.tolist())
    assert found.labels == tuple(here.labels[1])
    assert found.series == tuple(here.inputs[1, :, 0].tolist())


def test_text_and_series_are_told_drawn_and_written() -> None:
    torch.manual_seed(0)
    layers = random_layers("gru")
    for here in (subject(layers, time=100, labels=TEXT), subject(layers, time=30)):
        found = activity(here, "hidden_l0[1]")
        assert "hidden_l0[1] goes from " in str(found)
        assert json.loads(json.dumps(found.to_dict(), allow_nan=False))["values"] == list(found.values)
        assert plots.png(found.plot())


def test_other_rows_and_units_are_refused() -> None:
    here = subject(random_layers("gru"))
    with pytest.raises(UsageError, match="no row 2: the subject has 2"):
        activity(here, "hidden_l0[0]", row=2)
    with pytest.raises(UsageError, match="the units 0 to 3"):
        activity(here, "hidden_l0[9]")
