from __future__ import annotations

import numpy as np
import pytest

from elman.errors import DataError
from source_files import Read

HEAD = "# About\n@problemName Wave\n@timeStamps false\n@missing true\n@dimensions 2\n@classLabel true up down\n@data\n"


def test_cases_with_channels_and_classes(reading: Read) -> None:
    files = {"W_TRAIN.ts": HEAD + "1,2,3:4,?,6:up\n1,2:3,4:down\n", "W_TEST.ts": HEAD + "1,2:3,4:up\n"}
    examples = reading(files)
    assert examples.targets == ["up", "up", "down"]
    assert examples.parts == ["test", "train", "train"]
    np.testing.assert_equal(examples.inputs[1].values, [[1, 4], [2, np.nan], [3, 6]])
    assert examples.names[1].endswith("W_TRAIN.ts, row 8")
    assert reading(files, None).targets is None


def test_times_and_numbers_to_learn(reading: Read) -> None:
    head = "@timeStamps true\n@targetLabel true\n@data\n"
    examples = reading({"a.ts": head + "(0,1),(2,5),(3,4):(0,7),(2,8):0.5\n"}, "numbers")
    np.testing.assert_equal(examples.inputs[0].values, [[1, 7], [5, 8], [4, np.nan]])
    np.testing.assert_equal(examples.inputs[0].times, [0, 2, 3])
    assert examples.targets is not None
    assert examples.targets[0].tolist() == [0.5]
    dated = head + "(2020-01-01 00:00:00,1),(2020-01-01 00:00:30,5):0.5\n"
    assert np.diff(reading({"a.ts": dated}, "numbers").inputs[0].times).tolist() == [30]


@pytest.mark.parametrize(
    ("content", "answer", "message"),
    [
        (HEAD + "1,x:3,4:up\n", "class", r"row 8: expected a number at step 2, found 'x'"),
        (HEAD + "1,2:3,4:left\n", "class", r"row 8: the class 'left' is none of those .* up, down"),
        (HEAD + "1,2:3,4:up\n1,2:3,4:5,6:up\n", "class", r"row 9: expected 2 channels, .* found 3"),
        (HEAD, "class", "holds no cases below @data"),
        ("@classLabel true a\n1,2:a\n", "class", r"row 2: expected a line that begins with @"),
        ("@classLabel true a b\n", "class", "has no line @data"),
        ("@targetLabel true\n@data\n1,2:3\n", "class", r"'@classLabel false'.* train regress"),
        (HEAD + "1,2:3,4:up\n", "numbers", r"holds classes \(up, down\).* train classify"),
        (HEAD + "1,2:3,4:\n", "class", r"row 8: expected an answer after the last colon"),
    ],
)
def test_messages(content: str, answer: str, message: str, reading: Read) -> None:
    with pytest.raises(DataError, match=message):
        reading({"a.ts": content}, answer)
