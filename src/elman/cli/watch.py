"""`elman watch`: see what a model remembers, while it reads."""

from __future__ import annotations

import webbrowser
from pathlib import Path
from typing import Annotated

import typer

FoldersArgument = Annotated[
    list[Path], typer.Argument(metavar="DIR [DIR2]", help="Folder of a trained model, or of two.", readable=False)
]


def watch(
    folders: FoldersArgument,
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="Port of the page; 0 takes a free one.")] = 8765,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open the page in the browser.")] = True,
) -> None:
    """Open a page on this machine that shows a model's state as it reads what you type: elman watch runs/book."""
    from elman.watch import watch as serve

    def ready(address: str) -> None:
        typer.echo(f"The page is at {address}. Ctrl-C ends it.")
        if browser:
            webbrowser.open(address)

    serve(folders, port=port, ready=ready)
