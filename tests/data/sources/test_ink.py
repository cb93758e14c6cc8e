"""Ink from rows of JSON in their several forms, and from InkML."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from elman.data.sources import read_examples
from elman.errors import DataError
from elman.settings import DataSettings
from source_files import Read

ONE, TWO = [[0, 0], [3, 4], [5, 4]], [[1, 1], [2, 2]]


def rows(*items: Any) -> str:
    return "".join(json.dumps(item) + "\n" for item in items)


def lettered(letter: str, writer: str, split: str, strokes: Any) -> dict[str, Any]:
    return {"split": split, "kind": "digit", "label": letter, "writer": writer, "segment": 3, "strokes": strokes}


UNIPEN = rows(
    lettered("1", "ann", "train", [ONE, TWO]),
    lettered("2", "ann", "train", [TWO]),
    lettered("1", "bob", "test", [ONE]),
)


def test_rows_of_strokes(reading: Read) -> None:
    examples = reading({"ink.jsonl.gz": gzip.compress(UNIPEN.encode())})
    assert examples.kind == "ink"
    assert list(examples.targets or []) == ["1", "2", "1"]
    assert examples.groups == ["ann", "ann", "bob"]
    assert examples.parts == ["train", "train", "test"]
    assert examples.names[2].endswith("ink.jsonl.gz, row 3")
    assert examples.guessed == {
        "kind": "ink", "input_column": ("strokes",), "target": ("label",), "group": "writer",
    }  # fmt: skip
    assert examples.notes[-1] == "Column 'strokes' holds the strokes, 'label' is to be learnt."
    assert [len(ink.strokes) for ink in examples.inputs] == [2, 1, 1]
    np.testing.assert_array_equal(examples.inputs[0].strokes[0], ONE)
    again = reading({}, **dict(examples.guessed))
    assert again.targets == examples.targets


def test_to_predict_nothing_has_to_be_learnt(reading: Read) -> None:
    examples = reading({"ink.jsonl": rows({"strokes": [ONE]}, {"strokes": [TWO]})}, None)
    assert examples.targets is None
    assert examples.notes == ("Column 'strokes' holds the strokes.",)
    assert len(examples) == 2


@pytest.mark.parametrize(
    ("strokes", "expected"),
    [
        ([ONE, TWO], [ONE, TWO]),
        (ONE, [ONE]),
        ([[[0, 0, 0.1], [3, 4, 0.2]]], [[[0, 0, 0.1], [3, 4, 0.2]]]),
        ([[{"x": 0, "y": 1, "t": 2}, {"t": 3, "x": 2, "y": 5}]], [[[0, 1, 2], [2, 5, 3]]]),
        ([[{"x": 0, "y": 1, "p": 2}]], [[[0, 1]]]),
        ([[[0, 1, 2, 3], [7, 8, 9, 9]]], [[[0, -7], [1, -8], [2, -9], [3, -9]]]),  # Quick Draw: y downwards
    ],
)
def test_forms_of_strokes(reading: Read, strokes: Any, expected: list[list[list[float]]]) -> None:
    (ink,) = reading({"ink.jsonl": rows({"ink": strokes})}, None).inputs
    assert [stroke.tolist() for stroke in ink.strokes] == expected


def test_a_list_of_objects_and_bare_strokes(reading: Read) -> None:
    listed = [{"points": ONE, "label": "a"}, {"points": TWO, "label": "b"}]
    assert reading({"ink.json": json.dumps(listed, indent=1)}).targets == ["a", "b"]
    bare = reading({"ink.json": rows([ONE, TWO], [TWO])}, None, kind="ink")
    assert [len(ink.strokes) for ink in bare.inputs] == [2, 1]


def test_other_rows_are_left_to_others(reading: Read) -> None:
    series = rows(*[{"values": [[number, 1.0], [2, 3], [4, 5]], "label": "ab"[number % 2]} for number in range(6)])
    assert reading({"series.jsonl": series}).kind == "series"


def test_rows_without_strokes_are_said(reading: Read) -> None:
    few = rows(*[lettered("1", "ann", "train", [ONE]) for _ in range(30)], {"label": "2", "writer": "bob"})
    examples = reading({"ink.jsonl": few.replace('"split": "train", ', "")})
    assert len(examples) == 30
    assert any("row 31" in note for note in examples.notes)


@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        (rows({"strokes": [ONE]}, {"strokes": [[[1]]]}), {}, r"row 2: expected points .* stroke 1 of column 'strokes'"),
        (rows({"strokes": [ONE]}, {"strokes": [[[1, "a"]]]}), {}, "row 2: expected points"),
        (rows({"strokes": [ONE]}, {"strokes": 3}), {}, "row 2: expected points"),
        (rows({"strokes": [ONE]}, {"strokes": [[]]}), {}, "row 2: expected points"),
        (rows({"strokes": [ONE]}) + "{", {}, "row 2: is not JSON"),
        (rows({"label": "a", "text": "b"}), {"kind": "ink"}, "no column holds strokes; the columns are label, text"),
    ],
)
def test_what_is_no_ink_is_named(reading: Read, content: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        reading({"ink.jsonl": content}, None, **options)


# ---- InkML


def inkml(*traces: str, notes: str = "", format: str = "") -> str:
    found = "".join(f"<trace id='t{number}'>{trace}</trace>" for number, trace in enumerate(traces))
    return f'<?xml version="1.0"?><ink xmlns="http://www.w3.org/2003/InkML">{notes}{format}{found}</ink>'


def note(kind: str, text: str) -> str:
    return f'<annotation type="{kind}">{text}</annotation>'


def test_annotated_inkml(reading: Read) -> None:
    files = {
        f"{name}.inkml": inkml("10 0, 9 14, 8 28", "1 2", notes=note("truth", truth) + note("writer", "ann"))
        for name, truth in [("a", "x"), ("b", "y")]
    }
    examples = reading(files)
    assert examples.kind == "ink"
    assert examples.targets == ["x", "y"]
    assert examples.groups == ["ann", "ann"]
    assert [Path(name).name for name in examples.names] == ["a.inkml", "b.inkml"]
    assert [stroke.tolist() for stroke in examples.inputs[0].strokes] == [[[10, 0], [9, -14], [8, -28]], [[1, -2]]]
    assert examples.notes == ("Each file is an ink; its annotation 'truth' is to be learnt.",)
    assert reading({}, target=("writer",)).targets == ["ann", "ann"]
    assert reading({}, None).targets is None


def test_inkml_by_folders_and_by_a_table(reading: Read, tmp_path: Path) -> None:
    files = {f"{letter}/{number}.inkml": inkml("1 2, 3 4") for letter in "pq" for number in range(2)}
    examples = reading(files)
    assert list(examples.targets or []) == ["p", "p", "q", "q"]
    assert reading({}, target=("{}/*",)).targets == examples.targets
    table = "file,letter\np/0.inkml,u\nq/1.inkml,v\nq/0.inkml,u\np/1.inkml,v\n"
    assert list(reading({"about.csv": table}, target=("letter",)).targets or []) == ["u", "v", "u", "v"]
    alone = read_examples(tmp_path / "about.csv", DataSettings(target=("letter",)), "class")
    assert alone.kind == "ink"
    assert len(alone) == 4


def test_differences_and_channels_of_inkml(reading: Read) -> None:
    # Absolute, then first differences, then second ones that go on.
    trace = "1125 18432,'23'43,\"7\"-8,3-5"
    (ink,) = reading({"a.inkml": inkml(trace)}, None).inputs
    np.testing.assert_array_equal(ink.strokes[0], [[1125, -18432], [1148, -18475], [1178, -18510], [1211, -18540]])
    channels = "".join(
        f'<channel name="{name}" units="{units}"/>' for name, units in [("F", "N"), ("Y", ""), ("X", "")]
    )
    clock = '<channel name="T" units="ms"/>'
    format = f"<traceFormat>{channels}{clock}</traceFormat>"
    (ink,) = reading({"a.inkml": inkml("9 1 2 0, 9 3 4 500, * * * 1000", format=format)}, None).inputs
    np.testing.assert_array_equal(ink.strokes[0], [[2, -1, 0], [4, -3, 0.5], [4, -3, 1]])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("<ink><trace>1 2", r"a\.inkml: is not XML"),
        ("<ink></ink>", "holds no trace"),
        (inkml("1 2, 3"), "trace 1: expected 2 values at point 2, found '3'"),
        (inkml("1 2, 3 x"), "trace 1: expected 2 values at point 2"),
        (inkml("1", format='<traceFormat><channel name="X"/></traceFormat>'), "the channels X and Y, found X"),
        ("<!DOCTYPE ink><ink/>", "document type"),
    ],
)
def test_damaged_inkml(reading: Read, content: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        reading({"a.inkml": content}, None)


@pytest.mark.data
def test_unipen_characters(data_folder: Path) -> None:
    examples = read_examples(data_folder / "unipen" / "unipen_chars.jsonl.gz", DataSettings(), "class")
    assert len(examples) == 6490
    assert examples.parts is not None
    assert examples.groups is not None
    assert len(set(examples.targets or [])) == 62
    assert not {w for w, p in zip(examples.groups, examples.parts, strict=True) if p == "train"} & {
        w for w, p in zip(examples.groups, examples.parts, strict=True) if p == "test"
    }
