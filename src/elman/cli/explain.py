"""`elman explain`: which backend runs a layer, why, and what it does."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from elman.errors import UsageError


def explain(
    folder: Annotated[Path | None, typer.Argument(metavar="[DIR]", help="Folder of a trained model.")] = None,
    cell: Annotated[str | None, typer.Option("--cell", help="A cell by name, such as lstm.")] = None,
    inputs: Annotated[int, typer.Option("--input", min=1, help="Features of the input.")] = 128,
    hidden: Annotated[int, typer.Option("--hidden", min=1, help="Units.")] = 128,
    layers: Annotated[int, typer.Option("--layers", min=1, help="Layers on top of each other.")] = 1,
    bidirectional: Annotated[bool, typer.Option("--bidirectional", help="Every layer in both directions.")] = False,
) -> None:
    """Show what runs a model or a cell and what it computes when: elman explain --cell lstm --hidden 256."""
    if (folder is None) == (cell is None):
        raise UsageError("elman explain takes either the folder of a model or --cell with the name of a cell.")
    from elman.nn import Recurrent
    from elman.nn.explain import explain as explained

    if folder is not None:
        from elman.runtime import Bundle, TextModel
        from elman.tasks import labelled_training, language_model_training

        model = Bundle.read(folder).model
        training = language_model_training if isinstance(model, TextModel) else labelled_training
        typer.echo(f"As a stream, without torch\n\nBackend {model.engine().explain()}\n\n\nAs layers of torch\n")
        typer.echo(explained(training.build(model.shape)))
    elif cell is not None:
        layer = Recurrent(cell, inputs, hidden, layers, bidirectional=bidirectional)
        typer.echo(explained(layer))
