from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

from elman.data.survey import survey
from elman.errors import DataError
from elman.settings import ClassifierSettings, DataSettings, LabelSettings, TranscriberSettings, read_yaml, update

REVIEWS = "text,label,user\n" + "a fine film,pos,ann\nso dull,neg,bob\nnot bad,pos,cid\nvery long,neg,dan\n" * 5


def look(folder: Path, files: dict[str, str], task: str | None = None, **options: Any) -> Any:
    for name, content in files.items():
        (folder / name).write_text(content)
    return survey([folder / name for name in files], DataSettings(**options), task)


def test_the_file_says_what_was_guessed_and_nothing_else(tmp_path: Path) -> None:
    found = look(tmp_path, {"a.csv": REVIEWS})
    (tmp_path / "elman.yaml").write_text(text := found.text())
    assert update(ClassifierSettings(), read_yaml(tmp_path / "elman.yaml")) == found.settings
    assert yaml.safe_load(text) == {
        "data": {"kind": "text", "input_column": ["text"], "target": ["label"], "group": "user"}
    }
    assert text.startswith(f"# elman train classify {tmp_path / 'a.csv'} --config elman.yaml --out runs/a\n")
    assert "#     a | fine | film" in text
    assert "# 2 classes: " in text
    assert "  # held_out: 0.1" in text


def test_without_the_comment_signs_it_holds_every_option(tmp_path: Path) -> None:
    found = look(tmp_path, {"a.csv": REVIEWS})
    options = [line for line in found.text().splitlines() if line.lstrip(" #").partition(":")[0].isidentifier()]
    for name in ("hidden_size", "epochs", "class_weights", "lowercase", "separator"):
        assert any(line.lstrip(" #").startswith(f"{name}:") for line in options)


#: A word, and the pen that wrote it.
INK = '{"strokes": [[[0, 0], [3, 4], [6, 9]], [[9, 2], [7, 8]]], "label": "%s"}\n'


@pytest.mark.parametrize(
    ("files", "task", "answer"),
    [
        ({"a.conll": "fly O\nyork B\n\ngo O\n\nso O\n"}, "tag", "tags"),
        (
            {"a.csv": "id,t,x,label\n" + "".join(f"{n // 2},{n % 2},{n},{n // 6}\n" for n in range(12))},
            "classify",
            "class",
        ),
        ({"a.csv": "text,score\n" + "".join(f"row {n},{n / 8}\n" for n in range(12))}, "regress", "numbers"),
        ({"a.csv": "text,stars\n" + "".join(f"row {n},{n % 5}\n" for n in range(20))}, "classify", "class"),
        ({"a.jsonl": '{"text": "x y", "labels": ["a"]}\n{"text": "z", "labels": []}\n' * 3}, "classify", "classes"),
        ({"a.jsonl": "".join(INK % ("ab" * n + "c") for n in range(40))}, "transcribe", "text"),
        ({"a.jsonl": "".join(INK % "ab"[n % 2] for n in range(40))}, "classify", "class"),
    ],
)
def test_what_can_be_learnt(files: dict[str, str], task: str, answer: str, tmp_path: Path) -> None:
    found = look(tmp_path, files)
    assert (found.task, found.answer) == (task, answer)
    assert isinstance(found.settings, TranscriberSettings if answer == "text" else LabelSettings)
    assert found.found


def test_the_task_may_be_said(tmp_path: Path) -> None:
    files = {"a.csv": "text,stars\n" + "".join(f"row {n},{n % 5}\n" for n in range(20))}
    assert look(tmp_path, files, "regress").answer == "numbers"


def test_series_show_numbers(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", X=np.arange(24.0).reshape(4, 3, 2), y=[1, 2, 1, 2])
    found = survey([tmp_path / "a.npz"], DataSettings())
    (_, shown), *_ = found.shown
    assert shown.startswith("3 steps of ")
    assert "Every sequence has 3 steps." in found.found


def test_where_guessing_is_not_safe_it_says_which_option(tmp_path: Path) -> None:
    files = {"a.csv": "one,two,text\n" + "x,p,a b\ny,q,c d e\n" * 5}
    with pytest.raises(DataError, match="Say which with --target"):
        look(tmp_path, files)
    assert look(tmp_path, files, target=("two",)).settings.data.target == ("two",)


SALES = "date,shop,sales\n" + "".join(f"{day:02}.01.2024,north,{day % 7}\n" for day in range(1, 31))
PAIRS = "".join(f"house number {n}\n" for n in range(12)), "".join(f"Haus Nummer {n}\n" for n in range(12))


@pytest.mark.parametrize(
    ("files", "asked", "task", "settings"),
    [
        ({"a.csv": SALES}, None, "forecast", {"time_column": "date", "target": ["sales"]}),
        ({"a.csv": SALES}, "anomalies", "anomalies", {"time_column": "date", "target": ["sales"]}),
        ({"a.csv": SALES}, "impute", "impute", {"time_column": "date", "target": ["sales"]}),
        ({"a.en": PAIRS[0], "a.de": PAIRS[1]}, None, "translate", {"input_column": ["en"], "target": ["de"]}),
    ],
)
def test_series_and_pairs_are_found_too(
    files: dict[str, str], asked: str | None, task: str, settings: dict[str, Any], tmp_path: Path
) -> None:
    found = look(tmp_path, files, asked)
    assert found.task == task
    assert settings.items() <= yaml.safe_load(found.text())["data"].items()
    assert found.shown


def test_pictures_with_sentences_have_captions(tmp_path: Path) -> None:
    rows = ["file,caption"]
    for number in range(12):
        Image.new("RGB", (20, 16), (number * 20, 0, 0)).save(tmp_path / f"{number}.png")
        rows.append(f"{number}.png,a red picture {number}")
    (tmp_path / "captions.csv").write_text("\n".join(rows))
    found = survey([tmp_path], DataSettings())
    assert found.task == "caption"
    assert found.shown[0][1] == "20 x 16 pixels"
