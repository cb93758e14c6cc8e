"""`elman inspect`: what a model remembers, as a report."""

from __future__ import annotations

import dataclasses
import json as json_format
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from elman.cli.generate import DirArgument

if TYPE_CHECKING:
    from elman.diagnostics.inspection import Inspection
    from elman.nn.subject import Subject
    from elman.tasks import Task
    from elman.tasks.language_model import LanguageModel


def inspect(
    folder: DirArgument,
    data: Annotated[
        Path | None,
        typer.Argument(
            metavar="[DATA]",
            help="Text file, plain or .gz, or sequences with labels or transcripts; without it a language model writes "
            "some text.",
            readable=False,
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Folder of the report; DIR/inspect if not given.", readable=False)
    ] = None,
    steps: Annotated[
        int, typer.Option("--steps", min=16, help="Steps of each row of the data that is looked at.")
    ] = 250,
    rows: Annotated[int, typer.Option("--rows", min=1, help="Rows, spread evenly over the data.")] = 4,
    json: Annotated[bool, typer.Option("--json", help="Print the numbers as JSON.")] = False,
) -> None:
    """Show what a model remembers, how far back it learns and what its units do: elman inspect runs/book book.txt."""
    from rich.console import Console

    from elman.diagnostics.inspection import inspect as inspected
    from elman.diagnostics.report import write_report
    from elman.tasks import load

    begin = time.perf_counter()
    target = folder / "inspect" if out is None else out
    subject, about, window = _subject(load(folder), data, steps, rows)
    console = Console(highlight=False, stderr=True)
    with console.status("reading") as status:
        inspection = inspected(
            # In pictures a model goes by the name of its folder.
            dataclasses.replace(subject, title=folder.resolve().name),
            window=window,
            said=lambda name: status.update(name.replace("_", " ")),
        )
        status.update("drawing")
        page = write_report(inspection, target, about=about)
    if json:
        typer.echo(json_format.dumps({"about": about, **inspection.to_dict()}, ensure_ascii=False))
        return
    show(inspection, about)
    typer.echo(f"\nReport: {page}, with pictures and numbers beside it ({time.perf_counter() - begin:.0f} s)")


def _subject(model: Task, data: Path | None, steps: int, rows: int) -> tuple[Subject, str, int | None]:
    """What is looked at, what it is in words, and how far back training went where that was not all the way."""
    from elman.errors import UsageError
    from elman.tasks.anomalies import AnomalyDetector
    from elman.tasks.caption import Captioner
    from elman.tasks.forecast import Forecaster
    from elman.tasks.labelled import Labelled
    from elman.tasks.language_model import LanguageModel
    from elman.tasks.transcribe import Transcriber
    from elman.tasks.translate import Translator

    if isinstance(model, LanguageModel):
        text, source = _text(model, data, steps * rows)
        subject = model.subject(text, steps=steps, batch=rows)
        window = model.settings.training.window
        about = f"{subject.title}, on {subject.batch} rows of {subject.time} symbols {source}."
        return subject, about, window if isinstance(window, int) else None
    if isinstance(model, Forecaster):
        subject = model.subject(data, steps=steps, batch=rows)
        source = "of the training" if data is None else f"of {data.name}"
        return subject, f"{subject.title}, on {subject.batch} series {source}, {subject.time} steps of each.", None
    if data is None:
        raise UsageError("A look at this model needs sequences of which the truth is known: elman inspect DIR DATA.")
    if isinstance(model, AnomalyDetector):
        subject = model.subject(data, steps=steps, batch=rows)
        return subject, f"{subject.title}, on {subject.batch} stretches of {subject.time} steps of {data.name}.", None
    if not isinstance(model, (Labelled, Transcriber, Translator, Captioner)):
        raise UsageError(
            f"elman inspect does not look at models of the task '{model.task}', which read the future too."
        )
    subject = model.subject(model.examples(data, with_targets=True), steps=steps, batch=rows)
    return subject, f"{subject.title}, on {subject.batch} rows of {subject.time} steps of {data.name}.", None


def _text(model: LanguageModel, data: Path | None, symbols: int) -> tuple[str, str]:
    """What the model is to read, and in words where that comes from."""
    from elman.data import text_files

    if data is not None:
        return text_files.read_text(data, model.settings.text.encoding), f"of {data.name}"
    # At temperature 1 it writes as it believes text to be. One symbol more, as the last one has to be guessed.
    text = model.generate(length=symbols + 1, temperature=1.0)
    return text, "that the model wrote itself, as no text was given"


def show(inspection: Inspection, about: str) -> None:
    """Print what was found: the numbers one asks for first, then what stands out."""
    from elman.diagnostics.report import at_a_glance

    typer.echo(f"{inspection.title}: {about}\n")
    lines = at_a_glance(inspection.results)
    width = max((len(name) for name, _ in lines), default=0)
    for name, value in lines:
        typer.echo(f"  {name:<{width}}  {value}")
    for name, why in inspection.left_out.items():
        typer.secho(f"  left out: {name.replace('_', ' ')}: {why}", fg=typer.colors.YELLOW)
    if not inspection.findings:
        typer.echo("\nNothing stands out.")
    for number, found in enumerate(inspection.findings, 1):
        colour = typer.colors.YELLOW if found.kind == "trouble" else typer.colors.CYAN
        typer.echo("")
        typer.secho(f"{number}. {found.text}", fg=colour)
        if found.advice:
            typer.echo(f"   {found.advice}")
