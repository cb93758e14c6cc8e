"""What `elman predict` and `elman evaluate` share for models that transcribe."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from elman.runtime.transcripts import Decoding
    from elman.settings import DecodingSettings
    from elman.tasks.transcribe import Transcriber


def decoding_of(model: Transcriber, settings: DecodingSettings, alternatives: int = 1) -> Decoding:
    """How transcripts are looked for, as options say; what was chosen by data is told on the error stream."""
    tuned = model.tuned(settings)
    if tuned != settings:
        chosen = f"--language-weight {tuned.language_weight:g} --bonus {tuned.bonus:g}"
        typer.echo(f"Chosen on {settings.tune_on}: {chosen}", err=True)
    return model.decoding(tuned, alternatives)
