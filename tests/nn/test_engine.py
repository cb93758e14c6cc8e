from __future__ import annotations

from typing import Any

import pytest
import torch

from elman.compiler.loop import Loop
from elman.nn import Recurrent


def test_weights_are_packed_once_for_each_version_and_never_too_seldom(monkeypatch: pytest.MonkeyPatch) -> None:
    prepared, count = Loop._prepared, [0]

    def counted(self: Loop, params: Any) -> Any:
        count[0] += 1
        return prepared(self, params)

    monkeypatch.setattr(Loop, "_prepared", counted)
    layer, x = Recurrent("lstm", 130, 131, backend="compiled"), torch.randn(2, 3, 130)
    with torch.no_grad():
        first = layer(x)[0]
        assert torch.equal(layer(x)[0], first)
        assert count == [1]
        layer.weight_hh_l0.mul_(0.5)
        changed = layer(x)[0]
        layer.weight_hh_l0.data.mul_(2)  # torch does not count this
        assert torch.equal(layer(x)[0], first)
        assert not torch.equal(changed, first)
    with torch.inference_mode():
        assert torch.equal(layer(x)[0], first)
