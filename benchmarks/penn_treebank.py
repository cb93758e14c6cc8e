"""Words of the Penn Treebank (Mikolov's version): perplexity on the standard test text."""

from __future__ import annotations

import gzip
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.harness import Data, Figure

ZAREMBA = "Zaremba et al. 2014, small LSTM: 114.5; medium 82.7"


def measure(data: Data) -> Sequence[Figure]:
    """Train with no options but the codec, the files and the time."""
    return run(data, "no options", {"max_time": "30m"}, ZAREMBA)


def run(data: Data, name: str, options: dict[str, Any], source: str) -> list[Figure]:
    """Train on the standard train, valid and test texts; the test text is scored once."""
    from elman import LanguageModel
    from elman.training import make_display

    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for part in ("train", "valid", "test"):
            text = gzip.decompress(data.path(f"ptb/ptb.{part}.txt.gz").read_bytes())
            (folder / f"{part}.txt").write_bytes(text)
        model = LanguageModel(codec="words", valid=folder / "valid.txt", test=folder / "test.txt", **options)
        model.fit(folder / "train.txt", callbacks=[make_display("lines", unit="words")])
    test, held_out = model.metrics["test"], model.metrics["held_out"]
    rival = f"5-gram (Kneser-Ney), {test['5-gram']['perplexity']:.1f}"
    seconds = model.metrics["training"]["seconds"]
    return [
        Figure(f"test perplexity, {name}", test["model"]["perplexity"], "", "lower", 114.5, rival, source),
        Figure(f"valid perplexity, {name}", held_out["model"]["perplexity"], "", "lower"),
        Figure(f"seconds to train, {name}", seconds, "s", "lower", 75 * 60),
    ]
