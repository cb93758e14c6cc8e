"""Metrics: what a model's numbers are worth, in units people know. NumPy only."""

from __future__ import annotations

from elman.metrics.calibration import Reliability, reliability, temperature
from elman.metrics.captions import cider_d
from elman.metrics.intervals import bootstrap, wilson
from elman.metrics.labels import Counts, accuracy, confusion, matthews
from elman.metrics.language import bits_per_symbol, perplexity
from elman.metrics.numbers import mae, r2, rmse
from elman.metrics.spans import Span, are_spans, find_spans, span_counts
from elman.metrics.texts import TextScore, bleu, chrf, error_rate, exact

__all__ = [
    "Counts",
    "Reliability",
    "Span",
    "TextScore",
    "accuracy",
    "are_spans",
    "bits_per_symbol",
    "bleu",
    "bootstrap",
    "chrf",
    "cider_d",
    "confusion",
    "error_rate",
    "exact",
    "find_spans",
    "mae",
    "matthews",
    "perplexity",
    "r2",
    "reliability",
    "rmse",
    "span_counts",
    "temperature",
    "wilson",
]
