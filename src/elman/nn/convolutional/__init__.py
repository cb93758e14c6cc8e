"""Recurrent layers over images: the products of a cell become convolutions."""

from __future__ import annotations

from elman.nn.convolutional.base import Convolutional
from elman.nn.convolutional.conv_gru import ConvGRU
from elman.nn.convolutional.conv_lstm import ConvLSTM

__all__ = ["ConvGRU", "ConvLSTM", "Convolutional"]
