from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

import label_networks
import pair_networks
import small_models
from elman.cli import main
from elman.diagnostics import inspection
from elman.export import write_bundle
from elman.settings import ClassifierSettings, TranslatorSettings, to_dict

BRIEFLY = ["--steps", "24", "--rows", "2"]


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    few = {name: inspection.DIAGNOSES[name] for name in ("gradient_flow", "saturation")}
    monkeypatch.setattr(inspection, "DIAGNOSES", few)
    return small_models.bundle(tmp_path / "model")


def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[str, str]:
    monkeypatch.setattr(sys, "argv", ["elman", "inspect", *map(str, arguments)])
    with pytest.raises(SystemExit) as end:
        main()
    out, err = capsys.readouterr()
    return (out, err) if not end.value.code else ("", err)


def test_a_model_alone_reads_what_it_writes(
    model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out, _ = run(monkeypatch, capsys, model, *BRIEFLY)
    assert "model: language model, 2 layers of lstm, on 2 rows of 24 symbols that the model wrote itself" in out
    assert "Reach of gradients" in out
    assert f"Report: {model / 'inspect' / 'index.html'}" in out
    assert (model / "inspect" / "numbers.json").is_file()


def test_numbers_of_a_text_of_ones_own_as_json(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = tmp_path / "mine.txt"
    text.write_text(small_models.TEXT * 3, encoding="utf-8")
    out, _ = run(monkeypatch, capsys, model, text, "--out", tmp_path / "report", "--json", *BRIEFLY)
    numbers = json.loads(out)
    assert numbers["about"] == "language model, 2 layers of lstm, on 2 rows of 24 symbols of mine.txt."
    assert numbers["title"] == "model"
    assert (tmp_path / "report" / "index.html").is_file()


@pytest.fixture
def classifier(model: Path, tmp_path: Path) -> Path:
    labels, examples = label_networks.model()
    folder = tmp_path / "labels"
    write_bundle(
        folder, task="classify", model=labels, settings=to_dict(ClassifierSettings()), metrics=small_models.FIGURES,
        sample=labels.record(examples.inputs[0]),
    )  # fmt: skip
    return folder


def test_a_model_of_labels_reads_sequences_with_labels(
    classifier: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "mine.csv"
    table.write_text("text,label\n" + f'"{small_models.TEXT.splitlines()[0]}",good\n"{small_models.TEXT[5:40]}",bad\n')
    out, _ = run(monkeypatch, capsys, classifier, table, *BRIEFLY)
    assert "labels: classify, 2 layers of gru, on 2 rows of 24 steps of mine.csv." in out
    assert (classifier / "inspect" / "numbers.json").is_file()
    assert "elman inspect DIR DATA" in run(monkeypatch, capsys, classifier, *BRIEFLY)[1]


def test_a_model_of_pairs_reads_targets(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, table, translates = tmp_path / "pairs", tmp_path / "mine.tsv", pair_networks.model()
    write_bundle(
        folder, task="translate", model=translates, settings=to_dict(TranslatorSettings()),
        metrics=small_models.FIGURES, sample=translates.record(("abc", "xyz")),
    )  # fmt: skip
    table.write_text("source\ttarget\nabcab\tyzzyxzyxzzyx\nbca\tzxyyzxxzzyzx\n")
    out, _ = run(monkeypatch, capsys, folder, table, *BRIEFLY)
    assert "pairs: translate, gru 6, on 2 rows of 13 steps of mine.tsv." in out


def test_a_text_that_is_not_there(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "nowhere.txt" in run(monkeypatch, capsys, model, tmp_path / "nowhere.txt")[1]
    assert not (model / "inspect").exists()
