"""Logs of a run for later: a CSV table and TensorBoard's event files."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from elman.errors import DataError, SaveError
from elman.system import write_atomically
from elman.training.events import Callback, Progress

#: Steps between two entries; every held-out score has its own as well.
_EVERY = 50

_COLUMNS = ("step", "epoch", "elapsed", "symbols", "loss", "learning_rate", "grad_norm", "score")


class CsvLog(Callback):
    """A table of one row per 50 steps and per held-out score, in the order of `Progress`' fields.

    ``score`` and the columns after it, one for each figure, are filled where there was a score. A resumed run
    first drops the rows after its checkpoint, so no step stands there twice.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._columns: list[str] = list(_COLUMNS)
        self._rows: list[dict[str, str]] = []
        self._pending: dict[str, str] = {}

    def on_start(self, progress: Progress) -> None:
        """Begin a table, or go on with the rows up to where the run goes on."""
        if progress.step and self._path.exists():
            with self._path.open(encoding="utf-8", newline="") as file:
                table = csv.DictReader(file)
                columns = tuple(table.fieldnames or ())
                if columns[: len(_COLUMNS)] == _COLUMNS:
                    self._columns = list(columns)
                    self._rows = [row for row in table if _step(row) <= progress.step]
        self._rewrite()

    def on_step(self, progress: Progress) -> None:
        """Keep every 50th step as a row."""
        if progress.step % _EVERY == 0:
            self._enter(progress)

    def on_score(self, progress: Progress) -> None:
        """Keep the score as a row, or in the row of its step."""
        self._enter(progress)
        scores = {"score": progress.score, **progress.figures}
        self._pending |= {name: f"{value:.6g}" for name, value in scores.items()}
        new = [name for name in progress.figures if name not in self._columns]
        if new:
            self._columns += new
            self._rewrite()
        self._write_pending()

    def on_checkpoint(self, progress: Progress) -> None:
        """Bring all rows to the disk, where the checkpoint is."""
        self._write_pending()

    def on_end(self, progress: Progress) -> None:
        """Bring all rows to the disk."""
        self._write_pending()

    def _enter(self, progress: Progress) -> None:
        row = {name: f"{getattr(progress, name):.6g}" for name in _COLUMNS[2:-1]}
        row |= {"step": str(progress.step), "epoch": str(progress.epoch), "symbols": str(progress.symbols)}
        if self._pending.get("step") != row["step"]:
            self._write_pending()
        self._pending |= row

    def _write_pending(self) -> None:
        if self._pending:
            row, self._pending = self._pending, {}
            self._rows.append(row)
            try:
                with self._path.open("a", encoding="utf-8", newline="") as file:
                    csv.DictWriter(file, self._columns).writerow(row)
            except OSError as error:
                raise SaveError(f"{self._path}: cannot be written ({error.strerror}).") from error

    def _rewrite(self) -> None:
        text = io.StringIO(newline="")
        table = csv.DictWriter(text, self._columns)
        table.writeheader()
        table.writerows(self._rows)
        write_atomically(self._path, lambda part: part.write_text(text.getvalue(), encoding="utf-8", newline=""))


def _step(row: dict[str, str]) -> float:
    """Step of a row; infinity for one that a kill has cut short."""
    try:
        return int(row["step"]) if None not in (*row, *row.values()) else float("inf")
    except ValueError:
        return float("inf")


class TensorBoardLog(Callback):
    """Event files for ``tensorboard --logdir``: loss, learning rate, gradient norm, speed, held-out figures.

    TensorBoard hides what a killed run wrote after the step from which it is resumed. Its own writer is not
    used: it works in a thread, which a full disk ends with a traceback, and names the file after the machine.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._path: Path | None = None

    def on_start(self, progress: Progress) -> None:
        """Begin an event file."""
        from tensorboard.compat.proto.event_pb2 import SessionLog

        self._path = self._directory / f"events.out.tfevents.{time.time_ns()}"
        self._write(file_version="brain.Event:2")
        if progress.step:
            self._write(step=progress.step + 1, session_log=SessionLog(status=SessionLog.START))

    def on_step(self, progress: Progress) -> None:
        """Keep every 50th step."""
        if progress.step % _EVERY == 0:
            values = {
                "loss": progress.loss,
                "learning rate": progress.learning_rate,
                "gradient norm": progress.grad_norm,
                "symbols per second": progress.symbols_per_second,
            }
            self.scalars(progress.step, values)

    def on_score(self, progress: Progress) -> None:
        """Keep the score and its figures."""
        score = {} if progress.score is None else {"score": progress.score}
        figures = {**score, **progress.figures}
        self.scalars(progress.step, {f"held-out/{name}": value for name, value in figures.items()})

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Write values of one step by their names."""
        from tensorboard.compat.proto.summary_pb2 import Summary

        scalars = [Summary.Value(tag=name, simple_value=value) for name, value in values.items()]
        self._write(step=step, summary=Summary(value=scalars))

    def _write(self, **fields: Any) -> None:
        """Append one event to the file."""
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.summary.writer.record_writer import RecordWriter

        assert self._path is not None
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("ab") as file:
                RecordWriter(file).write(Event(wall_time=time.time(), **fields).SerializeToString())
        except OSError as error:
            raise SaveError(f"{self._path}: cannot be written ({error.strerror}).") from error


def read_curve(path: Path, figure: str) -> tuple[list[float], list[float]]:
    """Held-out scores of a `CsvLog` table: seconds of the run, and the named figure at each.

    Raises `DataError` when the file is not there or has no such column.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = [row for row in csv.DictReader(file) if row[figure]]
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}).") from None
    except KeyError:
        raise DataError(f"{path}: has no column '{figure}'.") from None
    return [float(row["elapsed"]) for row in rows], [float(row[figure]) for row in rows]
