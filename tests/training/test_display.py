from __future__ import annotations

import dataclasses
import io
import json
import math
import re

import pytest

from elman.training import display
from elman.training.display import make_display
from elman.training.events import Callback, Progress

START = Progress(
    step=0, epoch=0, total=400, fraction=0.0, loss=math.nan, learning_rate=0.0, grad_norm=math.nan, symbols=0,
    symbols_per_second=0.0, elapsed=0.0, seconds_left=None,
)  # fmt: skip
STEP = dataclasses.replace(
    START, step=100, fraction=0.25, loss=1.5, symbols=3200, symbols_per_second=12_345.0, elapsed=10.0, seconds_left=80.2
)
SCORE = dataclasses.replace(STEP, score=1.4, figures={"bits per character": 2.0198}, best=1.4)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [0.0]
    monkeypatch.setattr(display, "_clock", lambda: now[0])
    monkeypatch.setenv("TERM", "xterm")
    return now


def run(callback: Callback, clock: list[float]) -> None:
    callback.on_note("Using [1] thread.")
    callback.on_start(START)
    for _ in range(20):
        clock[0] += 0.5
        callback.on_step(STEP)
    callback.on_score(SCORE)
    callback.on_checkpoint(SCORE)
    callback.on_end(SCORE)


def test_plain_lines_come_every_few_seconds_and_with_every_score(clock: list[float]) -> None:
    stream = io.StringIO()
    run(make_display("auto", stream, unit="characters"), clock)
    step = "step 100/400   25%  loss 1.5000  12,345 characters/s  1m20s left"
    score = "step 100/400   25%  loss 1.5000  bits per character 2.02 (best)  12,345 characters/s  1m20s left"
    assert stream.getvalue().splitlines() == ["Using [1] thread.", step, step, score]


def test_a_terminal_that_cannot_change_its_lines_gets_plain_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    assert isinstance(make_display("auto", Terminal()), display.LineDisplay)


def test_a_score_without_figures_is_a_bare_number() -> None:
    stream = io.StringIO()
    make_display("lines", stream).on_score(dataclasses.replace(SCORE, figures={}, best=1.0, total=None))
    assert "step 100   25%  loss 1.5000  held-out score 1.4  12" in stream.getvalue()


def screen(text: str) -> list[str]:
    """What a terminal shows of ``text``, without its control sequences."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text).replace("\r", "\n").splitlines()


@pytest.mark.parametrize("width", [60, 80])
def test_the_live_lines_show_all_in_the_width_there_is(
    width: int, clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    stream = Terminal()
    callback = make_display("auto", stream, unit="characters")
    run(callback, clock)
    lines = screen(stream.getvalue())
    assert max(map(len, lines)) <= width
    assert "Using [1] thread." in lines
    assert "step 100/400  loss 1.5000  bits per character 2.02 (best)" in lines
    assert any("25%  1m20s left  step 100/400" in line for line in lines)
    assert "loss 1.5000  bits per character 2.02  12,345 characters/s" in [line.rstrip() for line in lines]


def test_a_wide_terminal_shows_every_figure_and_long_notes_are_wrapped(
    clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    stream = Terminal()
    callback = make_display("live", stream)
    callback.on_note("A sample:\n\n    " + "It was " * 20 + "\n")
    callback.on_score(dataclasses.replace(SCORE, figures={"bits per character": 2.0198, "perplexity": 4.05}))
    *note, score = screen(stream.getvalue())[:6]
    assert note[:2] == ["A sample:", ""]
    assert all(line.startswith("    ") and len(line) <= 80 for line in note[2:4])
    assert "bits per character 2.02 (best)  perplexity 4.05" in score


def test_before_the_first_step_there_is_no_loss() -> None:
    stream = io.StringIO()
    make_display("lines", stream).on_score(dataclasses.replace(START, score=1.4))
    assert "nan" not in stream.getvalue()


def test_an_end_without_a_start_is_no_error() -> None:
    make_display("live", Terminal()).on_end(START)


def test_json_lines_hold_every_field(clock: list[float]) -> None:
    stream = io.StringIO()
    run(make_display("json", stream), clock)
    events = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [event["event"] for event in events] == ["note", "start", "step", "step", "score", "checkpoint", "end"]
    assert events[0]["text"] == "Using [1] thread."
    assert events[1]["loss"] is None
    assert events[4] == {"event": "score", **json.loads(json.dumps(dataclasses.asdict(SCORE)))} | {"grad_norm": None}


def test_quiet_shows_nothing(clock: list[float]) -> None:
    stream = Terminal()
    run(make_display("quiet", stream), clock)
    assert stream.getvalue() == ""
