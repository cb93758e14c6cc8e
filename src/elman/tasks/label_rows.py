"""What is said of sequences as rows of a table: for a terminal, a CSV file or JSON lines."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from elman import system
from elman.errors import UsageError
from elman.runtime.answers import Answers
from elman.runtime.label_model import Prediction

Row: TypeAlias = dict[str, Any]

#: Digits of a probability, and of a number, that are written.
DIGITS, FIGURES = 4, 6


def row(name: str, prediction: Prediction, answers: Answers, top: int = 1) -> Row:
    """What is said of one sequence, under the names of columns.

    One class: ``label`` and ``probability``, and of the next likeliest ``label_2`` ... up to ``top``. Several:
    ``labels`` and ``probabilities`` of those. Tags: ``tags`` and the ``probability`` of each. Numbers: each under its
    own name.
    """
    found: Row = {"name": name}
    outputs = prediction.outputs
    if answers.kind == "class":
        for place, number in enumerate(np.argsort(-outputs, kind="stable")[:top]):
            ending = f"_{place + 1}" if place else ""
            found |= {f"label{ending}": answers.names[number], f"probability{ending}": _share(outputs[number])}
    elif answers.kind == "classes":
        likely = [number for number in np.argsort(-outputs, kind="stable") if answers.names[number] in prediction.said]
        found["labels"] = [answers.names[number] for number in likely]
        found["probabilities"] = [_share(outputs[number]) for number in likely]
    elif answers.kind == "tags":
        numbers = {tag: number for number, tag in enumerate(answers.names)}
        found["tags"] = list(prediction.said)
        found["probability"] = [_share(step[numbers[tag]]) for step, tag in zip(outputs, prediction.said, strict=True)]
    else:
        found |= {
            name if len(answers.names) > 1 or not name.isdigit() else "value": float(f"{value:.{FIGURES}g}")
            for name, value in zip(answers.names, outputs, strict=True)
        }
    return found


def _share(probability: float) -> float:
    return round(float(probability), DIGITS)


def write(path: Path, rows: Iterable[Row]) -> int:
    """Write rows as CSV, or as JSON lines where the name ends so; return how many. Raises `SaveError`."""
    kinds = {".csv": _as_csv, ".jsonl": as_json_lines}
    if path.suffix.lower() not in kinds:
        raise UsageError(f"{path}: predictions are written as .csv or .jsonl; choose a name that ends so.")
    kept = list(rows)
    text = "".join(kinds[path.suffix.lower()](kept))
    system.write_atomically(path, lambda part: part.write_text(text, encoding="utf-8", newline=""))
    return len(kept)


def as_json_lines(rows: Iterable[Row]) -> Iterator[str]:
    """One JSON object for each row."""
    for each in rows:
        yield json.dumps(each, ensure_ascii=False) + "\n"


def _as_csv(rows: Sequence[Row]) -> Iterator[str]:
    """A head and a line for each row; a list is one field, its items apart by spaces."""
    lines: list[str] = []

    class Lines:
        def write(self, line: str) -> int:
            lines.append(line)
            return len(line)

    writer = csv.DictWriter(Lines(), list(dict.fromkeys(key for each in rows for key in each)))
    writer.writeheader()
    writer.writerows(plain(each) for each in rows)
    yield from lines


def plain(cells: Mapping[str, Any]) -> dict[str, str]:
    """The cells of a row as text."""
    return {key: " ".join(map(str, value)) if isinstance(value, list) else str(value) for key, value in cells.items()}
