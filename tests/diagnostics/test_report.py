from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path

import numpy as np
import pytest

from diagnostics.linear import linear
from diagnostics.subjects import random_layers, subject
from elman.diagnostics.inspection import DIAGNOSES, Inspection, inspect
from elman.diagnostics.report import at_a_glance, write_report
from elman.errors import SaveError


@pytest.fixture(scope="module")
def inspection() -> Inspection:
    """Of a model of letters, whose names want to be escaped."""
    letters = [["<b>", "&", "a", "e"][step % 4] for step in range(40)]
    seen = subject(random_layers("lstm"), time=40, labels=[letters] * 2)
    inputs = seen.inputs[:, :4].repeat(1, 10, 1)
    return inspect(dataclasses.replace(seen, inputs=inputs, answers=["<b>", "&", "a", "e"]), window=64)


@pytest.fixture(scope="module")
def page(inspection: Inspection, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_report(inspection, tmp_path_factory.mktemp("report") / "new", about="a model, on <made up> letters.")


def test_every_diagnosis_is_made_and_timed(inspection: Inspection) -> None:
    assert inspection.left_out == {}
    assert list(inspection.results) == list(inspection.seconds) == list(DIAGNOSES)


def test_progress_is_told_and_reasons_are_kept() -> None:
    told: list[str] = []
    found = inspect(linear(np.array([[0.9]]), time=4), said=told.append)
    assert told == list(DIAGNOSES)
    assert "at least 8 steps" in found.left_out["half_life"]
    assert "no input occurs at two places" in found.left_out["same_input"]
    assert set(found.results) | set(found.left_out) == set(DIAGNOSES)
    assert not set(found.results) & set(found.left_out)


def test_a_report_is_a_page_pictures_and_numbers(page: Path) -> None:
    folder = page.parent
    expected = {f"{name}.{kind}" for name in DIAGNOSES for kind in ("png", "svg")}
    assert {path.name for path in (folder / "pictures").iterdir()} == expected
    numbers = json.loads((folder / "numbers.json").read_text(encoding="utf-8"))
    assert set(numbers) == {"about", "title", "findings", "results", "left_out", "seconds"}
    assert numbers["results"]["gradient_flow"]["reach"] > 0
    text = page.read_text(encoding="utf-8")
    assert text.count("<img") == len(DIAGNOSES)
    assert "on &lt;made up&gt; letters." in text
    assert ">A model, on" in text
    assert "<b>" not in text
    assert "What a small model remembers" in text


def test_a_page_needs_nothing_but_itself(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert not re.search(r"https?://|@import|<link|<script|url\(", text)
    assert set(re.findall(r'src="([^:]*):', text)) == {"data"}


def test_what_was_left_out_stands_on_the_page_with_its_reason(tmp_path: Path) -> None:
    inspection = Inspection("a model", {}, {"half_life": "It is too <short>."}, {}, ())
    text = write_report(inspection, tmp_path).read_text(encoding="utf-8")
    assert "What was left out" in text
    assert "Half life<small>It is too &lt;short&gt;.</small>" in text


def test_without_findings_the_page_says_so(tmp_path: Path) -> None:
    page = write_report(Inspection("a model", {}, {}, {}, ()), tmp_path)
    assert "Nothing: all numbers are within the bounds" in page.read_text(encoding="utf-8")


def test_the_numbers_one_asks_for_first(inspection: Inspection) -> None:
    names = [name for name, _ in at_a_glance(inspection.results)]
    assert len(set(names)) == len(names)
    assert "Usable memory" in names
    assert "Reach of gradients" in names


def test_a_folder_that_cannot_be_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SaveError, match="the report cannot be written"):
        write_report(Inspection("a model", {}, {}, {}, ()), tmp_path / "file")


def test_a_model_that_blows_up_has_a_report_too(tmp_path: Path) -> None:
    found = inspect(linear(np.array([[1e6]]), time=40))
    assert "growing gradients" in {one.rule for one in found.findings}
    json.loads((write_report(found, tmp_path).parent / "numbers.json").read_text(encoding="utf-8"))
