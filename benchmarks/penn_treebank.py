"""Words of the Penn Treebank (Mikolov's version): perplexity on the standard test text."""

from __future__ import annotations

import gzip
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.harness import Data, Figure

ZAREMBA = "Zaremba et al. 2014, small LSTM: 114.5; medium 82.7"
MERITY = "Merity et al. 2017, AWD-LSTM without finetuning 58.8, with 57.3; 24 M weights, hundreds of epochs on a GPU"

#: The recipe of Merity et al. 2017 in the size that fits the time; on a GPU take hidden_size=1150, embedding_size=400,
#: num_layers=3, batch_size=40, window=70, epochs=750 and no max_time.
AWD: dict[str, Any] = {
    "max_time": "45m", "num_layers": 2, "hidden_size": 650, "embedding_size": 400, "tie_weights": True,
    "dropout": 0.4, "dropout_input": 0.4, "dropout_words": 0.1, "weight_drop": 0.4, "learning_rate": 0.003,
    "activation_regularisation": 2.0, "temporal_regularisation": 1.0,
}  # fmt: skip


def measure(data: Data) -> Sequence[Figure]:
    """Train with no options but the codec and the time, then in the manner of AWD-LSTM; test text scored once each."""
    figures = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for part in ("train", "valid", "test"):
            text = gzip.decompress(data.path(f"ptb/ptb.{part}.txt.gz").read_bytes())
            (folder / f"{part}.txt").write_bytes(text)
        figures += _run(folder, "plain", {"max_time": "16m"}, 114.5, ZAREMBA)
        figures += _run(folder, "AWD-LSTM style", AWD, None, MERITY)
    return figures


def _run(folder: Path, name: str, options: dict[str, Any], goal: float | None, source: str) -> list[Figure]:
    from elman import LanguageModel
    from elman.training.display import make_display

    model = LanguageModel(codec="words", valid=folder / "valid.txt", test=folder / "test.txt", **options)
    model.fit(folder / "train.txt", callbacks=[make_display("lines")])
    test, held_out = model.metrics["test"], model.metrics["held_out"]
    seconds = model.metrics["training"]["seconds"]
    rival = f"5-gram (Kneser-Ney), {test['5-gram']['perplexity']:.1f}"
    return [
        Figure(f"test perplexity, {name}", test["model"]["perplexity"], "", "lower", goal, rival, source),
        Figure(f"valid perplexity, {name}", held_out["model"]["perplexity"], "", "lower"),
        Figure(f"seconds to train, {name}", seconds, "s", "lower", 75 * 60),
    ]
