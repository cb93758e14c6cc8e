"""`elman predict`: what may come next, or what is said of sequences."""

from __future__ import annotations

import json as json_format
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from elman.cli.generate import DirArgument
from elman.cli.options import with_settings
from elman.cli.transcripts import decoding_of
from elman.cli.translations import translate
from elman.errors import UsageError
from elman.settings import AUTO, PredictionSettings

if TYPE_CHECKING:
    from elman.data.examples import Examples
    from elman.tasks.label_rows import Row
    from elman.tasks.labelled import Labelled
    from elman.tasks.transcribe import Transcriber

#: Symbols and labels that are shown unless --top says how many.
SYMBOLS, LABELS = 10, 1

#: Pieces that a sequence is cut into by --stream.
PIECES = 20

#: Widest column of the table on the terminal.
WIDEST = 72


@with_settings(PredictionSettings())
def predict(
    settings: PredictionSettings,
    folder: DirArgument,
    data: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[DATA]...", help="Files or a folder of sequences; none for a language model.", readable=False
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="File to write, .csv or .jsonl.", readable=False)
    ] = None,
    stream: Annotated[
        bool, typer.Option("--stream", help="Show what is said as each sequence grows, piece by piece.")
    ] = False,
    times: Annotated[
        bool, typer.Option("--times", help="Transcripts: show when each word begins and ends, and how sure it is.")
    ] = False,
    align: Annotated[
        bool, typer.Option("--align", help="Transcripts: take those of DATA, and show when each word was said.")
    ] = False,
    horizon: Annotated[
        int | None, typer.Option("--horizon", help="Forecasts: steps ahead; by default those of the training.", min=1)
    ] = None,
    plot: Annotated[
        Path | None, typer.Option("--plot", help="Forecasts: picture to draw, .png or .svg.", readable=False)
    ] = None,
    n_best: Annotated[
        int | None, typer.Option("--n-best", min=1, help="Translations: targets of each source, with their scores.")
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
    alignments: Annotated[
        Path | None,
        typer.Option("--alignments", metavar="DIR", readable=False, help="Translations: draw where the model looked."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON; of sequences one object per line.")] = False,
) -> None:
    """Show the likeliest next symbols, or labels: elman predict runs/book --prompt "To be, or not to b"."""
    from elman.tasks import load
    from elman.tasks.forecast import Forecaster
    from elman.tasks.language_model import LanguageModel
    from elman.tasks.run_folder import changes
    from elman.tasks.transcribe import Transcriber
    from elman.tasks.translate import Translator

    model = load(folder)
    if isinstance(model, Translator):
        if times or align:
            raise UsageError("--times and --align are for models that transcribe.")
        translate(
            model.beside(*(ensemble or ())), data, settings, n_best=n_best, out=out, alignments=alignments,
            stream=stream, json=json,
        )  # fmt: skip
        return
    if n_best or ensemble or alignments or changes(settings.writing):
        raise UsageError("--n-best, --ensemble, --alignments and penalties are for models that translate.")
    if isinstance(model, Forecaster):
        from elman.cli import forecasts

        if stream or times or align or changes(settings):
            raise UsageError("A model of forecasts takes DATA, --horizon, --out, --plot and --json.")
        forecasts.predict(model, data, horizon, out, plot, json)
        return
    if horizon is not None or plot is not None:
        raise UsageError("--horizon and --plot are for models of forecasts.")
    if isinstance(model, LanguageModel):
        if data or out or stream or times or align or changes(settings.decoding):
            raise UsageError("A language model predicts what follows --prompt; it takes none but --top.")
        _next(model, settings.prompt, SYMBOLS if settings.top == AUTO else int(settings.top), json)
        return
    top = LABELS if settings.top == AUTO else int(settings.top)
    if isinstance(model, Transcriber):
        rows = _transcripts(model, data, settings, top, stream=stream, times=times or out is not None, align=align)
    else:
        if times or align or changes(settings.decoding):
            raise UsageError("--times, --align and --beam are for models that transcribe.")
        rows = _rows(model, _examples(model, data, settings.prompt), top, stream)
    if out is not None:
        from elman.tasks import label_rows

        typer.echo(f"{label_rows.write(out, rows):,} rows are in {out}")
    else:
        _show(rows, json)


def _next(model: Any, prompt: str, top: int, json: bool) -> None:
    likeliest = model.next(prompt, top)
    if json:
        rows = [{"symbol": symbol, "probability": probability} for symbol, probability in likeliest]
        typer.echo(json_format.dumps({"prompt": prompt, "next": rows}, ensure_ascii=False))
        return
    width = max(len(symbol) for symbol, _ in likeliest)
    for symbol, probability in likeliest:
        typer.echo(f"{symbol:<{width}}  {probability:6.4f}  {'█' * round(40 * probability)}".rstrip())


def _examples(model: Labelled, data: list[Path] | None, prompt: str) -> Examples:
    """The sequences to say something of: those of files, or the one that --prompt gives."""
    if bool(data) == bool(prompt):
        raise UsageError("elman predict needs DATA to say something of, or one text by --prompt.")
    if data:
        return model.examples(data)
    if model.model.codec.kind not in ("text", "words", "dna"):
        raise UsageError(f"--prompt is for models that read text; this one reads {model.model.codec.kind}. Give DATA.")
    from elman.data.arrays import from_arrays

    return from_arrays([prompt])


def _rows(model: Labelled, examples: Examples, top: int, stream: bool) -> Iterator[Row]:
    from elman.codecs.raw import pieces
    from elman.tasks import label_rows

    answers = model.model.answers
    if not stream:
        for name, said in zip(examples.names, model.model.predict(examples.inputs), strict=True):
            yield label_rows.row(name, said, answers, top)
        return
    live = model.stream()
    for name, raw in zip(examples.names, examples.inputs, strict=True):
        live.reset()
        parts = pieces(raw, PIECES)
        for number, piece in enumerate(parts, 1):
            so_far = live.push(piece)
            if number < len(parts) and live.engine.shape.whole:
                so_far = live.so_far()
            if number < len(parts) and so_far is not None:
                yield {"read": number / len(parts)} | label_rows.row(name, so_far, answers, top)
        yield {"read": 1.0} | label_rows.row(name, live.flush(), answers, top)


def _transcripts(
    model: Transcriber,
    data: list[Path] | None,
    settings: PredictionSettings,
    top: int,
    *,
    stream: bool,
    times: bool,
    align: bool,
) -> Iterator[Row]:
    from elman.tasks import transcript_rows

    if not data or settings.prompt:
        raise UsageError("elman predict needs DATA to transcribe, and no --prompt.")
    if align:
        return transcript_rows.aligned(model.model, model.examples(data, with_targets=True))
    decoding = decoding_of(model, settings.decoding, top)
    show = transcript_rows.growing if stream else transcript_rows.rows
    return show(model.model, model.examples(data), decoding, times=times)


def _show(rows: Iterator[Row], json: bool) -> None:
    """A table, or an object per line, as it comes."""
    from elman.tasks import label_rows

    if json:
        for line in label_rows.as_json_lines(rows):
            sys.stdout.write(line)
        return
    some = [label_rows.plain(row) for row in rows]
    if not some:
        return
    heads = list(dict.fromkeys(key for row in some for key in row))
    widths = {head: min(WIDEST, max(len(head), *(len(row.get(head, "")) for row in some))) for head in heads}
    for row in [dict(zip(heads, heads, strict=True)), *some]:
        typer.echo("  ".join(row.get(head, "").ljust(widths[head]) for head in heads).rstrip())
