"""train translate, and what predict and evaluate make of its model."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from pairs_of_texts import spellings
from shell import Shell

SMALL = [
    "--hidden-size",
    "24",
    "--embedding-size",
    "8",
    "--epochs",
    "2",
    "--threads",
    "1",
    "--keep",
    "2",
    "--beam",
    "2",
]


@pytest.fixture
def elman(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(monkeypatch, capsys)


def test_from_files_to_targets(elman: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = spellings(60)
    for ending, lines in (("src", pairs.inputs), ("tgt", pairs.targets or ())):
        (tmp_path / f"train.{ending}").write_text("\n".join(map(str, lines)) + "\n", encoding="utf-8")
    files = [tmp_path / f"train.{ending}" for ending in ("src", "tgt")]
    (tmp_path / "new.txt").write_text("abc\n\nhg\n", encoding="utf-8")
    run = tmp_path / "run"
    code, text, err = elman("train", "translate", *files, "--out", run, *SMALL)
    assert code == 0, err
    assert "nearest source's target" in text
    assert "A source is read in 9 characters" in err

    code, text, err = elman("predict", run, tmp_path / "new.txt")
    assert code == 0, err
    written = text.split("\n")
    assert len(written) == 4
    assert written[1] == ""

    text = elman("predict", run, "--prompt", "abc", "--n-best", 2, "--json")[1]
    row = json.loads(text)
    assert row["target"] == written[0]
    assert row["score"] >= row["score_2"]

    monkeypatch.setattr(sys, "stdin", io.StringIO("abc\n\nhg"))
    assert elman("predict", run, "--stream")[1].split("\n") == written

    options = ["--ensemble", run / "checkpoints", "--alignments", tmp_path / "drawn", "--out", tmp_path / "new.csv"]
    assert elman("predict", run, tmp_path / "new.txt", *options)[1].startswith("3 rows are in")
    assert sorted(file.name for file in (tmp_path / "drawn").iterdir()) == ["1.png", "3.png"]
    assert elman("predict", run, tmp_path / "new.txt", "--out", tmp_path / "new.tgt.txt")[1].startswith("3 lines")
    assert (tmp_path / "new.tgt.txt").read_text(encoding="utf-8").split("\n") == written

    figures = json.loads(elman("evaluate", run, *files, "--json", "--length-penalty", 1)[1])
    assert figures["model"]["symbol_error"] > 0
    assert "decoder of 24 units" in elman("info", run)[1]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["two words"], "say --prompt 'two words'"),
        (["--prompt", "a", "--times"], "--times is not for models of the task 'translate'"),
        (["--prompt", "a", "--language-weight", 1], "--language-weight is not for models of the task"),
        ([], "needs DATA to translate"),
    ],
)
def test_what_is_not_for_translations(
    options: list[object], message: str, elman: Shell, tmp_path_factory: pytest.TempPathFactory
) -> None:
    from elman.tasks.translate import Translator

    run = tmp_path_factory.getbasetemp() / "refusals"
    if not run.exists():
        Translator(hidden_size=24, embedding_size=8, steps=1, threads=1, beam=1).fit_examples(spellings(12), out=run)
    code, _, err = elman("predict", run, *options)
    assert code == 2
    assert message in err
