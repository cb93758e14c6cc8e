"""The LSTM over images."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor

from elman.nn.call import State
from elman.nn.convolutional.base import Convolutional


@final
class ConvLSTM(Convolutional):
    r"""An LSTM whose states are images and whose products are convolutions.

    .. math::
        i_t &= \sigma(W_{ii} * x_t + W_{hi} * h_{t-1} + b_i) \\
        f_t &= \sigma(W_{if} * x_t + W_{hf} * h_{t-1} + b_f) \\
        g_t &= \tanh(W_{ig} * x_t + W_{hg} * h_{t-1} + b_g) \\
        o_t &= \sigma(W_{io} * x_t + W_{ho} * h_{t-1} + b_o) \\
        c_t &= f_t c_{t-1} + i_t g_t \\
        h_t &= o_t \tanh(c_t)

    The gates are stacked in the order i, f, g, o. The authors' gates also see the cell state through peepholes, with a
    weight for every place of the image; they are left out here, so that the weights fit images of any size.

    Source: Shi et al., "Convolutional LSTM network: a machine learning approach for precipitation nowcasting", NIPS
    2015.

    >>> layer = ConvLSTM(1, 4, kernel_size=3, num_layers=2)
    >>> outputs, state = layer(torch.zeros(2, 7, 1, 10, 12))
    >>> outputs.shape, list(state)
    (torch.Size([2, 7, 4, 10, 12]), ['hidden_l0', 'cell_l0', 'hidden_l1', 'cell_l1'])
    """

    cell = "lstm"
    states = ("hidden", "cell")

    def _step(self, from_input: Tensor, state: State, weight_hh: Tensor) -> State:
        i, f, g, o = (from_input + self._convolve(state["hidden"], weight_hh)).chunk(4, 1)
        cell = torch.sigmoid(f) * state["cell"] + torch.sigmoid(i) * torch.tanh(g)
        return {"hidden": torch.sigmoid(o) * torch.tanh(cell), "cell": cell}
