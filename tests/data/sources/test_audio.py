from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
import soundfile

from elman.data.examples import Examples
from elman.data.sources import Answer, read_examples
from elman.data.sources.audio import one_rate
from elman.errors import DataError
from elman.settings import DataSettings


def write(path: Path, rate: int = 8000, channels: int = 1, level: float = 0.25) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    sound = np.full((80, channels), level) * (np.arange(channels) + 1)
    soundfile.write(path, sound, rate)
    return path


def read(path: Path, answer: Answer | None = "class", **options: object) -> Examples:
    return read_examples(path, DataSettings(**options), answer)  # type: ignore[arg-type]


@pytest.fixture
def spoken(tmp_path: Path) -> Path:
    for digit in range(2):
        for who in ("ann", "bob", "cy"):
            for take in range(2):
                write(tmp_path / f"{digit}_{who}_{take}.wav", level=0.1 * (digit + 1))
    return tmp_path


def test_files_named_by_their_class(spoken: Path) -> None:
    examples = read(spoken)
    assert examples.kind == "audio"
    assert list(examples.targets or []) == ["0"] * 6 + ["1"] * 6
    assert examples.groups == ["ann", "ann", "bob", "bob", "cy", "cy"] * 2
    assert examples.names[0] == "0_ann_0.wav"
    assert examples.guessed == {"kind": "audio", "target": ("{}_*",), "group": "*_{}_*"}
    assert len(examples.notes) == 2
    assert examples.inputs[0].rate == 8000
    np.testing.assert_allclose(examples.inputs[6].samples, 0.2, atol=1e-4)
    assert read(spoken, **examples.guessed).targets == examples.targets
    assert read(spoken, **examples.guessed).notes == ()


def test_patterns_win(spoken: Path) -> None:
    examples = read(spoken, target=("*_{}_*",), group="{}_*")
    assert set(examples.targets or []) == {"ann", "bob", "cy"}
    assert set(examples.groups or []) == {"0", "1"}


def test_numbers_and_sets_in_names(spoken: Path) -> None:
    assert [row[0] for row in read(spoken, "numbers", target=("*_*_{}",)).targets or []] == [0.0, 1.0] * 6
    assert (read(spoken, "classes").targets or [])[0] == {"0"}
    with pytest.raises(DataError, match="expected a number to learn"):
        read(spoken, "numbers", target=("*_{}_*",))
    with pytest.raises(DataError, match="no tag for every step"):
        read(spoken, "tags", target=("*_{}_*",))


def test_folders_by_class_with_parts_formats_rates_and_channels(tmp_path: Path) -> None:
    write(tmp_path / "train/yes/a.wav")
    write(tmp_path / "train/yes/b.flac", 16000)
    write(tmp_path / "train/no/a.ogg", 22050)
    write(tmp_path / "train/no/b.wav", channels=2, level=0.2)
    write(tmp_path / "test/yes/c.wav")
    write(tmp_path / "test/no/c.wav")
    (tmp_path / "README.md").write_text("Words.")
    examples = read(tmp_path)
    assert dict(zip(examples.names, examples.targets or [], strict=True))["train/no/a.ogg"] == "no"
    assert examples.parts == ["test", "test", "train", "train", "train", "train"]
    assert sorted({recording.rate for recording in examples.inputs}) == [8000, 16000, 22050]
    stereo = examples.inputs[list(examples.names).index("train/no/b.wav")]
    np.testing.assert_allclose(stereo.samples, 0.3, atol=1e-4)
    assert stereo.samples.dtype == np.float32


def test_archives_are_read_like_folders(spoken: Path, tmp_path: Path) -> None:
    packed = tmp_path / "all.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        for file in sorted(spoken.glob("*.wav")):
            archive.write(file, f"recordings/{file.name}")
    assert list(read(packed).targets or []) == ["0"] * 6 + ["1"] * 6


@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
@pytest.mark.parametrize("inside", [True, False])
def test_a_table_of_files(suffix: str, inside: bool, tmp_path: Path) -> None:
    rows = []
    for number in range(6):
        write(tmp_path / f"clips/{number}.wav", level=0.05 * number)
        rows.append({"path": f"clips/{number}.wav", "label": "ab"[number % 2], "speaker": f"s{number // 2}"})
    write(tmp_path / "clips/unused.wav")
    table = tmp_path / f"all.{suffix}"
    if suffix == "csv":
        table.write_text("path,label,speaker\n" + "".join(",".join(row.values()) + "\n" for row in rows))
    else:
        table.write_text("".join(json.dumps(row) + "\n" for row in rows))
    examples = read(tmp_path if inside else table)
    assert examples.kind == "audio"
    assert list(examples.targets or []) == list("ababab")
    assert examples.groups == ["s0", "s0", "s1", "s1", "s2", "s2"]
    np.testing.assert_allclose(examples.inputs[5].samples, 0.25, atol=1e-4)
    assert any("Column 'path' names the files, 'label' is to be learnt." in note for note in examples.notes)
    assert any("1 files that no row names" in note for note in examples.notes) == inside


def test_a_table_of_plain_names(tmp_path: Path) -> None:
    for number in range(4):
        write(tmp_path / f"audio/clip{number}.flac")
    (tmp_path / "labels.tsv").write_text("clip\tclass\n" + "".join(f"clip{n}\t{'xy'[n % 2]}\n" for n in range(4)))
    assert list(read(tmp_path).targets or []) == list("xyxy")


def test_a_missing_file_is_named_with_its_row(tmp_path: Path) -> None:
    write(tmp_path / "a.wav")
    write(tmp_path / "b.wav")
    (tmp_path / "all.csv").write_text("path,label\na.wav,x\nb.wav,y\nc.wav,x\n")
    with pytest.raises(DataError, match=r"all\.csv, row 4: there is no file 'c\.wav'"):
        read(tmp_path)


def test_nothing_needs_to_be_known_for_predictions(tmp_path: Path) -> None:
    examples = read(write(tmp_path / "one.wav"), None, target=("label",), group="*_{}")
    assert (examples.targets, examples.groups, list(examples.names)) == (None, None, ["one.wav"])


def test_where_no_class_is_told_the_message_says_how(tmp_path: Path) -> None:
    for name in ("1", "2", "3"):
        write(tmp_path / f"{name}.wav")
    with pytest.raises(DataError, match=r"3 recordings, such as 1\.wav, but neither folders nor .* --target PATTERN"):
        read(tmp_path)
    with pytest.raises(DataError, match="--target 'label' names a column, but here are recordings"):
        read(tmp_path, target=("label",))


def test_broken_sound_is_named(tmp_path: Path) -> None:
    write(tmp_path / "a/1.wav")
    write(tmp_path / "b/1.wav")
    (tmp_path / "a/2.wav").write_bytes(b"RIFFnothing")
    write(tmp_path / "b/2.wav")
    with pytest.raises(DataError, match=r"a/2\.wav: is no sound that libsndfile reads"):
        read(tmp_path)


def test_mixed_rates_are_told_with_a_file_of_each(tmp_path: Path) -> None:
    write(tmp_path / "a_1.wav")
    write(tmp_path / "b_1.wav", rate=16000)
    examples = read(tmp_path, None)
    with pytest.raises(DataError, match=r"2 sample rates: 1 of 8000 such as a_1.wav, 1 of 16000 such as b_1.wav"):
        one_rate(examples)
    one_rate(examples.take([0]))
