"""Targets that were written, as lines of text and as rows of a table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from elman.errors import SaveError
from elman.plots import png
from elman.runtime.pair_model import Translation
from elman.tasks.label_rows import Row
from elman.tasks.translation_report import picture

#: Digits of a score that are written.
DIGITS = 4


def rows(names: Sequence[str], sources: Sequence[str], written: Iterable[Sequence[Translation]]) -> Iterator[Row]:
    """A row for each source: ``name``, ``source``, ``target``, ``score``; of several ``target_2`` ... besides."""
    for name, source, several in zip(names, sources, written, strict=True):
        found: Row = {"name": name, "source": source}
        for rank, each in enumerate(several, 1):
            ending = f"_{rank}" if rank > 1 else ""
            found |= {f"target{ending}": each.text, f"score{ending}": round(each.score, DIGITS)}
        yield found


def lines(several: Sequence[Translation]) -> Iterator[str]:
    """The target; of several each with its score before it."""
    if len(several) == 1:
        yield several[0].text
        return
    for each in several:
        yield f"{each.score:9.{DIGITS}f}  {each.text}"


def draw(folder: Path, number: int, translation: Translation) -> Path | None:
    """Write the alignment of a target as ``NUMBER.png``; None where nothing was read. Raises `SaveError`."""
    if translation.attention is None:
        return None
    path = folder / f"{number}.png"
    content = png(picture(translation))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    except OSError as error:
        raise SaveError(f"{path}: the picture cannot be written ({error.strerror}).") from error
    return path
