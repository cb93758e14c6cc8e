from __future__ import annotations

import json
import sys

import pytest
import torch

from diagnostics.subjects import random_layers, subject
from elman import plots
from elman.diagnostics.ablation import ablation
from elman.diagnostics.removal import Removal
from elman.errors import DataError, UsageError
from tolerances import COMPILED


def test_every_unit_once_largest_first() -> None:
    found = ablation(subject(random_layers("lstm", layers=2), time=20))
    assert sorted(found.units) == [f"hidden_l{layer}[{unit}]" for layer in range(2) for unit in range(4)]
    assert list(found.rises) == sorted(found.rises, reverse=True)
    assert found.rises_at is None


def test_a_unit_that_nobody_reads_is_not_missed() -> None:
    layers = random_layers("rnn")
    here = subject(layers)
    with torch.no_grad():
        layers.weight_hh_l0[:, 2] = 0
        here.readout.weight[:, 2] = 0
    found = ablation(here, ["hidden_l0[2]", "hidden_l0[1]"])
    assert abs(found.rises[0]) < COMPILED
    assert abs(found.rises[1]) > 1e-4


def test_of_many_the_important_ones_are_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules["elman.diagnostics.ablation"], "MOST", 5)
    layers = random_layers("gru", units=8)
    here = subject(layers)
    unread = torch.tensor([1, 4, 6])
    with torch.no_grad():
        layers.weight_hh_l0[:, unread] = 0
        here.readout.weight[:, unread] = 0
    found = ablation(here)
    assert sorted(found.units) == [f"hidden_l0[{unit}]" for unit in (0, 2, 3, 5, 7)]


def test_several_are_removed_together_and_the_loss_is_looked_at_by_place() -> None:
    here = subject(random_layers("lstm"), time=12)
    group = ["hidden_l0[0]", "cell_l0[3]"]
    at = torch.zeros(2, 12, dtype=torch.bool)
    at[:, 5:8] = True
    found = ablation(here, [group, "cell_l0[1]"], at=at)
    removal = Removal(here)
    with torch.no_grad():
        rise = removal.losses(removal.masks(group)) - here.loss_of(here.run()[0])
    assert found.units == ("hidden_l0[0] + cell_l0[3]", "cell_l0[1]")
    assert found.rises[0] == pytest.approx(float(rise.mean()), abs=COMPILED)
    assert found.rises_at is not None
    assert found.rises_elsewhere is not None
    assert found.rises_at[0] == pytest.approx(float(rise[at].mean()), abs=COMPILED)
    assert found.rises_elsewhere[0] == pytest.approx(float(rise[~at].mean()), abs=COMPILED)
    assert "at the steps of interest" in str(found)
    assert json.loads(json.dumps(found.to_dict(), allow_nan=False))["rises_at"] == list(found.rises_at)
    assert plots.png(found.plot())


def test_wrong_places_and_units_are_refused() -> None:
    here = subject(random_layers("rnn"))
    with pytest.raises(DataError, match=r"at must be \(batch, time\) bool, \(2, 6\), found torch.float32 \(2, 6\)"):
        ablation(here, ["hidden_l0[0]"], at=torch.zeros(2, 6))
    with pytest.raises(DataError, match="must mark some"):
        ablation(here, ["hidden_l0[0]"], at=torch.zeros(2, 6, dtype=torch.bool))
    with pytest.raises(UsageError, match="the units 0 to 3"):
        ablation(here, ["hidden_l0[4]"])
