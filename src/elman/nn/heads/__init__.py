"""Heads: what stands on top of a network and says what its features mean.

Each has ``forward(features)``, which gives scores or the parameters of a distribution, and ``loss(features, targets,
lengths)``, the mean over all targets that count, in nats. Features are (batch, time, features); what stands beyond a
row's length changes nothing, in value or gradient.
"""

from __future__ import annotations

from elman.nn.heads.adaptive_softmax import AdaptiveSoftmaxHead
from elman.nn.heads.crf import CRFHead
from elman.nn.heads.ctc import CTCHead
from elman.nn.heads.mixture_density import Mixture, MixtureDensityHead
from elman.nn.heads.pen import PenHead, PenMixture
from elman.nn.heads.transducer import TransducerHead

__all__ = [
    "AdaptiveSoftmaxHead",
    "CRFHead",
    "CTCHead",
    "Mixture",
    "MixtureDensityHead",
    "PenHead",
    "PenMixture",
    "TransducerHead",
]
