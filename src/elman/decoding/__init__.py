"""Decoding: from the numbers that a network gives to symbols. NumPy only."""

from __future__ import annotations

from elman.decoding.sampling import Sampling, generate
from elman.decoding.viterbi import viterbi

__all__ = ["Sampling", "generate", "viterbi"]
