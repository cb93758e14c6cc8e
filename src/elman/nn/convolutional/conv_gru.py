"""The gated recurrent unit over images."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor

from elman.nn.call import State
from elman.nn.convolutional.base import Convolutional


@final
class ConvGRU(Convolutional):
    r"""A GRU whose state is an image and whose products are convolutions.

    .. math::
        r_t &= \sigma(W_{ir} * x_t + W_{hr} * h_{t-1} + b_r) \\
        z_t &= \sigma(W_{iz} * x_t + W_{hz} * h_{t-1} + b_z) \\
        n_t &= \tanh(W_{in} * x_t + W_{hn} * (r_t h_{t-1}) + b_n) \\
        h_t &= (1 - z_t) n_t + z_t h_{t-1}

    The gates are stacked in the order r, z, n. As in `elman.cells.gru_before`, z says what is kept; for the authors it
    says what is new.

    Source: Ballas et al., "Delving deeper into convolutional networks for learning video representations", ICLR 2016.

    >>> outputs, state = ConvGRU(1, [4, 6])(torch.zeros(2, 7, 1, 10, 12))
    >>> outputs.shape, list(state)
    (torch.Size([2, 7, 6, 10, 12]), ['hidden_l0', 'hidden_l1'])
    """

    cell = "gru_before"
    states = ("hidden",)

    def _step(self, from_input: Tensor, state: State, weight_hh: Tensor) -> State:
        hidden = state["hidden"]
        input_r, input_z, input_n = from_input.chunk(3, 1)
        weight_r, weight_z, weight_n = weight_hh.chunk(3)
        reset = torch.sigmoid(input_r + self._convolve(hidden, weight_r))
        update = torch.sigmoid(input_z + self._convolve(hidden, weight_z))
        candidate = torch.tanh(input_n + self._convolve(reset * hidden, weight_n))
        return {"hidden": candidate + update * (hidden - candidate)}
