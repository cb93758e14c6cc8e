"""The layer-normed LSTM in training: beside our plain LSTM, and beside the loop over its equations in torch."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.harness import Data, Figure
from benchmarks.own_cells import contests

#: Times the plain LSTM's time; times as fast as the loop.
AGAINST_PLAIN, AGAINST_LOOP = 1.3, 5.0


def measure(data: Data) -> Sequence[Figure]:
    """Two figures for every size."""
    return contests("lstm_layer_norm", "lstm", data, slower=AGAINST_PLAIN, faster=AGAINST_LOOP)
