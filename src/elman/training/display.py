"""What a training run shows: a live line on a terminal, plain lines in a file, JSON lines for programs."""

from __future__ import annotations

import dataclasses
import json
import math
import sys
import time
from collections.abc import Mapping
from typing import Any, Literal, TextIO

from rich.console import Console
from rich.progress import BarColumn, TextColumn
from rich.progress import Progress as Bar

from elman.settings import Duration
from elman.system import is_terminal
from elman.training.events import Callback, Progress

Mode = Literal["auto", "live", "lines", "json", "quiet"]

#: Seconds between two plain or JSON lines, and between two updates of the live line.
_LINE_INTERVAL, _LIVE_INTERVAL = 5.0, 0.2

_clock = time.monotonic


def make_display(mode: Mode = "auto", stream: TextIO | None = None, *, unit: str = "tokens") -> Callback:
    """Return the callback that shows a run on ``stream`` (stderr; stdout for JSON).

    ``auto`` is live on a terminal and plain lines elsewhere. ``unit`` is what the speed counts.
    """
    if stream is None:
        stream = sys.stdout if mode == "json" else sys.stderr
    if mode == "auto":
        mode = "live" if is_terminal(stream) else "lines"
    if mode == "live":
        return LiveDisplay(stream, unit)
    if mode == "lines":
        return LineDisplay(stream, unit)
    return JsonDisplay(stream) if mode == "json" else Callback()


def _figures(progress: Progress) -> str:
    """Give the held-out score in its units, or as the bare number where it has none."""
    named = progress.figures or ({} if progress.score is None else {"held-out score": progress.score})
    return "  ".join(f"{name} {value:.4g}" for name, value in named.items())


def _left(progress: Progress) -> str:
    return "" if progress.seconds_left is None else f"{Duration(round(progress.seconds_left))} left"


def _line(progress: Progress, unit: str, *, scored: bool) -> str:
    total = "" if progress.total is None else f"/{progress.total}"
    parts = [f"step {progress.step}{total}", f"{progress.fraction:4.0%}", f"loss {progress.loss:.4f}"]
    if scored:
        best = " (best)" if progress.score == progress.best else ""
        parts.append(f"{_figures(progress)}{best}")
    parts += [f"{progress.symbols_per_second:,.0f} {unit}/s", _left(progress)]
    return "  ".join(part for part in parts if part)


class LineDisplay(Callback):
    """Plain lines: one for every held-out score and note, and one every few seconds in between."""

    def __init__(self, stream: TextIO, unit: str = "tokens") -> None:
        self._stream, self._unit = stream, unit
        self._shown_at = _clock()

    def on_note(self, text: str) -> None:
        """Write the note."""
        self._write(text)

    def on_step(self, progress: Progress) -> None:
        """Write a line when the last one is some seconds old."""
        if _clock() - self._shown_at >= _LINE_INTERVAL:
            self._write(_line(progress, self._unit, scored=False))

    def on_score(self, progress: Progress) -> None:
        """Write a line with the score."""
        self._write(_line(progress, self._unit, scored=True))

    def _write(self, text: str) -> None:
        self._stream.write(text + "\n")
        self._stream.flush()
        self._shown_at = _clock()


class LiveDisplay(Callback):
    """A line that moves with the run, under the lines of the held-out scores."""

    def __init__(self, stream: TextIO, unit: str = "tokens") -> None:
        self._unit = unit
        self._console = Console(file=stream, highlight=False)
        columns = [BarColumn(bar_width=24), *(TextColumn("{task.fields[" + name + "]}") for name in ("state", "left"))]
        self._bar = Bar(*columns, console=self._console, transient=True)
        self._task = self._bar.add_task("", total=1.0, state="", left="")
        self._shown_at = -math.inf

    def on_start(self, progress: Progress) -> None:
        """Begin to move."""
        self._bar.start()

    def on_note(self, text: str) -> None:
        """Show the note above the line."""
        self._console.print(text, markup=False)

    def on_step(self, progress: Progress) -> None:
        """Bring the line up to date, a few times per second."""
        if _clock() - self._shown_at >= _LIVE_INTERVAL:
            self._show(progress)

    def on_score(self, progress: Progress) -> None:
        """Leave a line with the score."""
        self._console.print(_line(progress, self._unit, scored=True), markup=False)
        self._show(progress)

    def on_end(self, progress: Progress) -> None:
        """Take the moving line away."""
        self._bar.stop()

    def _show(self, progress: Progress) -> None:
        speed = f"{progress.symbols_per_second:,.0f} {self._unit}/s"
        parts = [f"{progress.fraction:4.0%}", f"loss {progress.loss:.4f}", _figures(progress), speed]
        state = "  ".join(part for part in parts if part)
        self._bar.update(self._task, completed=progress.fraction, state=state, left=_left(progress))
        self._shown_at = _clock()


class JsonDisplay(Callback):
    """One JSON object per line: ``{"event": "step" | "score" | "checkpoint" | "note" | "start" | "end", ...}``.

    The other keys are the fields of `Progress` (NaN and infinity as null), or ``text`` for a note. Steps are
    reported every few seconds, the other events always.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._shown_at = _clock()

    def on_start(self, progress: Progress) -> None:
        """Write where the run starts."""
        self._report("start", progress)

    def on_note(self, text: str) -> None:
        """Write the note."""
        self._write({"event": "note", "text": text})

    def on_step(self, progress: Progress) -> None:
        """Write a step when the last line is some seconds old."""
        if _clock() - self._shown_at >= _LINE_INTERVAL:
            self._report("step", progress)

    def on_score(self, progress: Progress) -> None:
        """Write the score."""
        self._report("score", progress)

    def on_checkpoint(self, progress: Progress) -> None:
        """Write that a checkpoint is on disk."""
        self._report("checkpoint", progress)

    def on_end(self, progress: Progress) -> None:
        """Write where the run ended."""
        self._report("end", progress)

    def _report(self, event: str, progress: Progress) -> None:
        self._write({"event": event} | dataclasses.asdict(progress))

    def _write(self, values: Mapping[str, Any]) -> None:
        self._stream.write(json.dumps(_plain(values), allow_nan=False) + "\n")
        self._stream.flush()
        self._shown_at = _clock()


def _plain(value: Any) -> Any:
    """JSON has no NaN and no infinity."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value
