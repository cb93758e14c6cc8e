"""Baselines: the honest rivals that a recurrent network is measured against, one per file."""

from __future__ import annotations
