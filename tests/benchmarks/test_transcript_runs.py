from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

import transcript_examples
from benchmarks import kept_runs, transcript_runs
from benchmarks.harness import Data
from benchmarks.transcript_runs import Problem, Way
from elman.data.splits import Parts


def parts(data: Path, run: int) -> Parts:
    return Parts(*(transcript_examples.examples(count, seed=run + count) for count in (24, 8, 9)))


def test_a_run_is_kept_and_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_runs, "RESULTS", tmp_path)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    ways = (Way("greedy", goals={"wer": 12.0}), Way("beam", {"beam": 4, "language_model": "transcripts"}, seconds=9.0))
    options = {"epochs": 1, "hidden_size": 8, "num_layers": 1}
    problem = Problem("letters", parts, ways, options=options)
    found = transcript_runs.measure([problem], Data(tmp_path), "letters")
    assert len((tmp_path / "letters.jsonl").read_text(encoding="utf-8").splitlines()) == 1
    names = [figure.name for figure in found]
    assert "letters, greedy: word error of 1 of 1 runs" in names
    assert "letters, beam: seconds to decode the test" in names
    assert {figure.goal for figure in found} == {60.0, 12.0, 9.0, None}
    # What was run is told again, not run again.
    monkeypatch.setattr(transcript_runs, "train", pytest.fail)
    assert transcript_runs.measure([problem], Data(tmp_path), "letters") == found
