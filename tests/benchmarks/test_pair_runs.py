"""Runs of models from text to text: each is done once, and goes on where it was stopped."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from benchmarks import kept_runs, pair_runs, translate_multi30k
from benchmarks.harness import Data
from benchmarks.pair_runs import Goal, Problem, by_source, divided
from elman.data.examples import Examples
from elman.data.splits import Parts
from elman.metrics.texts import error_rate
from pairs_of_texts import QUICK, spellings


def parts(data: Path, run: int) -> Parts:
    return divided(spellings(60), 10)


def score(texts: Sequence[str], truth: Sequence[Sequence[str]]) -> Mapping[str, float]:
    return {"wrong": 100 * error_rate(texts, truth).value}


def test_a_run_is_kept_and_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_runs, "RESULTS", tmp_path / "results")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    options = QUICK | {"epochs": 1, "beam": 2, "length_penalty": 0.0}
    goals = (Goal("wrong", "error", "%", "lower", 8.0),)
    problem = Problem("letters", parts, score, goals, options=options, decoding=60.0)
    found = pair_runs.measure([problem], Data(tmp_path), "letters")
    assert [figure.name for figure in found] == [
        "letters: error of 1 of 1 runs",
        "letters: training",
        "letters: the test set with a beam of 5",
    ]
    assert "nearest source" in str(found[0].baseline)
    assert not list((tmp_path / "elman-benchmarks").iterdir())
    # What was run is told again, not run again.
    monkeypatch.setattr(pair_runs, "train", pytest.fail)
    assert pair_runs.measure([problem], Data(tmp_path), "letters") == found


def test_a_source_stands_once_with_all_its_targets() -> None:
    pairs = Examples("text", ["a", "b", "a", "a"], ["1", "2", "3", "1"], list("wxyz"), groups=list("abaa"))
    found = by_source(pairs)
    assert list(found.inputs) == ["a", "b"]
    assert found.targets == [("1", "3"), ("2",)]


def test_tokens_are_compared_without_case() -> None:
    found = translate_multi30k.score("de", ["Ein Mann , in blau , geht ."], [["ein Mann, in Blau, geht."]])
    assert found["tokens"] == pytest.approx(100)
    assert found["cased"] < 100
