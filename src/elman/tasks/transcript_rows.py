"""Transcripts as rows of a table: for a terminal, a CSV file or JSON lines."""

from __future__ import annotations

from collections.abc import Iterator

from elman.codecs.raw import pieces
from elman.data.examples import Examples
from elman.runtime.transcript_model import TranscriptModel
from elman.runtime.transcripts import Decoding, Transcription
from elman.tasks.label_rows import Row

#: Digits of a time and of a confidence that are written.
DIGITS, CONFIDENCE = 3, 4

#: Pieces that a sequence is cut into where it is read as it comes.
PIECES = 20


def rows(model: TranscriptModel, examples: Examples, decoding: Decoding, *, times: bool) -> Iterator[Row]:
    """A row for each sequence: ``name``, ``text``, ``confidence``; of several alternatives ``text_2`` ... besides.

    With ``times`` there are ``words``, and when each ``starts`` and ``ends``, with its own ``confidences``.
    """
    for name, found in zip(examples.names, model.transcribe(examples.inputs, decoding), strict=True):
        yield row(name, found, times=times)


def aligned(model: TranscriptModel, examples: Examples) -> Iterator[Row]:
    """A row with the times of the words of each known transcript."""
    assert examples.targets is not None
    for name, raw, text in zip(examples.names, examples.inputs, examples.targets, strict=True):
        yield row(name, model.aligned(raw, str(text)), times=True)


def growing(model: TranscriptModel, examples: Examples, decoding: Decoding, *, times: bool) -> Iterator[Row]:
    """What is heard as each sequence comes, piece by piece: how much was ``read``, and how much is ``settled``."""
    live = model.stream(decoding)
    for name, raw in zip(examples.names, examples.inputs, strict=True):
        live.reset()
        parts = pieces(raw, PIECES)
        for number, piece in enumerate(parts, 1):
            so_far = live.push(piece)
            if so_far is not None and number < len(parts):
                yield {"read": number / len(parts), "name": name, "text": so_far.text, "settled": so_far.settled}
        yield {"read": 1.0} | row(name, live.flush(), times=times)


def row(name: str, found: Transcription, *, times: bool) -> Row:
    """One transcript."""
    cells: Row = {"name": name, "text": found.text, "confidence": round(found.confidence, CONFIDENCE)}
    cells |= {f"text_{place}": text for place, (text, _) in enumerate(found.alternatives[1:], 2)}
    if times:
        cells["words"] = [word.text for word in found.words]
        cells["starts"] = [round(word.start, DIGITS) for word in found.words]
        cells["ends"] = [round(word.end, DIGITS) for word in found.words]
        cells["confidences"] = [round(word.confidence, CONFIDENCE) for word in found.words]
    return cells
