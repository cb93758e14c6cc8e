from __future__ import annotations

import numpy as np
import torch

from elman.nn import ConvGRU
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
    layer = ConvGRU(2, 3).double()
    for parameter in layer.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    inputs = torch.randn(1, 4, 2, 4, 5, dtype=torch.float64)
    outputs, _ = layer(inputs)
    (ir, iz, i_n), (hr, hz, hn), bias = (
        np.split(getattr(layer, name).detach().numpy(), 3) for name in ("weight_ih_l0", "weight_hh_l0", "bias_l0")
    )
    br, bz, bn = (b[:, None, None] for b in bias)
    h = np.zeros((3, 4, 5))
    for t in range(4):
        x = inputs[0, t].numpy()
        r = sigmoid(convolved(x, ir) + convolved(h, hr) + br)
        z = sigmoid(convolved(x, iz) + convolved(h, hz) + bz)
        n = np.tanh(convolved(x, i_n) + convolved(r * h, hn) + bn)
        h = (1 - z) * n + z * h
        np.testing.assert_allclose(outputs[0, t].detach(), h, FLOAT64_RECURRENCE, FLOAT64_RECURRENCE)
