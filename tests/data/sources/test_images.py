from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from elman.codecs.raw import Picture
from elman.data.arrays import from_arrays
from elman.data.examples import Examples
from elman.errors import DataError
from source_files import Read


def png(level: int = 40, mode: str = "L", size: tuple[int, int] = (9, 6)) -> bytes:
    stream = io.BytesIO()
    colour = {"L": level, "1": level > 127, "RGB": (level, 0, 0), "RGBA": (level, level, level, 0), "P": level}[mode]
    Image.new(mode, size, colour).save(stream, "png")
    return stream.getvalue()


def levels(examples: Examples) -> list[int]:
    assert examples.kind == "images"
    assert all(isinstance(raw, Picture) for raw in examples.inputs)
    return [int(raw.pixels[0, 0, 0]) for raw in examples.inputs]


def test_lines_have_their_text_in_a_file_beside(reading: Read) -> None:
    files = {
        "train/a.png": png(10), "train/a.gt.txt": "ein Wort\n", "train/b.bin.png": png(20), "train/b.gt.txt": "zwei",
        "extra_test/c.png": png(30), "extra_test/c.gt.txt": "drei",
    }  # fmt: skip
    found = reading(files, "text")
    assert levels(found) == [30, 10, 20]
    assert found.targets == ["drei", "ein Wort", "zwei"]
    assert found.names[1] == "train/a.png"
    assert found.parts == ["test", "train", "train"]
    assert found.guessed == {"kind": "images"}
    assert reading(files, "text", group="{}/*").groups == ["extra_test", "train", "train"]


def test_a_table_names_lines_in_an_archive(tmp_path: Path, reading: Read) -> None:
    with zipfile.ZipFile(tmp_path / "lines.zip", "w") as archive:
        for number, name in enumerate(("train/a.png", "valid/b.png", "train/c.png")):
            archive.writestr(name, png(number))
    table = "file\tdocument\ttext\ntrain/c.png\tp1\tdritte\ntrain/a.png\tp1\terste\nvalid/b.png\tp2\tzweite\n"
    found = reading({"transcripts.tsv": table}, "text")
    assert levels(found) == [2, 0, 1]
    assert found.targets == ["dritte", "erste", "zweite"]
    assert found.groups == ["p1", "p1", "p2"]
    assert found.parts == ["train", "train", "valid"]
    assert levels(reading({}, None, kind="images")) == [0, 2, 1]


CAPTIONS = {
    "captions.csv": "image,caption\na.png,a dog\na.png,the dog\nb.png,a cat\nb.png,one cat\n",
    "captions.txt": "a.png#0\ta dog\na.png#1\tthe dog\nb.png#0\ta cat\nb.png#1\tone cat\n",
    "captions.jsonl": '{"image": "a.png", "captions": ["a dog", "the dog"]}\n'
    '{"image": "b.png", "captions": ["a cat", "one cat"]}\n',
    "coco.json": json.dumps({
        "images": [{"id": 1, "file_name": "a.png"}, {"id": 2, "file_name": "b.png"}],
        "annotations": [{"image_id": 1 + (n > 1), "caption": text}
                        for n, text in enumerate(("a dog", "the dog", "a cat", "one cat"))],
    }),
    "karpathy.json": json.dumps({"images": [
        {"filename": "a.png", "split": "restval", "sentences": [{"raw": "a dog"}, {"raw": "the dog"}]},
        {"filename": "b.png", "split": "test", "sentences": [{"raw": "a cat"}, {"raw": "one cat"}]},
    ]}),
}  # fmt: skip


@pytest.mark.parametrize("name", CAPTIONS)
def test_all_captions_of_a_picture_are_right(name: str, reading: Read) -> None:
    found = reading({"a.png": png(5), "b.png": png(6), name: CAPTIONS[name]}, "text")
    assert levels(found) == [5, 6]
    assert found.targets == [("a dog", "the dog"), ("a cat", "one cat")]
    assert found.parts == (["train", "test"] if name.startswith("karpathy") else None)


def test_pictures_are_grey_unless_they_have_colour(reading: Read) -> None:
    files = {f"{mode}.png": png(200, mode) for mode in ("1", "L", "P", "RGB", "RGBA")}
    found = reading(files, None, kind="images")
    shapes = {name: raw.pixels.shape for name, raw in zip(found.names, found.inputs, strict=True)}
    assert shapes["RGB.png"] == (6, 9, 3)
    assert {shapes[f"{mode}.png"] for mode in ("1", "L", "RGBA")} == {(6, 9, 1)}
    assert (found.inputs[found.names.index("RGBA.png")].pixels == 255).all()  # transparent is white
    assert all(raw.pixels.dtype == np.uint8 for raw in found.inputs)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"a.png": png()[:40], "a.gt.txt": "x"}, r"a.png: is no picture that Pillow reads"),
        ({"a.png": png(), "a.gt.txt": " \n"}, r"a.gt.txt: is empty"),
        ({"a.png": png()}, "1 pictures, such as a.png, but nothing that says what stands in them"),
        ({"a.png": png(), "b.png": png(), "t.csv": "file,text\na.png,x\nb.png,\n"}, "t.csv, row 3: .* is empty"),
        (
            {"a.png": png(), "t.csv": "file,text\na.png,x\na.png,y\nc.png,z\n"},
            "there is no file 'c.png'. Paths in a table go from its folder",
        ),
        ({"a.png": png(), "t.txt": "a.png#0\tx\nno caption\n"}, "t.txt, row 2: expected 'image.jpg#0'"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(files: dict[str, str | bytes], message: str, reading: Read) -> None:
    with pytest.raises(DataError, match=message):
        reading(files, "text")


def test_pictures_are_asked_for_a_text_alone(reading: Read) -> None:
    with pytest.raises(DataError, match="which nothing here reads"):
        reading({"a.png": png(), "a.gt.txt": "x"}, "class", kind="images")


def test_pixels_in_memory_are_pictures() -> None:
    pixels = np.zeros((6, 9, 1), np.uint8)
    found = from_arrays([pixels, Picture(pixels)], ["a", ("b", "c")], answer="text")
    assert found.kind == "images"
    assert [raw.pixels.shape for raw in found.inputs] == [(6, 9, 1)] * 2
    assert found.targets == ["a", ("b", "c")]
