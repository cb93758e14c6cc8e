"""`elman init`: look at data and write a settings file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from elman.cli.options import with_settings
from elman.errors import SaveError
from elman.settings import DataSettings


@with_settings(DataSettings())
def init(
    settings: DataSettings,
    data: Annotated[
        list[Path], typer.Argument(help="Files or a folder with sequences, or tables of series.", readable=False)
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Settings file to write.")] = Path("elman.yaml"),
    task: Annotated[
        Literal["classify", "tag", "regress", "transcribe", "translate", "caption", "forecast", "anomalies", "impute"]
        | None,
        typer.Option("--task", help="What is to be learnt."),
    ] = None,
) -> None:
    """Look at data: what can be learnt of them, and a commented settings file (elman init reviews.csv)."""
    from elman.data.survey import survey

    if out.exists():
        raise SaveError(f"{out}: is there already. Take it away, or name another file with --out.")
    found = survey(data, settings, task)
    text = found.text(out)
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise SaveError(f"{out}: cannot be written ({error.strerror}).") from None
    for sentence in found.found:
        typer.echo(sentence)
    typer.echo("\nAs the model reads them:")
    for place, content in found.shown:
        typer.echo(f"  {place}\n    {content}")
    typer.echo(f"\n{out} is written; change what is wrong there. Then:\n  {text.splitlines()[0].removeprefix('# ')}")
