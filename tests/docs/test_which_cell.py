from __future__ import annotations

import json
import runpy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

TOOLS = Path(__file__).parents[2] / "docs" / "tools"


@pytest.fixture(scope="module")
def page() -> SimpleNamespace:
    return SimpleNamespace(**runpy.run_path(str(TOOLS / "which_cell.py")))


def run(cell: str, problem: str, solved: float | None, initial: str = "paper") -> dict[str, Any]:
    return {
        "problem": problem, "cell": cell, "initial": initial, "score": 0.25, "unit": "", "better": "higher",
        "solved": solved, "seconds": 30.0, "batches": 10, "parameters": 1234, "commit": "",
    }  # fmt: skip


RUNS = [
    run("feed-forward", "parity", None),
    run("rnn", "parity", 3.2),
    run("rnn", "adding", None),
    run("gru", "parity", 9.0),
    run("gru", "parity", None, "torch"),
    run("gru", "adding", 4.4),
]


def test_cells_come_by_what_they_solved_and_the_rival_last(page: SimpleNamespace) -> None:
    assert page.order(RUNS) == ["gru", "rnn", "feed-forward"]
    lines = page.table(RUNS).splitlines()
    assert lines[0] == "| Cell | Parameters | Step, µs | parity | adding |"
    assert lines[2].startswith("| `gru` | 1,234 |")
    assert lines[2].endswith("| **9 s** (0.25) | **4 s** |")
    assert lines[3].endswith("| **3 s** | 0.25 |")
    assert lines[4].endswith("| 0.25 |  |")


def test_the_picture_shows_every_cell_and_problem(page: SimpleNamespace) -> None:
    svg = page.picture(RUNS)
    assert svg.startswith("<svg")
    assert svg == page.picture(RUNS), "a picture changes only with the runs"


def test_runs_are_read_from_the_lines_of_the_benchmark(page: SimpleNamespace, tmp_path: Path) -> None:
    path = tmp_path / "runs.jsonl"
    path.write_text("".join(json.dumps(each) + "\n" for each in RUNS), encoding="utf-8")
    assert page.runs(path) == RUNS
    assert page.table(page.runs(tmp_path / "none")) == "No run has been recorded yet.\n"
    assert page.picture([]) == ""
