"""Metrics: what a model's numbers are worth, in units people know. NumPy only."""

from __future__ import annotations

from elman.metrics.language import bits_per_symbol, perplexity

__all__ = ["bits_per_symbol", "perplexity"]
