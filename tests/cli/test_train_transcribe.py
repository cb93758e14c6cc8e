"""train transcribe, and what the other commands make of its model."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

import label_networks
import small_models
from elman.export import write_bundle
from elman.settings import ClassifierSettings, to_dict
from shell import Shell

RATE = 8000
PITCHES = {"a": 300.0, "b": 900.0, "c": 2000.0}


def sound(text: str, rng: np.random.Generator) -> np.ndarray:
    time = np.arange(RATE // 10) / RATE
    parts = [np.sin(2 * np.pi * PITCHES[letter] * time) if letter != " " else np.zeros(len(time)) for letter in text]
    gap = np.zeros(RATE // 25)
    whole = np.concatenate([gap, *(piece for part in parts for piece in (part, gap))])
    return 0.3 * whole + rng.normal(0, 0.001, len(whole))


@pytest.fixture
def elman(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(monkeypatch, capsys)


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder, rng = tmp_path_factory.mktemp("clips"), np.random.default_rng(0)
    rows = [("path", "text")]
    for number in range(30):
        text = " ".join("".join(rng.choice(list(PITCHES), rng.integers(1, 4))) for _ in range(rng.integers(1, 3)))
        soundfile.write(folder / f"{number}.wav", sound(text, rng), RATE)
        rows.append((f"{number}.wav", text))
    with (folder / "clips.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
    return folder / "clips.csv"


def test_from_a_manifest_of_recordings_to_transcripts(elman: Shell, manifest: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    options = ["--hidden-size", 8, "--num-layers", 1, "--epochs", 2, "--bidirectional", "false", "--mels", 12]
    code, text, err = elman("train", "transcribe", manifest, "--out", out, *options)
    assert code == 0, err
    assert "word error" in text
    assert "the commonest transcript" in text
    code, text, err = elman("train", "transcribe", manifest, "--out", out, *options, "--epochs", 3, "--resume")
    assert code == 0, err

    code, text, _ = elman("info", out)
    assert "word error" in text
    assert code == 0

    code, text, err = elman("predict", out, manifest, "--times", "--json")
    assert code == 0, err
    rows = [json.loads(line) for line in text.splitlines()]
    assert len(rows) == 30
    assert {"name", "text", "confidence", "words", "starts", "ends", "confidences"} == set(rows[0])

    code, text, err = elman("predict", out, manifest, "--beam", 4, "--top", 2, "--json")
    assert code == 0, err
    assert "text_2" in json.loads(text.splitlines()[0])

    code, text, err = elman("predict", out, manifest, "--stream", "--json")
    streamed = [json.loads(line) for line in text.splitlines()]
    assert [row["text"] for row in streamed if row["read"] == 1.0] == [row["text"] for row in rows]
    assert any("settled" in row for row in streamed)

    code, text, err = elman("predict", out, manifest, "--align", "--out", tmp_path / "times.csv")
    assert code == 0, err
    with (tmp_path / "times.csv").open(encoding="utf-8") as file:
        aligned = list(csv.DictReader(file))
    with manifest.open(encoding="utf-8") as file:
        truth = list(csv.DictReader(file))
    assert [row["text"] for row in aligned] == [row["text"] for row in truth]
    assert float(aligned[0]["ends"].split()[-1]) <= 1.5

    code, text, err = elman("inspect", out, manifest, "--steps", 16, "--rows", 1, "--out", tmp_path / "inspect")
    assert code == 0, err

    code, text, err = elman("evaluate", out, manifest, "--beam", 4, "--out", tmp_path / "page")
    assert code == 0, err
    assert (tmp_path / "page" / "report" / "index.html").exists()


def test_options_of_transcripts_are_for_transcripts(elman: Shell, manifest: Path, tmp_path: Path) -> None:
    model, examples = label_networks.model()
    write_bundle(
        tmp_path / "model", task="classify", model=model, settings=to_dict(ClassifierSettings()),
        metrics=small_models.FIGURES, sample=model.record(examples.inputs[0]),
    )  # fmt: skip
    for verb, option in (("predict", ("--times",)), ("predict", ("--beam", 4)), ("evaluate", ("--beam", 4))):
        code, _, err = elman(verb, tmp_path / "model", manifest, *option)
        assert code == 2
        assert "is not for models of the task 'classify'" in err
