"""Words of the Penn Treebank in the manner of AWD-LSTM (Merity et al. 2017), as far as 45 minutes on two cores go."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchmarks.harness import Data, Figure
from benchmarks.penn_treebank import run

MERITY = "Merity et al. 2017, AWD-LSTM: 58.8 without finetuning, 57.3 with; 24 M weights, hundreds of epochs on a GPU"

#: The recipe in the size that fits the time: weight drop, locked dropout everywhere, AR and TAR, tied weights.
CPU: dict[str, Any] = {
    "max_time": "45m", "num_layers": 2, "hidden_size": 650, "embedding_size": 400, "tie_weights": True,
    "dropout": 0.35, "dropout_input": 0.35, "dropout_words": 0.05, "weight_drop": 0.3, "learning_rate": 0.003,
    "activation_regularisation": 1.0, "temporal_regularisation": 1.0,
}  # fmt: skip

#: What would go all the way on a GPU: the paper's own sizes and rates. Not run here.
GPU: dict[str, Any] = {
    "epochs": 750, "num_layers": 3, "hidden_size": 1150, "embedding_size": 400, "tie_weights": True, "batch_size": 40,
    "window": 70, "dropout": 0.4, "dropout_input": 0.4, "dropout_words": 0.1, "weight_drop": 0.5,
    "optimizer": "nt-asgd", "learning_rate": 30, "schedule": "constant", "warmup": 0, "clip_norm": 0.25,
    "activation_regularisation": 2.0, "temporal_regularisation": 1.0, "device": "cuda",
}  # fmt: skip


def measure(data: Data) -> Sequence[Figure]:
    """Train by the recipe for 45 minutes."""
    return run(data, "AWD-LSTM style", CPU, MERITY)
