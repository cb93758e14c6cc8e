"""`elman info`: what a model folder holds."""

from __future__ import annotations

import json as json_format
from typing import Annotated

import typer

from elman.cli.generate import DirArgument


def info(folder: DirArgument, json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Show what a model is made of, how it was trained and how good it is."""
    from elman.runtime.about import facts, scores
    from elman.runtime.bundle import Bundle

    bundle = Bundle.read(folder)
    config, metrics = bundle.config, bundle.metrics
    parameters = sum(value.size for value in bundle.model.tensors.values())
    if json:
        typer.echo(json_format.dumps({"config": config, "metrics": metrics, "parameters": parameters}))
        return
    rows = facts(config, metrics, parameters)
    headings, figures = scores(metrics)
    for name, values in figures.items():
        rows[name] = ", ".join(f"{heading} {value}" for heading, value in zip(headings, values, strict=True) if value)
    width = max(map(len, rows))
    for name, value in rows.items():
        typer.echo(f"{name:<{width}}  {value}")
