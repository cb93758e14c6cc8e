"""The model card: what a model is, how it was made and how good it is, for whoever finds the folder."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def model_card(config: Mapping[str, Any], metrics: Mapping[str, Any], parameters: int) -> str:
    """Text of a bundle's ``README.md``, from its configuration and its figures alone."""
    network, codec, training = config["network"], config["codec"], metrics["training"]
    layers = " + ".join(str(size) for size in network["hidden_sizes"])
    lines = [
        f"# {config['task']}: {network['cell']}, {layers} units",
        "",
        f"A recurrent network trained with Elman {config['elman']} on {training['source']}.",
        "",
        "| | |",
        "|---|---|",
        f"| symbols | {codec['kind']}, {network['vocabulary']:,} of them |",
        f"| parameters | {parameters:,} |",
        f"| training text | {training['symbols']:,} symbols, sha256 `{training['sha256'][:16]}` |",
        f"| trained for | {training['epochs']:.2f} epochs, {training['seconds']:.0f} s |",
        f"| ended by | {training['stopped_by']} |",
        "",
        "## How good it is",
        "",
        "| | nats per symbol | perplexity | bits per character |",
        "|---|---|---|---|",
    ]
    for part in ("held_out", "test"):
        for name, figures in metrics.get(part, {}).items():
            lines.append(
                f"| {part.replace('_', '-')} text, {name} | {figures['nats_per_symbol']:.4f} "
                f"| {figures['perplexity']:.3f} | {figures['bits_per_character']:.4f} |"
            )
    lines += [
        "",
        "The held-out text chose the best moment of training, so its figure is a little flattering; a test text",
        "is scored once, at the end.",
        "",
        "## Use",
        "",
        "```",
        'elman generate DIR --prompt "..."',
        "elman predict DIR --prompt ...",
        "elman evaluate DIR FILE",
        "elman export DIR --to onnx",
        "```",
        "",
        "Limits: it has seen only its training text, repeats that text's errors and opinions, and knows nothing",
        "outside it.",
    ]
    return "\n".join(lines) + "\n"
