"""Recurrent layers for torch: `Recurrent` for every cell, and drop-ins for ``torch.nn.RNN``, ``LSTM`` and ``GRU``."""

from __future__ import annotations

from elman.nn.attention import (
    AdditiveAttention,
    Attended,
    Attention,
    DotAttention,
    GeneralAttention,
    LocationSensitiveAttention,
    Memory,
    MonotonicAttention,
    MultiHeadAttention,
)
from elman.nn.backends import Choice, choose
from elman.nn.call import State, Unrolled
from elman.nn.convolutional import ConvGRU, ConvLSTM
from elman.nn.drop_in import GRU, LSTM, RNN
from elman.nn.dropout import LockedDropout, drop_weights, drop_words
from elman.nn.heads import (
    AdaptiveSoftmaxHead,
    CRFHead,
    CTCHead,
    Mixture,
    MixtureDensityHead,
    PenHead,
    PenMixture,
    TransducerHead,
)
from elman.nn.ops import TorchOps
from elman.nn.pooling import AttentionPool, LastPool, MaxPool, MeanPool
from elman.nn.recurrent import Recurrent
from elman.nn.rtrl import RTRL
from elman.nn.stack import Residual, Stack
from elman.nn.unroll import unroll, unroll_stack

__all__ = [
    "GRU",
    "LSTM",
    "RNN",
    "RTRL",
    "AdaptiveSoftmaxHead",
    "AdditiveAttention",
    "Attended",
    "Attention",
    "AttentionPool",
    "CRFHead",
    "CTCHead",
    "Choice",
    "ConvGRU",
    "ConvLSTM",
    "DotAttention",
    "GeneralAttention",
    "LastPool",
    "LocationSensitiveAttention",
    "LockedDropout",
    "MaxPool",
    "MeanPool",
    "Memory",
    "Mixture",
    "MixtureDensityHead",
    "MonotonicAttention",
    "MultiHeadAttention",
    "PenHead",
    "PenMixture",
    "Recurrent",
    "Residual",
    "Stack",
    "State",
    "TorchOps",
    "TransducerHead",
    "Unrolled",
    "choose",
    "drop_weights",
    "drop_words",
    "unroll",
    "unroll_stack",
]
