"""Models of labels: what is said of sequences, at once or as they grow, and how often it is right."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from elman.cli.uses import answer, tell
from elman.errors import UsageError

if TYPE_CHECKING:
    from elman.cli.uses import Predicting, Scoring
    from elman.data.examples import Examples
    from elman.tasks.label_rows import Row
    from elman.tasks.labelled import Labelled

PREDICT, EVALUATE = {"data", "prompt", "top", "out", "stream"}, {"data", "out"}

#: Labels that are shown unless --top says how many.
LABELS = 1

#: Pieces that a sequence is cut into by --stream.
PIECES = 20


def predict(model: Labelled, asked: Predicting) -> None:
    """Show or write what is said of sequences."""
    answer(_rows(model, _examples(model, asked), asked.top(LABELS), asked.stream), asked.out, asked.json)


def evaluate(model: Labelled, asked: Scoring) -> None:
    """Show how good the model is."""
    tell(model.evaluate(asked.data), asked.out, asked.json)


def _examples(model: Labelled, asked: Predicting) -> Examples:
    """The sequences to say something of: those of files, or the one that --prompt gives."""
    prompt = asked.settings.prompt
    if bool(asked.data) == bool(prompt):
        raise UsageError("elman predict needs DATA to say something of, or one text by --prompt.")
    if asked.data:
        return model.examples(asked.data)
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
