from __future__ import annotations

import numpy as np
import pytest

from elman.errors import DataError
from source_files import Read

SIX = {f"data/walk_{n}.csv": f"#a, b\n{n},2\n3,{n}\n" for n in range(1, 7)}


def test_a_table_tells_the_class_by_the_number(reading: Read) -> None:
    about = {"targets.csv": "#sequence_ID, class_label\n" + "".join(f"{n},{n % 2}\n" for n in range(1, 7))}
    rooms = {"groups/rooms.csv": "#sequence_ID, room\n" + "".join(f"{n},r{n % 3}\n" for n in range(1, 7))}
    examples = reading({**SIX, **about, **rooms}, group="room")
    assert (examples.kind, examples.channels) == ("series", ("#a", "b"))
    assert examples.targets == ["1", "0"] * 3
    assert examples.groups == ["r1", "r2", "r0"] * 2
    np.testing.assert_equal(examples.inputs[5].values, [[6, 2], [3, 6]])
    notes = reading({}).notes
    assert any("Not read: room; one of them may be the --group" in note for note in notes)


def test_a_folder_for_each_class_and_times(reading: Read) -> None:
    files = {f"{label}/{n}.csv": "time,x\n0,1\n1,2\n3,3\n" for label in ("run", "walk") for n in ("one", "two")}
    examples = reading(files)
    assert (examples.targets, examples.channels) == (["run", "run", "walk", "walk"], ("x",))
    assert examples.inputs[0].times.tolist() == [0, 1, 3]


def test_messages(reading: Read) -> None:
    with pytest.raises(DataError, match=r"6 tables of measurements, .* neither folders nor .* --target PATTERN"):
        reading(SIX)
    with pytest.raises(DataError, match=r"walk_3\.csv: expected the columns #a, b, .* found 1, 2"):
        reading({"data/walk_3.csv": "1,2\n3,4\n"}, None)
    with pytest.raises(DataError, match=r"walk_3\.csv, row 3: expected a number in column 'b'.* found 'x'"):
        reading({"data/walk_3.csv": "#a, b\n1,2\n3,x\n"}, None)
