from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import labelled_examples as made
from elman.baselines import feed_forward
from elman.codecs.registry import codec_for
from elman.data.examples import Examples
from elman.errors import SaveError
from elman.runtime.answers import Answers
from elman.settings import InputSettings, TrainingSettings
from elman.tasks import label_report
from elman.tasks.label_report import LabelReport, Part, fit_rivals, report


def said(examples: Examples, names: list[str], sure: float = 0.8) -> np.ndarray:
    """Right with this probability, but for every fourth."""
    outputs = np.full((len(examples), len(names)), (1 - sure) / (len(names) - 1))
    for row, target in enumerate(examples.targets or ()):
        outputs[row, names.index(str(target)) - (row % 4 == 0)] = sure
    return outputs


@pytest.fixture
def found() -> LabelReport:
    valid, test = made.texts(20), made.texts(40, 1)
    outputs = said(test, ["bad", "good"])
    parts = {
        "held_out": Part(valid, said(valid, ["bad", "good"])),
        "test": Part(test, outputs, alone=1 - outputs),
    }
    return report(Answers.fit("class", ["bad", "good"]), parts, title="A <title>")


def test_figures_by_part_and_by_who_is_scored(found: LabelReport) -> None:
    assert list(found.figures) == ["held_out", "test"]
    assert found.figures["test"]["model"]["accuracy"] == 0.75
    assert found.figures["test"]["recurrent part alone"]["accuracy"] == 0.25
    assert json.loads(json.dumps(found.figures, allow_nan=False)) == found.figures


def test_lines_for_the_terminal(found: LabelReport) -> None:
    lines = found.lines()
    assert lines[0] == "held-out data, 20 sequences"
    (model,) = [line for line in lines[5:] if line.startswith("model")]
    assert "75.0% (59.8 to 85.8)" in model
    assert any("80.0% sure; truth" in line for line in lines)


def test_page_pictures_and_numbers(found: LabelReport, tmp_path: Path) -> None:
    page = found.write(tmp_path)
    assert page == tmp_path / "report" / "index.html"
    html = page.read_text(encoding="utf-8")
    assert "A &lt;title&gt;" in html
    assert "http" not in html.replace("http://www.w3.org", "")
    assert html.count("<img") == 3
    assert sorted(file.name for file in (tmp_path / "report" / "pictures").iterdir()) == [
        "confusion.png", "confusion.svg", "figures.png", "figures.svg", "reliability.png", "reliability.svg",
    ]  # fmt: skip
    numbers = json.loads((tmp_path / "report" / "numbers.json").read_text(encoding="utf-8"))
    assert numbers["parts"]["test"]["confusion"] == found.parts["test"].confusion.tolist()
    assert len(numbers["parts"]["test"]["mistakes"]) == 10


def test_a_folder_that_cannot_be_written_to(found: LabelReport, tmp_path: Path) -> None:
    (tmp_path / "report").write_text("a file")
    with pytest.raises(SaveError, match="cannot be written"):
        found.write(tmp_path)


def test_every_answer_has_a_report(tmp_path: Path) -> None:
    tags = made.tags(12)
    names = ["B-city", "I-city", "O"]
    outputs = [np.eye(3)[[names.index(tag) for tag in target]] for target in tags.targets or ()]  # type: ignore[union-attr]
    numbers = made.numbers(12)
    truth = np.stack([np.asarray(target) for target in numbers.targets or ()])
    sets = made.sets(12)
    for kind, part in (
        ("tags", Part(tags, outputs)),
        ("numbers", Part(numbers, truth + 0.5)),
        ("classes", Part(sets, np.full((12, 3), 0.6))),
    ):
        answers = Answers.fit(kind, part.examples.targets or (), part.examples.outputs)
        made_report = report(answers, {"data": part})
        assert made_report.lines()[0].startswith("data, 12 sequences")
        assert made_report.write(tmp_path / kind).is_file()


def test_rivals_are_fitted_on_the_same_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed_forward, "MOST", 2)
    train, valid = made.texts(40), made.texts(10, 1)
    codec = codec_for("text", train.inputs, InputSettings())
    answers = Answers.fit("class", train.targets or ())
    rivals = fit_rivals(answers, train, valid, codec, training=TrainingSettings(threads=1))
    assert [rival.name for rival in rivals] == ["bag of features", "feed-forward"]
    shown = report(answers, {"test": Part(valid, said(valid, ["bad", "good"]))}, rivals=rivals)
    assert list(shown.figures["test"]) == ["model", "bag of features", "feed-forward"]
    assert shown.figures["test"]["bag of features"]["accuracy"] == 1


def test_a_rival_that_cannot_be_fitted_is_named() -> None:
    train = made.texts(4)
    codec = codec_for("text", train.inputs, InputSettings())
    notes: list[str] = []
    answers = Answers.fit("class", train.targets or ())
    assert not fit_rivals(answers, train.take([]), train, codec, note=notes.append)
    assert len(notes) == 2
    assert "'bag of features' is left out" in notes[0]


def test_of_many_labels_the_worst_are_shown() -> None:
    names = [f"label {number:02}" for number in range(30)]
    examples = Examples("text", ["x"] * 30, names, names)
    lines = report(Answers.fit("class", names), {"data": Part(examples, np.eye(30))}).lines()
    assert f"... and {30 - label_report.ROWS} more labels that fare better" in lines
