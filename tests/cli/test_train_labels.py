"""train classify, tag and regress, and what the other commands make of their models."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

import labelled_examples
from elman.cli import train
from elman.tasks import LABEL_TASKS
from shell import Shell

SMALL = [
    "--hidden-size",
    "6",
    "--embedding-size",
    "6",
    "--batch-size",
    "16",
    "--epochs",
    "3",
    "--learning-rate",
    "0.03",
]


@pytest.fixture
def elman(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(monkeypatch, capsys)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A file for each task."""
    folder = tmp_path_factory.mktemp("data")
    texts, tags, numbers = labelled_examples.texts(40), labelled_examples.tags(40), labelled_examples.numbers(40)
    with (folder / "films.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("text", "label"), *zip(texts.inputs, texts.targets or (), strict=True)])
    lines = [
        "\n".join(f"{word} {tag}" for word, tag in zip(words, marks, strict=True))
        for words, marks in zip(tags.inputs, tags.targets or (), strict=True)
    ]
    (folder / "queries.conll").write_text("\n\n".join(lines) + "\n", encoding="utf-8")
    with (folder / "sums.csv").open("w", encoding="utf-8", newline="") as file:
        rows = [[*raw.values[:, 0], float(np.sum(raw.values[:, 0]))] for raw in numbers.inputs]
        csv.writer(file).writerows([[*(f"x{step}" for step in range(12)), "target"], *rows])
    return {"classify": folder / "films.csv", "tag": folder / "queries.conll", "regress": folder / "sums.csv"}


@pytest.mark.parametrize(("task", "figure"), [("classify", "accuracy"), ("tag", "span_f1"), ("regress", "rmse")])
def test_a_task_from_file_to_predictions(
    task: str, figure: str, elman: Shell, files: dict[str, Path], tmp_path: Path
) -> None:
    out = tmp_path / "run"
    code, text, err = elman("train", task, files[task], "--out", out, *SMALL)
    assert code == 0, err
    assert "bag of features" in text
    assert f"elman predict {out}" in text
    assert "The network:" in err
    figures = json.loads(elman("evaluate", out, files[task], "--json")[1])
    assert figure in figures["model"]
    assert "When it was trained, " in elman("evaluate", out, files[task])[1]
    assert elman("predict", out, files[task], "--out", tmp_path / "said.csv")[1].startswith("40 rows are in")
    rows = list(csv.DictReader((tmp_path / "said.csv").read_text(encoding="utf-8").splitlines()))
    assert len(rows) == 40
    lines = elman("predict", out, files[task], "--json")[1].splitlines()
    assert len(lines) == 40
    assert json.loads(lines[0])["name"] == rows[0]["name"]
    assert elman("info", out)[0] == 0


def test_a_prediction_grows_with_its_sequence(elman: Shell, files: dict[str, Path], tmp_path: Path) -> None:
    out = tmp_path / "run"
    options = [*SMALL, "--bidirectional", "false", "--bag", "false", "--units", "characters"]
    assert elman("train", "classify", files["classify"], "--out", out, "--quiet", *options) == (0, "", "")
    lines = elman("predict", out, "--prompt", "a very dull film", "--stream", "--json")[1].splitlines()
    said = [json.loads(line) for line in lines]
    assert len(said) == 16
    assert said[-1]["read"] == 1
    (whole,) = elman("predict", out, "--prompt", "a very dull film", "--json")[1].splitlines()
    assert json.loads(whole)["label"] == said[-1]["label"]
    table = elman("predict", out, "--prompt", "fine", "--top", 2)[1].splitlines()
    assert table[0].split() == ["name", "label", "probability", "label_2", "probability_2"]
    for command, sentence in (
        (["predict", out], "needs DATA"),
        (["predict", out, files["classify"], "--prompt", "x"], "needs DATA"),
        (["predict", out, "a very dull film"], "say --prompt 'a very dull film'"),
        (["predict", out, files["classify"], "--out", tmp_path / "x.txt"], "written as .csv or .jsonl"),
        (["evaluate", out, files["classify"], "--per-line"], "--per-line is not for models of the task 'classify'"),
        (["generate", out], "task 'classify'"),
        (["train", "tag", files["tag"], "--out", out], "is in use"),
        (["train", "classify", files["classify"], "--out", out, "--resume", "--hidden-size", "9"], "hidden_size = 6"),
    ):
        code, _, err = elman(*command)
        assert code in (1, 2)
        assert sentence in err


def test_every_task_has_its_command() -> None:
    assert all(hasattr(train, task) for task in LABEL_TASKS)


def test_settings_are_searched_first(elman: Shell, files: dict[str, Path], tmp_path: Path) -> None:
    out = tmp_path / "run"
    options = [*SMALL, "--bag", "false", "--search", "2", "--search-over", "dropout"]
    code, text, err = elman("train", "classify", files["classify"], "--out", out, *options)
    assert code == 0, err
    assert "trial 2 of 2: dropout" in err
    assert f"The whole search: {out / 'search' / 'index.html'}" in err
    assert f"elman predict {out}" in text
    code, _, err = elman("train", "classify", files["classify"], "--out", out, *options)
    assert code == 1
    assert "is in use" in err


def test_reach_is_logged(elman: Shell, files: dict[str, Path], tmp_path: Path) -> None:
    out = tmp_path / "run"
    options = [*SMALL, "--steps", "2", "--units", "characters", "--bag", "false"]
    code, _, err = elman("train", "classify", files["classify"], "--out", out, "--reach", "--quiet", *options)
    assert code == 0, err
    table = (out / "reach.csv").read_text(encoding="utf-8").splitlines()
    assert [row.split(",")[0] for row in table] == ["step", "0", "2"]
