"""`elman info`: what a model folder holds."""

from __future__ import annotations

import json as json_format
from typing import Annotated

import typer

from elman.cli.generate import DirArgument


def info(folder: DirArgument, json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Show what a model is made of, how it was trained and how good it is."""
    from elman.runtime.bundle import Bundle

    bundle = Bundle.read(folder)
    config, metrics = bundle.config, bundle.metrics
    parameters = sum(value.size for value in bundle.tensors.values())
    if json:
        typer.echo(json_format.dumps({"config": config, "metrics": metrics, "parameters": parameters}))
        return
    network, training = config["network"], metrics.get("training", {})
    rows = {
        "task": config["task"],
        "network": f"{network['cell']}, {' + '.join(map(str, network['hidden_sizes']))} units, "
        f"embedding {network['embedding_size']}{', tied' if network['tie_weights'] else ''}",
        "parameters": f"{parameters:,}",
        "codec": f"{config['codec']['kind']}, {network['vocabulary']:,} symbols",
        "written by": f"Elman {config['elman']}",
    }
    if training:
        rows["trained on"] = f"{training['source']}, {training['symbols']:,} symbols"
        rows["training"] = (
            f"{training['epochs']:.2f} epochs, {training['seconds']:.0f} s, ended by {training['stopped_by']}"
        )
    for part in ("held_out", "test"):
        for name, figures in metrics.get(part, {}).items():
            rows[f"{part.replace('_', '-')}, {name}"] = (
                f"{figures['nats_per_symbol']:.4f} nats, perplexity {figures['perplexity']:.3f}, "
                f"{figures['bits_per_character']:.4f} bits per character"
            )
    width = max(map(len, rows))
    for name, value in rows.items():
        typer.echo(f"{name:<{width}}  {value}")
