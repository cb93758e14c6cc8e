"""`elman generate`: let a language model write."""

from __future__ import annotations

import json as json_format
import sys
from pathlib import Path
from typing import Annotated

import typer

from elman.cli.options import with_settings
from elman.settings import GenerationSettings, to_dict

DirArgument = Annotated[Path, typer.Argument(metavar="DIR", help="Folder of a trained model.", readable=False)]


@with_settings(GenerationSettings())
def generate(
    settings: GenerationSettings,
    folder: DirArgument,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object at the end.")] = False,
) -> None:
    """Continue a text, printed as it is produced: elman generate runs/book --prompt "ROMEO:"."""
    from elman.tasks.language_model import LanguageModel

    pieces = LanguageModel.load(folder).write(**to_dict(settings))
    if json:
        text = "".join(pieces)
        typer.echo(json_format.dumps({**to_dict(settings), "text": text}, ensure_ascii=False))
        return
    sys.stdout.write(settings.prompt)
    for piece in pieces:
        sys.stdout.write(piece)
        sys.stdout.flush()
    sys.stdout.write("\n")
