"""`elman train`: from files to a trained model folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from elman.cli.options import with_settings
from elman.settings import LanguageModelSettings

if TYPE_CHECKING:
    from elman.training.events import Callback

#: What one symbol of each codec is called when speed is told.
UNITS = {"characters": "characters", "bytes": "bytes", "words": "words", "bpe": "pieces"}

OutOption = Annotated[Path, typer.Option("--out", "-o", help="Folder for the model, its logs and checkpoints.")]
ResumeOption = Annotated[bool, typer.Option("--resume", help="Go on with the run in --out as if it never stopped.")]
FromOption = Annotated[Path | None, typer.Option("--from", help="Start from the weights of an earlier model.")]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object per line.")]


@with_settings(LanguageModelSettings())
def language_model(
    settings: LanguageModelSettings,
    files: Annotated[list[Path], typer.Argument(help="Text files, plain or .gz; each is one document.")],
    out: OutOption,
    resume: ResumeOption = False,
    start_from: FromOption = None,
    quiet: QuietOption = False,
    json: JsonOption = False,
) -> None:
    """Train a network to continue text: elman train language-model book.txt --out runs/book."""
    from elman.settings import flat
    from elman.tasks.language_model import LanguageModel

    model = LanguageModel(**flat(settings))
    display = display_for(settings.text.codec, quiet, json)
    model.fit(*files, out=out, resume=resume, start_from=start_from, callbacks=[display])
    if not quiet and not json:
        for name, figures in model.metrics["held_out"].items():
            typer.echo(f"held-out text, {name}: {figures['bits_per_character']:.4f} bits per character")
        typer.echo(f"The model is in {out}. Try: elman generate {out}")


def display_for(codec: str, quiet: bool, json: bool) -> Callback:
    """What shows a run: nothing, JSON lines, or whatever suits the terminal."""
    from elman.training.display import make_display

    return make_display("quiet" if quiet else "json" if json else "auto", unit=UNITS[codec])
