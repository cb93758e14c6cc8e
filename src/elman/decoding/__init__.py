"""Decoding: from the numbers that a network gives to symbols. NumPy only."""

from __future__ import annotations

from elman.decoding.beam import Penalties, beam_search
from elman.decoding.ctc import align, greedy, misfits, words
from elman.decoding.ctc_beam import PrefixBeam
from elman.decoding.sampling import Sampling, generate
from elman.decoding.scorers import Fused, Words
from elman.decoding.transducer import transducer_align, transducer_loss
from elman.decoding.transducer_beam import GreedyTransducer, TransducerBeam
from elman.decoding.viterbi import viterbi

__all__ = [
    "Fused",
    "GreedyTransducer",
    "Penalties",
    "PrefixBeam",
    "Sampling",
    "TransducerBeam",
    "Words",
    "align",
    "beam_search",
    "generate",
    "greedy",
    "misfits",
    "transducer_align",
    "transducer_loss",
    "viterbi",
    "words",
]
