from __future__ import annotations

from pathlib import Path

import pytest

from elman.data.panel import read_panel
from elman.errors import DataError
from elman.settings.panel import PanelSettings

LONG = "unique_id,ds,y\na,2024-01-01,1\na,2024-01-02,2\nb,2024-01-01,NA\nb,2024-01-02,4\nb,2024-01-03,x\n"
WIDE = "date;u;v\n2024-01-01;1,5;2\n2024-01-02;2,5;NA\n2024-01-03;;4\n"


def test_a_wide_file_with_commas_and_gaps(tmp_path: Path) -> None:
    (tmp_path / "wide.csv").write_text(WIDE)
    panel = read_panel(tmp_path / "wide.csv")
    assert panel.ids == ("u", "v")
    assert panel.series(0).tolist() == [1.5, 2.5]
    assert panel.history.tolist() == [2, 3]
    assert panel.frequency.alias == "D"


def test_a_german_file(tmp_path: Path) -> None:
    rows = "\r\n".join(f"Nr;{day:02}.01.2024;1.{day:03},50" for day in range(1, 32))
    (tmp_path / "german.csv").write_bytes(f"\ufeffFiliale;Datum;Umsatz\r\n{rows}\r\n".encode())
    panel = read_panel(tmp_path / "german.csv")
    assert panel.series(0)[:2].tolist() == [1001.5, 1002.5]
    assert panel.frequency.alias == "D"
    assert panel.history.tolist() == [31]


def test_names_of_series_stay_as_they_are_written(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text(
        "store,date,sales\n007,2024-01-01,1\n007,2024-01-02,2\n12,2024-01-01,3\n12,2024-01-02,4\n"
    )
    assert read_panel(tmp_path / "x.csv").ids == ("007", "12")
    (tmp_path / "y.csv").write_text("id,date,value\n1,2024-01-01,5\n2,2024-01-02,6\n3,2024-01-03,7\n")
    assert read_panel(tmp_path / "y.csv").columns.target == ("value",)


def test_true_and_false_are_no_series(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("ds,v,odd\n2024-01-01,1,False\n2024-01-02,2,True\n")
    assert read_panel(tmp_path / "x.csv").ids == ("v",)
    assert read_panel(tmp_path / "x.csv", PanelSettings(target=("odd",))).series(0).tolist() == [0, 1]


def test_a_cell_that_is_no_number_is_named_by_file_and_row(tmp_path: Path) -> None:
    (tmp_path / "long.csv").write_text(LONG)
    with pytest.raises(DataError, match=r"long\.csv, row 6: expected a number in column 'y', found 'x'"):
        read_panel(tmp_path / "long.csv")
    (tmp_path / "long.csv").write_text(LONG.replace(",x", ",5"))
    assert read_panel(tmp_path / "long.csv").history.tolist() == [2, 2]


def test_files_without_ids_are_series_by_their_names(tmp_path: Path) -> None:
    for name, value in (("north", 1), ("south", 2)):
        (tmp_path / f"{name}.csv").write_text(f"date,sales\n2024-01-01,{value}\n2024-01-02,{value}\n")
    panel = read_panel(tmp_path)
    assert panel.ids == ("north", "south")
    assert panel.columns.id == "unique_id"
    again = read_panel(tmp_path / "south.csv", known=panel)
    assert again.ids == ("south",)


def test_parquet_and_csv_are_alike(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    import pandas as pd

    frame = pd.DataFrame({"ds": pd.date_range("2024-01-01", periods=4, freq="MS"), "y": [1.0, 2, 3, 4]})
    frame.to_parquet(tmp_path / "x.parquet")
    frame.to_csv(tmp_path / "x.csv", index=False)
    one, other = read_panel(tmp_path / "x.parquet"), read_panel(tmp_path / "x.csv")
    assert one.frequency == other.frequency
    assert one.first.tolist() == other.first.tolist()
    assert one.columns == other.columns


def test_what_is_no_table(tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_text("Once upon a time\nthere was a king.\n")
    with pytest.raises(DataError, match="expected a table of series"):
        read_panel(tmp_path / "x.txt")


@pytest.mark.data
def test_the_shared_sets(data_folder: Path) -> None:
    hourly = read_panel(data_folder / "m4_hourly" / "Hourly-train.csv.gz")
    assert (len(hourly), hourly.frequency.season) == (414, 24)
    beijing = read_panel(
        data_folder / "beijing_pm25" / "pollution.csv.gz", PanelSettings(target=("pm2.5",), past=("cbwd",))
    )
    assert beijing.frequency.alias == "h"
    assert beijing.columns.features("past") == ("cbwd=NE", "cbwd=NW", "cbwd=SE", "cbwd=cv")
    assert len(read_panel(data_folder / "ett" / "ETTh1.csv.gz")) == 7
