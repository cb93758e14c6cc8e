"""Characters of Shakespeare, first 90% to train, last 10% held out, no option but the file and the time."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.harness import Data, Figure

NANOGPT = "nanoGPT README: 1.88 after 3 minutes on a CPU, 1.47 after 3 minutes on an A100 (another model, same text)"

#: Time to train -> nats per character asked for.
GOALS = {"60s": 1.66, "20m": 1.50}


def measure(data: Data) -> Sequence[Figure]:
    """Train twice through the public class; the held-out figure is scored at the end, in float32."""
    from elman import LanguageModel
    from elman.training.display import make_display
    from elman.training.logs import read_curve

    figures = []
    for time, goal in GOALS.items():
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / "run"
            model = LanguageModel(max_time=time).fit(
                data.path("tinyshakespeare/input.txt.gz"), out=out, callbacks=[make_display("lines")]
            )
            scores = model.metrics["held_out"]
            rival = f"5-gram (Kneser-Ney), {scores['5-gram']['nats_per_symbol']:.3f}"
            figures.append(
                Figure(
                    f"held-out loss after {time}", scores["model"]["nats_per_symbol"], "nats per character", "lower",
                    goal, rival, NANOGPT,
                )
            )  # fmt: skip
            training = model.metrics["training"]
            figures.append(Figure(f"seconds of the {time} run", training["seconds"], "s", "lower"))
            for seconds, bits in zip(*read_curve(out / "log.csv", "bits per character"), strict=True):
                figures.append(
                    Figure(f"curve of the {time} run at {seconds:.0f} s", bits, "bits per character", "lower")
                )
    return figures
