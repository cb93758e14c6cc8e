from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from elman.codecs.raw import Series
from elman.data.examples import Examples
from elman.data.splits import read_parts, split
from elman.errors import DataError, SettingsError
from elman.settings import DataSettings


def texts(targets: list[Any] | None, **known: Any) -> Examples:
    n = len(targets or known["names"])
    names = known.pop("names", [f"row {row}" for row in range(n)])
    return Examples("text", [f"text {row}" for row in range(n)], targets, names, **known)


@given(
    classes=st.lists(st.sampled_from("abc"), min_size=4, max_size=60),
    held_out=st.floats(0, 0.5),
    test_share=st.floats(0, 0.4),
    seed=st.integers(0, 5),
)
def test_every_row_is_in_one_part_and_every_class_keeps_its_share(
    classes: list[str], held_out: float, test_share: float, seed: int
) -> None:
    settings = DataSettings(held_out=held_out, test_share=test_share)
    if len(set(classes)) < 2:
        classes = [*classes[:-1], "d"]
    parts = split(texts(classes), settings, seed)
    there = [part for part in (parts.train, parts.valid, parts.test) if part is not None]
    assert sorted(name for part in there for name in part.names) == sorted(f"row {n}" for n in range(len(classes)))
    for part, share in ((parts.valid, held_out), (parts.test, test_share)):
        assert (part is None) == (share == 0)
        if part is not None:
            counts = Counter(part.targets)
            for label, n in Counter(classes).items():
                # The test is drawn first, so that the second draw sees its rounding too.
                assert abs(counts[label] - share * n) < 2.5


def test_rare_labels_and_large_numbers_keep_their_share() -> None:
    labels = [frozenset({"common", "rare"} if row % 10 == 0 else {"common"}) for row in range(100)]
    parts = split(texts(labels), DataSettings(held_out=0.2))
    assert parts.valid is not None
    assert sum("rare" in target for target in parts.valid.targets or ()) == 2
    numbers = [np.array([float(row % 37)]) for row in range(200)]
    parts = split(texts(numbers), DataSettings(held_out=0.2))
    assert parts.valid is not None
    held_out = np.concatenate(list(parts.valid.targets or ()))
    assert abs(held_out.mean() - np.mean(numbers)) < 1
    assert "small and large" in parts.sentences[0]


def test_the_seed_decides() -> None:
    def names(seed: int) -> list[str]:
        parts = split(texts(["a", "b"] * 50), DataSettings(test_share=0.2), seed)
        assert parts.valid is not None
        assert parts.test is not None
        return [*parts.valid.names, "-", *parts.test.names]

    assert names(0) == names(0)
    assert names(0) != names(1)


def test_the_test_does_not_depend_on_what_is_held_out() -> None:
    def test_names(held_out: float) -> list[str]:
        parts = split(texts(["a", "b"] * 50), DataSettings(test_share=0.2, held_out=held_out))
        assert parts.test is not None
        return list(parts.test.names)

    assert test_names(0.1) == test_names(0.3) == test_names(0)


def test_no_group_is_in_two_parts() -> None:
    groups = [f"speaker {row % 10}" for row in range(200)]
    parts = split(texts(["a", "b"] * 100, groups=groups), DataSettings(test_share=0.2, held_out=0.2))
    assert parts.valid is not None
    assert parts.test is not None
    of_parts = [set(part.groups or ()) for part in (parts.train, parts.valid, parts.test)]
    assert not of_parts[0] & of_parts[1] | of_parts[1] & of_parts[2] | of_parts[0] & of_parts[2]
    assert len(parts.valid) == len(parts.test) == 40
    assert "whole groups" in parts.sentences[0]
    with pytest.raises(DataError, match=r"All 200 sequences belong to one group, 'x'.* --split ratio"):
        split(texts(["a", "b"] * 100, groups=["x"] * 200), DataSettings())


def test_the_latest_are_held_out() -> None:
    parts = split(texts(["a", "b"] * 10, times=list(range(19, -1, -1))), DataSettings(split="time", test_share=0.1))
    assert parts.valid is not None
    assert parts.test is not None
    assert list(parts.test.names) == ["row 0", "row 1"]
    assert list(parts.valid.names) == ["row 2", "row 3"]


def test_given_parts_stay() -> None:
    given_parts = ["train"] * 10 + ["test"] * 5
    parts = split(texts(["a", "b", "b"] * 5, parts=given_parts), DataSettings(test_share=0.5))
    assert parts.valid is not None
    assert parts.test is not None
    assert list(parts.test.names) == [f"row {row}" for row in range(10, 15)]
    assert (len(parts.train), len(parts.valid)) == (9, 1)
    own = texts(["a", "c"])
    parts = split(texts(["a", "b"] * 5), DataSettings(), valid=own)
    assert parts.valid is own
    assert len(parts.train) == 10
    assert any("1 labels of the held-out data are not in the training data: 'c'" in line for line in parts.sentences)


def test_one_class_is_nothing_to_learn(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("text,label\none two,a\nthree,a\nfour,a\n")
    with pytest.raises(
        DataError, match=r"All 2 sequences to train on, such as .*, are of the class 'a'\. Expected two"
    ):
        read_parts(tmp_path / "a.csv", DataSettings(), "class")


def test_names_are_no_classes(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("text,label\n" + "".join(f"row {n},name {n}\n" for n in range(40)))
    with pytest.raises(DataError, match=r"36 sequences to train on have 36 different classes, .*--target"):
        read_parts(tmp_path / "a.csv", DataSettings(), "class")


def test_what_stands_in_two_parts_is_said() -> None:
    series = [Series(np.full((3, 1), float(row % 4))) for row in range(8)]
    examples = Examples(
        "series", series, ["a"] * 7 + ["b"], [f"row {n}" for n in range(8)], parts=["train"] * 4 + ["test"] * 4
    )
    sentences = split(examples, DataSettings(held_out=0)).sentences
    assert any(
        "4 of 4 sequences of the test stand in the training data too (row 4 is row 0; row 5" in s for s in sentences
    )


@pytest.mark.parametrize(("manner", "option"), [("group", "--group"), ("time", "--time-column")])
def test_what_a_split_needs(manner: Any, option: str) -> None:
    with pytest.raises(SettingsError, match=option):
        split(texts(["a", "b"]), DataSettings(split=manner))


def test_files_of_their_own_are_read_with_the_same_columns(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("words,about,label\none two,x,1\nthree,y,0\nfive,z,1\n")
    (tmp_path / "b.csv").write_text("about,words,label\nlong and longer,one,0\nnew,two,1\n")
    settings = DataSettings(input_column=("words",), test=tmp_path / "b.csv")
    parts = read_parts(tmp_path / "a.csv", settings, "class")
    assert parts.test is not None
    assert list(parts.test.inputs) == ["one", "two"]
