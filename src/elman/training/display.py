"""What a training run shows: live lines on a terminal, plain lines in a file, JSON lines for programs."""

from __future__ import annotations

import dataclasses
import json
import math
import sys
import textwrap
import time
from collections.abc import Iterable, Mapping
from typing import Any, Literal, TextIO

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from elman.settings import Duration
from elman.system import is_terminal
from elman.training.events import Callback, Progress

Mode = Literal["auto", "live", "lines", "json", "quiet"]

#: Seconds between two plain or JSON lines, and between two updates of the live lines.
_LINE_INTERVAL, _LIVE_INTERVAL = 5.0, 0.2

#: Columns of the bar, and of the indentation that a wrapped line of a note keeps.
_BAR, _INDENTATION = 24, 4

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


def _figures(progress: Progress) -> list[str]:
    """The held-out score in its units, the main one first, or as the bare number where it has none."""
    named = progress.figures or ({} if progress.score is None else {"held-out score": progress.score})
    return [f"{name} {value:.4g}" for name, value in named.items()]


def _best(progress: Progress) -> str:
    return " (best)" if progress.score == progress.best else ""


def _step(progress: Progress) -> str:
    return f"step {progress.step}" + ("" if progress.total is None else f"/{progress.total}")


def _loss(progress: Progress) -> str:
    """Nothing before the first step, when there is none."""
    return "" if math.isnan(progress.loss) else f"loss {progress.loss:.4f}"


def _speed(progress: Progress, unit: str) -> str:
    return f"{progress.symbols_per_second:,.0f} {unit}/s"


def _left(progress: Progress) -> str:
    return "" if progress.seconds_left is None else f"{Duration(round(progress.seconds_left))} left"


def _line(progress: Progress, unit: str, *, scored: bool) -> str:
    parts = [_step(progress), f"{progress.fraction:4.0%}", _loss(progress)]
    if scored:
        parts.append("  ".join(_figures(progress)) + _best(progress))
    return "  ".join(filter(None, [*parts, _speed(progress, unit), _left(progress)]))


def _fitting(parts: Iterable[str], width: int) -> str:
    """Join as many parts, from the first on, as fit into a line.

    >>> _fitting(["loss 1.2", "", "perplexity 3.3", "5 words/s"], 25)
    'loss 1.2  perplexity 3.3'
    """
    line = ""
    for part in filter(None, parts):
        longer = f"{line}  {part}" if line else part
        if len(longer) > width:
            break
        line = longer
    return line


def _wrapped(text: str, width: int) -> str:
    """Break long lines; what is indented, such as a sample, stays so."""
    lines = []
    for line in text.split("\n"):
        indentation = line[: min(_INDENTATION, len(line) - len(line.lstrip(" ")))]
        wrapper = textwrap.TextWrapper(
            width,
            subsequent_indent=indentation,
            drop_whitespace=False,
            replace_whitespace=False,
            break_on_hyphens=False,
        )
        lines += wrapper.wrap(line) or [""]
    return "\n".join(lines)


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
    """Two lines that move with the run, under the lines of the held-out scores.

    The first says how far it is, the second how well and how fast it goes.
    """

    def __init__(self, stream: TextIO, unit: str = "tokens") -> None:
        self._unit = unit
        self._console = Console(file=stream, highlight=False)
        self._live = Live(console=self._console, transient=True, auto_refresh=False)
        self._shown_at = -math.inf

    def on_start(self, progress: Progress) -> None:
        """Begin to move."""
        self._live.start()

    def on_note(self, text: str) -> None:
        """Show the note above the lines."""
        self._print(_wrapped(text, self._console.width))

    def on_step(self, progress: Progress) -> None:
        """Bring the lines up to date, a few times per second."""
        if _clock() - self._shown_at >= _LIVE_INTERVAL:
            self._show(progress)

    def on_score(self, progress: Progress) -> None:
        """Leave a line with the score."""
        first, *others = _figures(progress)
        parts = [_step(progress), _loss(progress), first + _best(progress), *others]
        self._print(_fitting(parts, self._console.width))
        self._show(progress)

    def on_end(self, progress: Progress) -> None:
        """Take the moving lines away."""
        self._live.stop()

    def _print(self, text: str) -> None:
        self._console.print(text, markup=False, soft_wrap=True)

    def _show(self, progress: Progress) -> None:
        far = _fitting([f"{progress.fraction:4.0%}", _left(progress), _step(progress)], self._console.width - _BAR - 1)
        upper = Table.grid(padding=(0, 1))
        upper.add_row(ProgressBar(total=1.0, completed=progress.fraction, width=_BAR), Text(far, no_wrap=True))
        first, *others = _figures(progress) or [""]
        lower = _fitting([_loss(progress), first, _speed(progress, self._unit), *others], self._console.width)
        self._live.update(Group(upper, Text(lower, no_wrap=True)), refresh=True)
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
