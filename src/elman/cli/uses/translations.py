"""Models that translate: targets of files and of lines as they come, and how good they are."""

from __future__ import annotations

import json as json_format
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from elman.cli.uses import PENALTIES, answer, tell
from elman.errors import UsageError
from elman.tasks.run_folder import changes

if TYPE_CHECKING:
    from elman.cli.uses import Predicting, Scoring
    from elman.data.examples import Examples
    from elman.runtime.pair_model import Translation
    from elman.tasks.translate import Translator

#: A source's place in what was given, its name, the source, and its targets.
Answer = tuple[int, str, str, list["Translation"]]


PREDICT = {"data", "prompt", "top", "out", "stream", "n_best", "ensemble", "alignments", "beam"} | PENALTIES
EVALUATE = {"data", "out", "ensemble", "beam", "lowercase"} | PENALTIES


def predict(model: Translator, asked: Predicting) -> None:
    """Write the targets of files, of one text, or with --stream of the lines of standard input as they come."""
    from elman.tasks import translation_rows as shown

    model, data, prompt, stream = model.beside(*(asked.ensemble or ())), asked.data, asked.settings.prompt, asked.stream
    if (bool(data) + bool(prompt) != 1) and not (stream and not data and not prompt):
        raise UsageError(
            "elman predict needs DATA to translate, or one text by --prompt, or --stream for lines to come."
        )
    options = {"n_best": asked.n_best or asked.top(1), **_options(asked)}
    answers = _lines(model, options) if stream and not data else _examples(model, data, prompt, options, stream)
    out = asked.out
    if out is not None and out.suffix.lower() not in (".txt", ""):
        found = list(_drawn(answers, asked.alignments))
        rows = shown.rows([each[1] for each in found], [each[2] for each in found], [each[3] for each in found])
        answer(rows, out, asked.json)
        return
    written = []
    for _, name, source, several in _drawn(answers, asked.alignments):
        texts = list(shown.lines(several))
        if asked.json:
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


def evaluate(model: Translator, asked: Scoring) -> None:
    """Show how good the targets are."""
    model = model.beside(*(asked.ensemble or ()))
    tell(model.evaluate(asked.data, lowercase=asked.lowercase, **_options(asked)), asked.out, asked.json)


def _options(asked: Predicting | Scoring) -> dict[str, Any]:
    """The options of `Translator.writing` that were given."""
    return changes(asked.settings.decoding) | changes(asked.settings.writing)


def _drawn(answers: Iterator[Answer], folder: Path | None) -> Iterator[Answer]:
    """The answers as they are; with a folder the alignment of each is drawn into it."""
    from elman.tasks import translation_rows

    for each in answers:
        if folder is not None:
            translation_rows.draw(folder, each[0], each[3][0])
        yield each


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
