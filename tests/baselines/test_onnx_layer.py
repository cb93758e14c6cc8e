from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from elman.baselines.onnx_layer import installed, onnx_model, onnx_runner
from tolerances import FLOAT32_STEP

pytestmark = pytest.mark.skipif(not installed(), reason="onnx and onnxruntime are not installed")

LAYERS = [
    pytest.param(kind, options, id=f"{kind.__name__} {options}")
    for kind in (nn.LSTM, nn.GRU, nn.RNN)
    for options in ({}, {"num_layers": 2, "bidirectional": True})
]


@pytest.mark.parametrize(("kind", "options"), LAYERS)
def test_onnx_runtime_computes_what_torch_computes(kind: Any, options: dict[str, Any]) -> None:
    torch.manual_seed(0)
    layer = kind(3, 5, **options)
    run = onnx_runner(layer)
    for time, batch in [(7, 2), (4, 9)]:
        inputs = torch.randn(time, batch, 3)
        (outputs,) = run({"inputs": inputs.numpy()})
        torch.testing.assert_close(torch.from_numpy(outputs), layer(inputs)[0].detach(), **FLOAT32_STEP)


@pytest.mark.parametrize(("kind", "names"), [(nn.LSTM, "hc"), (nn.GRU, "h")])
def test_the_state_goes_in_and_comes_out(kind: Any, names: str) -> None:
    torch.manual_seed(0)
    layer = kind(3, 5)
    inputs, states = torch.randn(1, 2, 3), [torch.randn(1, 2, 5) for _ in names]
    found = onnx_runner(layer, stateful=True)(
        {"inputs": inputs.numpy()} | {f"first_{n}": s.numpy() for n, s in zip(names, states, strict=True)}
    )
    outputs, last = layer(inputs, tuple(states) if len(states) > 1 else states[0])
    expected = [outputs, *(last if isinstance(last, tuple) else [last])]
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(torch.from_numpy(one), other.detach(), **FLOAT32_STEP)


def test_the_model_is_valid_onnx() -> None:
    import onnx

    onnx.checker.check_model(onnx_model(nn.LSTM(3, 5, 2)), full_check=True)
