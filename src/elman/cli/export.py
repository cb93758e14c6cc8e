"""`elman export`: a model for other worlds."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from elman.cli.generate import DirArgument
from elman.errors import UsageError, nearest

FORMATS = ("onnx",)


def export(
    folder: DirArgument,
    to: Annotated[str, typer.Option("--to", metavar="FORMAT", help=f"One of: {', '.join(FORMATS)}.")],
    out: Annotated[
        Path | None, typer.Option("--out", help="The file; DIR/model.onnx if not given.", readable=False)
    ] = None,
) -> None:
    """Write a model in another format and check that it gives the same: elman export runs/book --to onnx."""
    if to not in FORMATS:
        raise UsageError(f"Models are exported to {', '.join(FORMATS)}, not to '{to}'.{nearest(to, FORMATS)}")
    from elman.export import to_onnx

    typer.echo(to_onnx(folder, folder / f"model.{to}" if out is None else out))
