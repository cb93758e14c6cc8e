from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from elman.data.examples import Examples
from elman.data.sources import read_examples, read_frame, settled
from elman.data.splits import read_parts
from elman.errors import DataError
from elman.settings import DataSettings
from source_files import Read

EN, DE = "A dog.\nTwo cats.\nA dog.\n", "Ein Hund.\nZwei Katzen.\nDer Hund.\n"


def pairs(examples: Examples) -> list[tuple[Any, Any]]:
    assert examples.answer == "text"
    assert examples.targets is not None
    return list(zip(examples.inputs, examples.targets, strict=True))


EXPECTED = [("A dog.", "Ein Hund."), ("Two cats.", "Zwei Katzen."), ("A dog.", "Der Hund.")]


def test_parallel_files_are_read_in_the_order_given(tmp_path: Path) -> None:
    (tmp_path / "train.en").write_text(EN)
    (tmp_path / "train.de.gz").write_bytes(gzip.compress(DE.encode()))
    both = [tmp_path / "train.en", tmp_path / "train.de.gz"]
    found = read_examples(both, DataSettings(), "text")
    assert pairs(found) == EXPECTED
    assert found.names[1] == f"{tmp_path}/train.en, row 2"
    assert found.groups == list(found.inputs)  # a text that stands twice
    assert pairs(read_examples(both[::-1], DataSettings(), "text"))[0] == ("Ein Hund.", "A dog.")


def test_the_first_file_that_is_named_is_read(tmp_path: Path) -> None:
    for name, text in (("train.en", EN), ("train.de", DE), ("val.en", "e"), ("val.de", "d")):
        (tmp_path / name).write_text(text)
    found = read_examples([tmp_path / f"{part}.{side}" for part in ("train", "val") for side in ("en", "de")],
                          DataSettings(), "text")  # fmt: skip
    assert pairs(found) == [*EXPECTED, ("e", "d")]
    assert list(found.parts or ()) == ["train", "train", "train", "valid"]


def test_files_of_several_languages_need_to_be_told_apart(tmp_path: Path) -> None:
    for name, text in (("train.en", EN), ("train.de", DE), ("train.fr", "a\nb\nc\n"), ("val.en", "e"), ("val.de", "d")):
        (tmp_path / name).write_text(text)
    (tmp_path / "val.fr").write_text("f")
    with pytest.raises(DataError, match=r"in de, en, fr\. Say from which to which"):
        read_examples(tmp_path, DataSettings(), "text")
    data = DataSettings(input_column=("en",), target=("fr",))
    found = read_examples(tmp_path, data, "text")
    assert pairs(found) == [("A dog.", "a"), ("Two cats.", "b"), ("A dog.", "c"), ("e", "f")]
    assert found.parts == ["train"] * 3 + ["valid"]
    both = [tmp_path / "train.en", tmp_path / "train.de"]
    parts = read_parts(both, DataSettings(valid=tmp_path / "val"), "text")
    assert parts.valid is not None
    assert pairs(parts.valid) == [("e", "d")]


@pytest.mark.parametrize(
    "files",
    [
        {"src-train.txt": EN, "tgt-train.txt": DE},
        {"pairs.tsv": "".join(f"{a}\t{b}\n" for a, b in EXPECTED)},
        {"pairs.txt": "".join(f"{a}\t{b}\tCC-BY 2.0 (France) #{n}\n" for n, (a, b) in enumerate(EXPECTED))},
        {"pairs.csv": "english,german\n" + "".join(f'"{a}","{b}"\n' for a, b in EXPECTED)},
        {"pairs.jsonl": "".join(json.dumps({"translation": {"en": a, "de": b}}) + "\n" for a, b in EXPECTED)},
        {"pairs.jsonl": "".join(json.dumps({"id": n, "target": b, "source": a}) + "\n"
                                for n, (a, b) in enumerate(EXPECTED))},
    ],
    ids=["src and tgt", "two columns", "with attribution", "languages", "nested", "names"],
)  # fmt: skip
def test_tables_and_files_of_many_forms_are_pairs(files: dict[str, str], reading: Read) -> None:
    found = reading(files, "text")
    assert pairs(found) == EXPECTED
    again = settled(DataSettings(), found)
    assert pairs(reading(files, "text", input_column=again.input_column, target=again.target)) == EXPECTED


