"""Models that caption: what is in pictures, where the model looked, and how good captions are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from elman.cli.uses import PENALTIES, answer, tell
from elman.errors import UsageError
from elman.tasks.run_folder import changes

if TYPE_CHECKING:
    from elman.cli.uses import Predicting, Scoring
    from elman.tasks.caption import Captioner

PREDICT = {"data", "top", "out", "n_best", "alignments", "beam"} | PENALTIES
EVALUATE = {"data", "out", "beam"} | PENALTIES


def predict(model: Captioner, asked: Predicting) -> None:
    """Show or write captions, and draw where the model looked."""
    if not asked.data:
        raise UsageError("elman predict needs DATA, pictures to caption.")
    answer(_rows(model, asked), asked.out, asked.json)


def evaluate(model: Captioner, asked: Scoring) -> None:
    """Show how good captions are."""
    tell(model.evaluate(asked.data, **_options(asked)), asked.out, asked.json)


def _rows(model: Captioner, asked: Predicting) -> Iterator[dict[str, Any]]:
    examples = model.examples(asked.data)
    count = asked.n_best or asked.top(1)
    writing = model.writing(count, **_options(asked))
    found = model.model.describe(examples.inputs, writing)
    for number, (name, raw, several) in enumerate(zip(examples.names, examples.inputs, found, strict=True), 1):
        if asked.alignments is not None and model.model.codec.size is not None:
            _draw(model, asked.alignments / f"{number}.png", raw, several[0])
        row: dict[str, Any] = {"name": name}
        for place, caption in enumerate(several):
            ending = f"_{place + 1}" if place else ""
            row |= {f"caption{ending}": caption.text, f"score{ending}": round(caption.score, 3)}
        yield row


def _draw(model: Captioner, path: Path, raw: Any, caption: Any) -> None:
    from elman.plots import png
    from elman.plots.attention import looks

    grid = model.model.shape.encoder.grid
    picture = model.model.codec.encode(raw)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(png(looks(picture, caption.symbols, caption.attention, grid, caption.text)))


def _options(asked: Predicting | Scoring) -> dict[str, Any]:
    """The options of `Captioner.writing` that were given."""
    return changes(asked.settings.decoding) | changes(asked.settings.writing)
