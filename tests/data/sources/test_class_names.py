from __future__ import annotations

from pathlib import Path

import pytest

from elman.data.sources import read_examples
from elman.settings import DataSettings

NAMES = "\ufeffStop\r\nClockwise\r\nCounter Clockwise\r\n"


def read(folder: Path, numbers: str, names: str = NAMES, file: str = "gesture_label.csv"):  # type: ignore[no-untyped-def]
    rows = "".join(f"{number},0.1,0.2,0.3,0.{place}\n" for place, number in enumerate(numbers))
    (folder / "gesture.csv").write_text(rows, encoding="utf-8")
    (folder / file).write_text(names, encoding="utf-8", newline="")
    return read_examples(folder, DataSettings(target=("1",)), "class")


@pytest.mark.parametrize("numbers", ["0120", "1231"])
def test_classes_get_the_names_of_a_file_beside(numbers: str, tmp_path: Path) -> None:
    found = read(tmp_path, numbers)
    assert found.targets == ["Stop", "Clockwise", "Counter Clockwise", "Stop"]
    assert "is Stop, " in found.notes[-1]


def test_names_for_other_classes_are_left_alone(tmp_path: Path) -> None:
    found = read(tmp_path, "0129")
    assert found.targets == ["0", "1", "2", "9"]
    assert found.notes[-1] == "A file names 3 classes, the data have others."
