from __future__ import annotations

import numpy as np
import torch

from elman.nn import ConvLSTM
from tolerances import FLOAT64_RECURRENCE


def convolved(image: np.ndarray, kernels: np.ndarray) -> np.ndarray:
    """Image (channels, height, width) and kernels (out, channels, 3, 3), with zeros around the image."""
    padded = np.pad(image, ((0, 0), (1, 1), (1, 1)))
    found = np.zeros((len(kernels), *image.shape[1:]))
    for y, x in np.ndindex(*image.shape[1:]):
        found[:, y, x] = np.tensordot(kernels, padded[:, y : y + 3, x : x + 3], axes=3)
    return found


def sigmoid(x: np.ndarray) -> np.ndarray:
    return np.asarray(1 / (1 + np.exp(-x)))


def test_the_equations() -> None:
    layer = ConvLSTM(2, 3).double()
    for parameter in layer.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    inputs = torch.randn(1, 4, 2, 4, 5, dtype=torch.float64)
    outputs, state = layer(inputs)
    w_ih, w_hh, bias = (
        np.split(getattr(layer, name).detach().numpy(), 4) for name in ("weight_ih_l0", "weight_hh_l0", "bias_l0")
    )
    h = c = np.zeros((3, 4, 5))
    for t in range(4):
        x = inputs[0, t].numpy()
        i, f, g, o = (convolved(x, w_ih[k]) + convolved(h, w_hh[k]) + bias[k][:, None, None] for k in range(4))
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        np.testing.assert_allclose(outputs[0, t].detach(), h, FLOAT64_RECURRENCE, FLOAT64_RECURRENCE)
    np.testing.assert_allclose(state["cell_l0"][0].detach(), c, FLOAT64_RECURRENCE, FLOAT64_RECURRENCE)
