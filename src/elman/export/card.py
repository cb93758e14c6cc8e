"""The model card: what a model is, how it was made and how good it is, for whoever finds the folder."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from elman.runtime.about import facts, scores

#: What can be done with a model of each task.
USES = {
    "language-model": (
        'elman generate DIR --prompt "..."',
        "elman predict DIR --prompt ...",
        "elman evaluate DIR FILE",
    ),
    "translate": ("elman predict DIR FILE.txt", 'elman predict DIR --prompt "..."', "elman evaluate DIR DATA"),
    "transcribe": (
        "elman predict DIR DATA --times",
        "elman predict DIR DATA --language-model transcripts --out FILE.csv",
        "elman evaluate DIR DATA",
    ),
    "caption": ("elman predict DIR PICTURES", "elman evaluate DIR DATA"),
    "impute": ("elman predict DIR FILE.csv --out FILLED.csv", "elman evaluate DIR FILE.csv"),
    "anomalies": ("elman predict DIR FILE.csv", "elman evaluate DIR FILE.csv --labels COLUMN"),
    "forecast": ("elman predict DIR --out FILE.csv", "elman evaluate DIR DATA"),
}
LABEL_USES = ("elman predict DIR DATA --out FILE.csv", "elman evaluate DIR DATA")


def model_card(config: Mapping[str, Any], metrics: Mapping[str, Any], parameters: int) -> str:
    """Text of a bundle's ``README.md``, from its configuration and its figures alone."""
    network, training = config["network"], metrics["training"]
    if network.get("head") == "transducer":
        network = network["encoder"]
    network = network.get("decoder", network.get("rebuilding", network))
    layers = " + ".join(str(size) for size in network["hidden_sizes"])
    headings, rows = scores(metrics)
    lines = [
        f"# {config['task']}: {network['cell']}, {layers} units",
        "",
        f"A recurrent network trained with Elman {config['elman']} on {training['source']}.",
        "",
        "| | |",
        "|---|---|",
        *(f"| {name} | {_cell(value)} |" for name, value in facts(config, metrics, parameters).items()),
        "",
        "## How good it is",
        "",
        "| | " + " | ".join(headings) + " |",
        "|---|" + "---|" * len(headings),
        *(f"| {name} | {' | '.join(values)} |" for name, values in rows.items()),
        "",
        "The held-out data chose the best moment of training, so their figures are a little flattering; test data",
        "are scored once, at the end.",
        "",
        "## Use",
        "",
        "```",
        *USES.get(config["task"], LABEL_USES),
        *(["elman export DIR --to onnx"] if config["task"] == "language-model" else []),
        "```",
        "",
        "Limits: it has seen only its training data, repeats their errors and opinions, and knows nothing outside",
        "them.",
    ]
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
