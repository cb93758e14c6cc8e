"""`elman evaluate`: how good a model is on data that it has not seen."""

from __future__ import annotations

import json as json_format
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from elman.cli.generate import DirArgument
from elman.cli.options import with_settings
from elman.cli.transcripts import decoding_of
from elman.cli.translations import options_of
from elman.errors import UsageError
from elman.settings import ScoringSettings

if TYPE_CHECKING:
    from elman.tasks.label_report import LabelReport
    from elman.tasks.language_model import LanguageModel
    from elman.tasks.transcript_report import TranscriptReport
    from elman.tasks.translation_report import TranslationReport


@with_settings(ScoringSettings())
def evaluate(
    settings: ScoringSettings,
    folder: DirArgument,
    data: Annotated[
        list[Path],
        typer.Argument(
            metavar="DATA", help="Text file, or files or a folder of sequences with labels.", readable=False
        ),
    ],
    per_line: Annotated[
        bool, typer.Option("--per-line", help="Language models: print nats, symbols and text of each line.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            help="Models of labels and transcripts: folder to write a report with pictures to.",
            readable=False,
        ),
    ] = None,
    horizon: Annotated[int | None, typer.Option("--horizon", help="Forecasts: steps of each.", min=1)] = None,
    folds: Annotated[
        int | None, typer.Option("--folds", help="Forecasts: origins, each knowing only what came before.", min=1)
    ] = None,
    statistics: Annotated[
        list[str] | None,
        typer.Option("--statistics", help="Forecasts: compare with AutoETS, AutoTheta or the like; may be repeated."),
    ] = None,
    ensemble: Annotated[
        list[Path] | None,
        typer.Option(
            "--ensemble",
            metavar="DIR",
            readable=False,
            help="Translations: a model that writes along; may be repeated.",
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Score a model: elman evaluate runs/book other.txt."""
    from elman.tasks import load
    from elman.tasks.forecast import Forecaster
    from elman.tasks.language_model import LanguageModel
    from elman.tasks.run_folder import changes
    from elman.tasks.transcribe import Transcriber
    from elman.tasks.translate import Translator

    model = load(folder)
    if isinstance(model, Forecaster):
        from elman.cli import forecasts

        forecasts.evaluate(model, data, horizon, folds, statistics or [], out, json)
        return
    if horizon or folds or statistics:
        raise UsageError("--horizon, --folds and --statistics are for models of forecasts.")
    if isinstance(model, LanguageModel):
        if len(data) > 1 or out is not None:
            raise UsageError("A language model is scored on one text at a time, without --out.")
        _text(model, data[0], per_line, json)
        return
    if per_line:
        raise UsageError("--per-line is for language models.")
    if isinstance(model, Translator):
        options = options_of(settings.decoding, settings.writing)
        _report(model.beside(*(ensemble or ())).evaluate(data, **options), out, json)
        return
    if ensemble or changes(settings.writing):
        raise UsageError("--ensemble and penalties are for models that translate.")
    if isinstance(model, Transcriber):
        report: Any = model.evaluate(data, decoding=decoding_of(model, settings.decoding))
    else:
        if changes(settings.decoding):
            raise UsageError("--beam is for models that transcribe.")
        report = model.evaluate(data)
    _report(report, out, json)


def _text(model: LanguageModel, file: Path, per_line: bool, json: bool) -> None:
    from elman.data import text_files

    score = model.score(text_files.read_text(file, model.settings.text.encoding))
    figures = score.figures()
    lines = score.per_line() if per_line else []
    if json:
        rows = [{"line": line, "nats": nats, "symbols": count} for line, nats, count in lines]
        typer.echo(json_format.dumps({**figures, **({"lines": rows} if per_line else {})}, ensure_ascii=False))
        return
    for line, nats, count in lines:
        typer.echo(f"{nats:9.2f}  {count:5d}  {line}")
    typer.echo(f"loss                {figures['nats_per_symbol']:.4f} nats per symbol")
    typer.echo(f"perplexity          {figures['perplexity']:.3f}")
    typer.echo(f"bits per character  {figures['bits_per_character']:.4f}")
    typer.echo(f"symbols             {figures['symbols']:,} ({figures['unknown']:,} not in the vocabulary)")


def _report(report: LabelReport | TranscriptReport | TranslationReport, out: Path | None, json: bool) -> None:
    page = None if out is None else report.write(out)
    if json:
        typer.echo(json_format.dumps(report.figures["data"], ensure_ascii=False))
        return
    for line in report.lines():
        typer.echo(line)
    if page is not None:
        typer.echo(f"Report: {page}, with pictures and numbers beside it")
