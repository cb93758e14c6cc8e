from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from elman.data.sources import read_examples
from elman.errors import DataError
from elman.settings import DataSettings
from source_files import Read


def test_a_file_for_each_class(reading: Read) -> None:
    examples = reading({"film.neg": "dull , so dull\nlong\n", "film.pos": "a fine film\n", "README.md": "About"})
    assert (list(examples.inputs), examples.targets) == (
        ["dull , so dull", "long", "a fine film"],
        ["neg", "neg", "pos"],
    )
    assert examples.names[1].endswith("film.neg, row 2")
    assert "Each file is a class (neg, pos), each line a sequence." in examples.notes


def test_classes_and_parts_in_names(reading: Read) -> None:
    files = {f"{label}.{part}.txt": f"a {label} line\n" for label in ("pos", "neg") for part in ("train", "test")}
    examples = reading(files)
    assert sorted(zip(examples.targets or (), examples.parts or (), strict=True)) == [
        ("neg", "test"), ("neg", "train"), ("pos", "test"), ("pos", "train"),
    ]  # fmt: skip


def test_a_folder_for_each_class(reading: Read, tmp_path: Path) -> None:
    files = {f"{part}/{label}/{n}.txt": f"{label} text\nof two lines {n}\n"
             for part in ("train", "test") for label in ("neg", "pos") for n in range(3)}  # fmt: skip
    examples = reading(files)
    assert len(examples) == 12
    assert examples.targets == ["neg"] * 3 + ["pos"] * 3 + ["neg"] * 3 + ["pos"] * 3
    assert examples.parts == ["test"] * 6 + ["train"] * 6
    assert examples.inputs[0] == "neg text\nof two lines 0"
    packed = tmp_path / "all.tar.xz"
    with tarfile.open(packed, "w:xz") as archive:
        for name, text in files.items():
            member = tarfile.TarInfo(f"set/{name}")
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))
    again = read_examples(packed, DataSettings(), "class")
    assert (list(again.inputs), again.targets, again.parts) == (list(examples.inputs), examples.targets, examples.parts)
    assert again.names[0].endswith("all.tar.xz/set/test/neg/0.txt")


def test_two_documents_of_each_class(reading: Read) -> None:
    examples = reading({f"{label}/{n}.txt": f"{label} text\nof two lines" for label in ("neg", "pos") for n in "ab"})
    assert examples.targets == ["neg", "neg", "pos", "pos"]
    assert len(examples) == 4


def test_a_file_of_lines_in_a_folder_for_each_class(reading: Read) -> None:
    assert reading({f"{label}/all.txt": "one\ntwo\n" for label in ("neg", "pos")}).targets == ["neg"] * 2 + ["pos"] * 2


def test_documents_whose_names_begin_with_the_class(reading: Read) -> None:
    examples = reading({f"{label}_{n}.txt": f"{label} text {n}" for label in ("ham", "spam") for n in range(3)})
    assert examples.targets == ["ham"] * 3 + ["spam"] * 3
    # A model that learnt from files by their names reads other files whole, be it one.
    assert list(reading({}, None, **examples.guessed).inputs) == list(examples.inputs)


def test_to_predict_there_may_be_no_classes(reading: Read) -> None:
    examples = reading({"a.txt": "one\ntwo\n", "b.txt": "three\n"}, None)
    assert (list(examples.inputs), examples.targets) == (["one", "two", "three"], None)


def test_two_data_sets_in_one_folder(reading: Read, tmp_path: Path) -> None:
    files = {f"{name}.{part}": "1 good film\n0 bad thing\n1 fine too\n"
             for name in ("fine", "binary") for part in ("train", "test")}  # fmt: skip
    with pytest.raises(
        DataError, match=r"holds 2 data sets, each with its parts. Name one of them: .*binary or .*fine"
    ):
        reading(files)
    examples = read_examples(tmp_path / "fine", DataSettings(), "class")
    assert examples.parts == ["test"] * 3 + ["train"] * 3
    assert examples.targets == ["1", "0", "1"] * 2


def test_a_path_that_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "reviews.csv").write_text("")
    with pytest.raises(
        DataError, match=r"review\.csv: there is no such file or folder\. Did you mean 'reviews\.csv'\?"
    ):
        read_examples(tmp_path / "review.csv", DataSettings(), "class")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="holds no file with data"):
        read_examples(tmp_path / "empty", DataSettings(), "class")


def test_files_that_do_not_belong_together(reading: Read) -> None:
    with pytest.raises(
        DataError, match=r"several kinds \(1 of tables, 1 of arrays, 1 of text\)\. Name those that belong"
    ):
        reading({"a.csv": "text,label\nx,y\n", "b.npz": b"PK", "c.txt": "x\n"})


def test_an_empty_document(reading: Read) -> None:
    with pytest.raises(DataError, match=r"b/2\.txt: (is empty|holds only white space)"):
        reading({f"{label}/{n}.txt": "" if (label, n) == ("b", 2) else "x y" for label in "ab" for n in range(3)})
