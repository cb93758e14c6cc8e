"""Models that transcribe: transcripts with times, alternatives and alignments, and how many errors they have."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from elman.cli.uses import DECODING, answer, tell
from elman.errors import UsageError

if TYPE_CHECKING:
    from elman.cli.uses import Predicting, Scoring
    from elman.runtime.transcripts import Decoding
    from elman.settings import DecodingSettings
    from elman.tasks.transcribe import Transcriber

PREDICT = {"data", "top", "out", "stream", "times", "align"} | DECODING
EVALUATE = {"data", "out", "lowercase"} | DECODING


def predict(model: Transcriber, asked: Predicting) -> None:
    """Show or write transcripts."""
    from elman.tasks import transcript_rows

    if not asked.data:
        raise UsageError("elman predict needs DATA to transcribe.")
    if asked.align:
        rows = transcript_rows.aligned(model.model, model.examples(asked.data, with_targets=True))
    else:
        decoding = _decoding(model, asked.settings.decoding, asked.top(1))
        show = transcript_rows.growing if asked.stream else transcript_rows.rows
        rows = show(model.model, model.examples(asked.data), decoding, times=asked.times or asked.out is not None)
    answer(rows, asked.out, asked.json)


def evaluate(model: Transcriber, asked: Scoring) -> None:
    """Show how many errors there are."""
    decoding = _decoding(model, asked.settings.decoding)
    tell(model.evaluate(asked.data, decoding=decoding, lowercase=asked.lowercase), asked.out, asked.json)


def _decoding(model: Transcriber, settings: DecodingSettings, alternatives: int = 1) -> Decoding:
    """How transcripts are looked for, as options say; what was chosen by data is told on the error stream."""
    tuned = model.tuned(settings)
    if tuned != settings:
        chosen = f"--language-weight {tuned.language_weight:g} --bonus {tuned.bonus:g}"
        typer.echo(f"Chosen on {settings.tune_on}: {chosen}", err=True)
    return model.decoding(tuned, alternatives)
