"""What `elman predict` and `elman evaluate` do with models that translate."""

from __future__ import annotations

import json as json_format
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from elman.errors import UsageError
from elman.settings import AUTO, DecodingSettings, PenaltySettings, PredictionSettings, flat

if TYPE_CHECKING:
    from elman.data.examples import Examples
    from elman.runtime.pair_model import Translation
    from elman.tasks.translate import Translator

#: A source's place in what was given, its name, the source, and its targets.
Answer = tuple[int, str, str, list["Translation"]]


def options_of(decoding: DecodingSettings, penalties: PenaltySettings) -> dict[str, Any]:
    """The options of `Translator.writing` that were given. Raises `UsageError` for those of transcripts."""
    from elman.tasks.run_folder import changes

    given = changes(decoding) | changes(penalties)
    if other := sorted(given.keys() - {"beam", *flat(penalties)}):
        raise UsageError(f"--{other[0].replace('_', '-')} is for models that transcribe.")
    return given


def translate(
    model: Translator,
    data: list[Path] | None,
    settings: PredictionSettings,
    *,
    n_best: int | None,
    out: Path | None,
    alignments: Path | None,
    stream: bool,
    json: bool,
) -> None:
    """Write the targets of files, of one text, or with ``stream`` of the lines of standard input as they come."""
    from elman.tasks import translation_rows as shown

    if (bool(data) + bool(settings.prompt) != 1) and not (stream and not data and not settings.prompt):
        raise UsageError(
            "elman predict needs DATA to translate, or one text by --prompt, or --stream for lines to come."
        )
    top = 1 if settings.top == AUTO else int(settings.top)
    options = {"n_best": n_best or top, **options_of(settings.decoding, settings.writing)}
    answers = (
        _lines(model, options) if stream and not data else _examples(model, data, settings.prompt, options, stream)
    )
    if out is not None and out.suffix.lower() not in (".txt", ""):
        from elman.tasks import label_rows

        found = list(_drawn(answers, alignments))
        rows = shown.rows([each[1] for each in found], [each[2] for each in found], [each[3] for each in found])
        typer.echo(f"{label_rows.write(out, rows):,} rows are in {out}")
        return
    written = []
    for _, name, source, several in _drawn(answers, alignments):
        texts = list(shown.lines(several))
        if json:
            (row,) = shown.rows([name], [source], [several])
            texts = [json_format.dumps(row, ensure_ascii=False)]
        if out is None:
            sys.stdout.write("\n".join(texts) + "\n")
            sys.stdout.flush()
        written += texts
    if out is not None:
        from elman import system

        system.write_atomically(out, lambda part: part.write_text("\n".join(written) + "\n", encoding="utf-8"))
        typer.echo(f"{len(written):,} lines are in {out}")


def _drawn(answers: Iterator[Answer], folder: Path | None) -> Iterator[Answer]:
    """The answers as they are; with a folder the alignment of each is drawn into it."""
    from elman.tasks import translation_rows

    for answer in answers:
        if folder is not None:
            translation_rows.draw(folder, answer[0], answer[3][0])
        yield answer


def _examples(
    model: Translator, data: list[Path] | None, prompt: str, options: dict[str, Any], stream: bool
) -> Iterator[Answer]:
    examples: Examples = model.examples(data if data else [prompt])
    sources = [str(raw) for raw in examples.inputs]
    some: Sequence[Sequence[str]] = [[source] for source in sources] if stream else [sources]
    found = (several for part in some for several in model.translations(list(part), **options))
    yield from zip(range(1, len(sources) + 1), examples.names, sources, found, strict=True)


def _lines(model: Translator, options: dict[str, Any]) -> Iterator[Answer]:
    """The targets of the lines of standard input, each as soon as its line ends."""
    live = model.stream(**options)
    number = 0
    for chunk in sys.stdin:
        for several in live.push(chunk):
            number += 1
            yield number, f"line {number}", chunk.rstrip("\n"), several
    held = live.held
    for several in live.flush():
        yield number + 1, f"line {number + 1}", held, several
