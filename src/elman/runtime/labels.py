"""Runs networks from sequences to labels without torch."""

from __future__ import annotations

from elman.shapes import Convolution, LabelShape

__all__ = ["Convolution", "LabelShape"]
