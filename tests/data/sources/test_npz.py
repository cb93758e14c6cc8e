from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest

from elman.errors import DataError
from source_files import Read


def npz(**arrays: Any) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


CASES = np.arange(24, dtype=np.float64).reshape(4, 3, 2)


def test_parts_by_name(reading: Read) -> None:
    content = npz(X_train=CASES[:3], y_train=[1, 2, 1], X_test=CASES[3:], y_test=[2])
    examples = reading({"a.npz": content})
    assert examples.parts == ["train"] * 3 + ["test"]
    assert examples.targets == ["1", "2", "1", "2"]
    np.testing.assert_array_equal(examples.inputs[3].values, CASES[3])
    assert examples.names[3].endswith("X_test[0]")


def test_more_channels_than_steps_are_said(reading: Read) -> None:
    notes = reading({"a.npz": npz(X=np.zeros((4, 3, 50)), y=[1, 2, 1, 2])}).notes
    assert any("if the arrays are (cases, channels, time), turn them round" in note for note in notes)
    assert len(reading({"a.npz": npz(X=CASES, y=[1, 2, 1, 2])}).notes) == 1


def test_padding_goes_and_gaps_stay(reading: Read) -> None:
    cases = CASES[:2].copy()
    cases[0, 2:], cases[1, 0, 0] = np.nan, np.nan
    examples = reading({"a.npz": npz(X=cases, y=["a", "b"])})
    np.testing.assert_array_equal(examples.inputs[0].values, CASES[0, :2])
    np.testing.assert_array_equal(examples.inputs[1].values, cases[1])
    examples = reading({"a.npz": npz(data=CASES[:, :, 0], labels=["a", "b"] * 2, lengths=[1, 2, 3, 3])})
    assert [one.values.shape for one in examples.inputs] == [(1, 1), (2, 1), (3, 1), (3, 1)]


def test_other_answers(reading: Read) -> None:
    assert reading({"a.npz": npz(X=CASES, y=np.eye(4)[:, :3])}, "classes").targets == [{"0"}, {"1"}, {"2"}, set()]
    numbers = reading({"a.npz": npz(X=CASES, y=[[0.5, 1], [2, 3], [4, 5], [6, 7]])}, "numbers")
    assert numbers.targets is not None
    assert numbers.targets[0].tolist() == [0.5, 1]
    assert numbers.outputs == ("y0", "y1")
    tags = reading({"a.npz": npz(X=CASES, y=np.ones((4, 3), int))}, "tags").targets
    assert tags == [("1", "1", "1")] * 4


def test_an_array_for_each_sequence(reading: Read) -> None:
    names = ["train/walk_1", "train/walk_2", "train/run_1", "test/run_1"]
    examples = reading({"a.npz": npz(**dict.fromkeys(names, CASES[0]))})
    assert examples.targets == ["walk", "walk", "run", "run"]
    assert examples.parts == ["train", "train", "train", "test"]


def test_arrays_in_files_of_their_own(reading: Read) -> None:
    files = {}
    for name, array in {"X_train": CASES, "y_train": np.array([1, 2, 1, 2])}.items():
        buffer = io.BytesIO()
        np.save(buffer, array)
        files[f"{name}.npy"] = buffer.getvalue()
    assert reading(files).targets == ["1", "2", "1", "2"]


@pytest.mark.parametrize(
    ("arrays", "answer", "message"),
    [
        ({"X": CASES, "y": [1, 2]}, "class", r"expected 4 answers in an array such as y, found 2 of them"),
        ({"X_train": CASES}, "class", r"expected 4 answers in an array such as y_train, found none"),
        ({"X": CASES, "y": [0.5, 1, 2, 3]}, "class", r"expected classes in y, found fractions such as 0.5.* regress"),
        ({"X": CASES, "y": list("abca")}, "numbers", r"expected numbers to learn in y.* classify"),
        ({"X": np.array([[1], [1, 2]], dtype=object), "y": [1, 2]}, "class", r"pickled objects.* pad them with NaN"),
        (
            {"X": np.zeros((2, 2, 2, 2)), "y": [1, 2]},
            "class",
            r"expected numbers of the shape .* found .*\(2, 2, 2, 2\)",
        ),
        ({"a": CASES, "b": CASES}, "class", r"expected arrays called X_train and y_train.* found a \(4, 3, 2\)"),
        ({"X": np.full((2, 3), np.nan), "y": [1, 2]}, "class", r"X\[0\]: expected 1 to 3 steps, found 0"),
    ],
)
def test_messages(arrays: dict[str, Any], answer: str, message: str, reading: Read) -> None:
    with pytest.raises(DataError, match=message):
        reading({"a.npz": npz(**arrays)}, answer)


def test_a_broken_file(reading: Read) -> None:
    with pytest.raises(DataError, match="is not a whole NumPy file"):
        reading({"a.npz": npz(X=CASES, y=[1, 2, 3, 4])[:100]})