def test_options_name_the_columns_and_several_may_be_right(reading: Read) -> None:
    table = {"a.csv": "de,en,fr,speaker\nHund,dog,chien,ann\nKatze,cat,chat,bob\n"}
    found = reading(table, "text", input_column=("en",), target=("de", "fr"))
    assert pairs(found) == [("dog", ("Hund", "chien")), ("cat", ("Katze", "chat"))]
    assert found.groups == ["ann", "bob"]
    with pytest.raises(DataError, match="Say which with --input-column NAME and --target NAME"):
        reading(table, "text")


def test_a_data_frame_holds_pairs() -> None:
    frame = pd.DataFrame({"source": ["a", "b"], "target": ["x", "y"]})
    assert pairs(read_frame(frame, DataSettings(), "text")) == [("a", "x"), ("b", "y")]


def test_a_dictionary_gives_spellings_and_sounds(reading: Read) -> None:
    found = reading({"a.dict": ";;; sounds\nread R EH1 D # past\nread(2) R IY1 D\nlead L IY1 D\n"}, "text")
    assert pairs(found) == [("read", "R EH1 D"), ("read", "R IY1 D"), ("lead", "L IY1 D")]
    assert found.groups == ["read", "read", "lead"]


def test_pairs_with_one_text_stay_together(tmp_path: Path) -> None:
    rows = [f"text {number % 40}\tsaid {number}" for number in range(200)]
    (tmp_path / "a.tsv").write_text("\n".join(rows))
    parts = read_parts(tmp_path, DataSettings(held_out=0.2, test_share=0.1), "text", seed=3)
    assert parts.valid is not None
    assert parts.test is not None
    sets = [set(part.inputs) for part in (parts.train, parts.valid, parts.test)]
    assert sets[0] | sets[1] | sets[2] == {f"text {number}" for number in range(40)}
    assert sum(map(len, sets)) == 40
    assert [len(part) for part in (parts.train, parts.valid, parts.test)] == [140, 40, 20]
    assert "Such" not in " ".join(parts.sentences)
    assert len(set(read_parts(tmp_path, DataSettings(), "text").train.inputs)) == 36


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"a.en": "x\ny\n", "a.de": "x\n"}, r"a.de has 1 lines, .*a.en 2|a.en has 2 lines, .*a.de 1"),
        ({"a.src": "x\n\nz\n", "a.tgt": "x\ny\nz\n"}, "a.src, row 2: is empty. A pair needs both sides"),
        ({"a.tsv": "source\ttarget\nx\ty\nz\t\n"}, "a.tsv, row 3: column 'target' is empty"),
        ({"a.jsonl": '{"source": "a", "target": null}\n'}, "row 1: column 'target' is empty"),
        ({"a.dict": "alone\n"}, "a.dict, row 1: expected a word and its sounds"),
        ({"a.txt": "one\ntwo\n"}, "a.txt: expected pairs of texts, found lines of one"),
        ({"a.en": "one\ntwo\n"}, "Name the file of the other side too"),
        ({"a.src": "x\n", "b.tgt": "y\n"}, "no file with its lines"),
    ],
)
def test_what_is_missing_is_named_with_its_place(files: dict[str, str], message: str, reading: Read) -> None:
    options = {"input_column": ("en",), "target": ("de",)} if "a.en" in files else {}
    with pytest.raises(DataError, match=message):
        reading(files, "text", **options)


def test_texts_in_memory_are_pairs() -> None:
    from elman.data.arrays import from_arrays

    assert pairs(from_arrays(["a", "b"], ["x", ("y", "z")], answer="text")) == [("a", "x"), ("b", ("y", "z"))]
