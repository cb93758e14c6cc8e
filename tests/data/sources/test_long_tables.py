from __future__ import annotations

import numpy as np
import pytest

from elman.errors import DataError
from source_files import Read

LONG = "id,time,x,y,label,split\nb,0,1,2,up,train\nb,1,3,,up,train\na,1,7,8,down,test\na,0,5,6,down,test\n"


def test_rows_of_a_series_in_order_of_time(reading: Read) -> None:
    examples = reading({"a.csv": LONG})
    assert (examples.kind, examples.channels, examples.targets) == ("series", ("x", "y"), ["up", "down"])
    np.testing.assert_equal(examples.inputs[0].values, [[1, 2], [3, np.nan]])
    np.testing.assert_equal(examples.inputs[1].values, [[5, 6], [7, 8]])
    assert examples.inputs[0].times is None  # even steps
    assert examples.parts == ["train", "test"]
    assert examples.names[0].endswith("a.csv, id b")
    assert reading({"a.csv": LONG}, None).targets is None


def test_uneven_times_and_dates(reading: Read) -> None:
    rows = ["2020-01-01,1", "2020-01-02,2", "2020-01-05,3"]
    examples = reading({"a.csv": "patient_id,date,heart,died\n" + "".join(f"7,{row},0\n8,{row},1\n" for row in rows)})
    assert examples.inputs[0].times is not None
    assert (np.diff(examples.inputs[0].times) / 86_400).tolist() == [1, 3]
    assert (examples.channels, examples.targets) == (("heart",), ["0", "1"])


def test_columns_that_name_a_series_together_are_no_channels(reading: Read) -> None:
    rows = "".join(
        f"{who},{trial},{step},{who + trial + step},{trial}\n" for who in (0, 1) for trial in (0, 1) for step in (0, 1)
    )
    examples = reading({"a.csv": "subject,trial,t,x,label\n" + rows}, id_column="subject+trial")
    assert (examples.channels, examples.targets) == (("x",), ["0", "1", "0", "1"])


def test_a_tag_for_each_step(reading: Read) -> None:
    rows = ["a,1,7,run", "a,0,5,walk", "b,0,1,walk", "b,1,2,walk", "b,2,3,run"]
    examples = reading({"a.csv": "session_id,time,acc,activity\n" + "\n".join(rows) + "\n"}, "tags")
    assert examples.targets == [("walk", "run"), ("walk", "walk", "run")]
    assert examples.inputs[0].values.tolist() == [[5], [7]]


def test_one_value_a_row(reading: Read) -> None:
    rows = "".join(
        f"{case},{dim},{step},{case + dim + step},{case}\n" for case in (0, 1) for dim in (0, 1) for step in (0, 1)
    )
    examples = reading({"a.csv": "case_id,dim_id,reading_id,value,label\n" + rows})
    assert examples.inputs[1].values.tolist() == [[1, 2], [2, 3]]
    assert (examples.channels, examples.targets) == (("0", "1"), ["0", "1"])


@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        (LONG.replace("7,8,down", "7,8,up"), {}, r"row 5: 'label' is 'down', but 'up' in row 4 of the same series 'a'"),
        (LONG.replace("b,1,3", "b,0,3"), {}, r"row 3: has the same time \(time 0\) as row 2 .* --id-column"),
        (LONG.replace("b,1,3", "b,1,three"), {"input_column": ("x",)},
         r"row 3: expected a number in column 'x'.*'three'"),
        (LONG.replace("b,1,3", "b,soon,3"), {}, r"row 3: expected a number or a date in column 'time', found 'soon'"),
        (LONG.replace("b,1,3", ",1,3"), {}, r"row 3: column 'id', which says what belongs together, is empty"),
    ],
)  # fmt: skip
def test_messages(content: str, options: dict[str, tuple[str, ...]], message: str, reading: Read) -> None:
    with pytest.raises(DataError, match=message):
        reading({"a.csv": content}, **options)
