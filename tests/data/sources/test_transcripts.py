from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import soundfile

from elman.codecs.raw import Ink, Series
from elman.data.examples import Examples
from elman.errors import DataError
from source_files import Read


def wav(level: float = 0.1, seconds: float = 0.5, rate: int = 8000) -> bytes:
    stream = io.BytesIO()
    soundfile.write(stream, np.full(int(seconds * rate), level), rate, format="WAV")
    return stream.getvalue()


def npz(**arrays: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    return stream.getvalue()


def levels(examples: Examples) -> list[float]:
    assert examples.kind == "audio"
    assert examples.answer == "text"
    return [round(float(raw.samples[0]), 2) for raw in examples.inputs]


def test_a_table_names_recordings_and_what_is_said(reading: Read) -> None:
    files: dict[str, str | bytes] = {"wavs/a.wav": wav(0.1), "wavs/b.wav": wav(0.2)}
    manifest = "path,text,speaker\nwavs/a.wav,one two,ann\nwavs/b.wav,three,bob\n"
    deep_speech = "wav_filename,wav_filesize,transcript\nwavs/b.wav,99,three\nwavs/a.wav,99,one two\n"
    found = reading({**files, "m.csv": manifest}, "text")
    assert levels(found) == [0.1, 0.2]
    assert found.targets == ["one two", "three"]
    assert found.groups == ["ann", "bob"]
    assert reading({**files, "m.csv": deep_speech}, "text").targets == ["three", "one two"]


def test_rows_may_be_pieces_of_a_recording(reading: Read) -> None:
    table = '{"path": "a.wav", "start": 0.1, "end": 0.3, "text": "x"}\n{"path": "a.wav", "start": 0.3, "text": "y"}\n'
    files: dict[str, str | bytes] = {"a.wav": wav(), "m.jsonl": table}
    found = reading(files, "text")
    assert [len(raw.samples) for raw in found.inputs] == [1600, 1600]
    assert found.names[0] == "a.wav, 0.1 to 0.3 s"
    assert [len(raw.samples) for raw in reading(files, None).inputs] == [1600, 1600]


def test_a_text_stands_beside_each_recording(reading: Read) -> None:
    found = reading({"a.wav": wav(0.1), "a.txt": "ONE", "b.wav": wav(0.2), "b.txt": "TWO"}, "text")
    assert levels(found) == [0.1, 0.2]
    assert found.targets == ["ONE", "TWO"]


def kaldi(**changes: str) -> dict[str, str | bytes]:
    return {
        "train/wav.scp": "r1 a.wav\nr2 a.wav\n", "train/text": "u1 ONE\nu2 TWO THREE\n",
        "train/segments": "u1 r1 0 0.25\nu2 r2 0.25 0.5\n", "train/utt2spk": "u1 ann\nu2 bob\n", "train/a.wav": wav(),
        **{f"train/{name.replace('_', '.')}": text for name, text in changes.items()},
    }  # fmt: skip


def test_a_folder_of_kaldi(reading: Read) -> None:
    found = reading(kaldi(), "text")
    assert levels(found) == [0.1, 0.1]
    assert [len(raw.samples) for raw in found.inputs] == [2000, 2000]
    assert found.targets == ["ONE", "TWO THREE"]
    assert found.groups == ["ann", "bob"]
    assert found.names == ["u1", "u2"]
    assert reading({}, None).names == ["u1", "u2"]


def test_sphinx_and_librispeech_name_files_by_their_ends(reading: Read) -> None:
    features = {"clean/ann/a-1": np.ones((5, 3)), "clean/ann/a-2": 2 * np.ones((4, 3)), "other/b-1": np.zeros((6, 3))}
    found = reading(
        {
            "etc/an_train.transcription": "<s> ONE </s> (a-1)\nTWO (a-2)\n", "etc/an_test.transcription": "SIX (b-1)\n",
            "etc/an_train.fileids": "clean/ann/a-1\nclean/ann/a-2\n", "features.npz": npz(**features),
        },
        "text",
    )  # fmt: skip
    assert found.kind == "series"
    assert found.targets == ["SIX", "ONE", "TWO"]
    assert found.parts == ["test", "train", "train"]
    assert isinstance(found.inputs[2], Series)
    assert found.inputs[2].values.tolist() == [[2.0] * 3] * 4


def test_librispeech_has_a_list_for_each_chapter(reading: Read) -> None:
    lists: dict[str, str | bytes] = {"1/2/1-2.trans.txt": "1-2-0 ONE\n1-2-1 TWO\n"}
    found = reading({**lists, "1/2/1-2-0.wav": wav(0.1), "1/2/1-2-1.wav": wav(0.3)}, "text")
    assert found.targets == ["ONE", "TWO"]
    assert levels(found) == [0.1, 0.3]


def test_features_go_with_a_table_or_with_texts_in_the_archive(reading: Read, tmp_path: Path) -> None:
    arrays = {"u1": np.ones((5, 3)), "u2": np.zeros((4, 3))}
    found = reading({"f/features.npz": npz(**arrays), "f/m.csv": "file,transcript\nu2,two\nu1,one\n"}, "text")
    assert found.kind == "series"
    assert found.targets == ["two", "one"]
    assert [len(raw.values) for raw in found.inputs] == [4, 5]
    for path in (tmp_path / "f").iterdir():
        path.unlink()
    padded = npz(X=np.ones((2, 5, 3)), lengths=np.array([5, 3]), y=np.array(["one two", "three"]))
    found = reading({"f/all.npz": padded}, "text")
    assert found.targets == ["one two", "three"]
    assert [len(raw.values) for raw in found.inputs] == [5, 3]


def test_strokes_have_words(reading: Read) -> None:
    rows = '{"label": "Push", "writer": "ann", "split": "train", "strokes": [[[0, 0], [1, 2]]]}\n'
    found = reading({"words.jsonl": rows + rows.replace("Push", "in").replace("train", "test")}, "text")
    assert found.kind == "ink"
    assert isinstance(found.inputs[0], Ink)
    assert found.targets == ["Push", "in"]
    assert found.parts == ["train", "test"]
    assert found.groups == ["ann", "ann"]


def test_strokes_of_inkml_have_a_truth(reading: Read) -> None:
    ink = '<ink><annotation type="truth">of it</annotation><trace>1 2, 3 4</trace></ink>'
    assert reading({"a.inkml": ink}, "text").targets == ["of it"]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (kaldi(wav_scp="r1 sox a.wav -t wav - |\nr2 a.wav\n"), "is a command, and commands are not run"),
        (kaldi(wav_scp="r1 b.wav\nr2 a.wav\n"), "there is no file 'b.wav'"),
        (kaldi(wav_scp="r1 a.wav\n"), "train/text, row 2: 'r2' is not in"),
        (kaldi(text="u1\n"), "train/text, row 1: 'u1' has no transcript"),
        (kaldi(segments="u1 r1 0.3 0.1\n"), "segments, row 1: expected a start before an end"),
        (kaldi(segments="u1 r1 0 0.2\nu2 r2 0 3\n"), "row 2: goes from 0 to 3 s, but train/a.wav has 0.50 s"),
        ({"a.wav": wav(), "m.csv": "path,text\na.wav,\n"}, "m.csv, row 2: column 'text', to be learnt, is empty"),
        ({"a.wav": wav(), "m.csv": "path,text,start,end\na.wav,x,2,1\n"}, "m.csv, row 2: expected a piece"),
        ({"a.wav": wav()}, "1 recordings, such as a.wav, but nothing that says"),
        ({"x.transcription": "ONE (u)\n", "f.npz": npz(v=np.ones((3, 2)))}, "row 1: there is no array .* 'u'"),
        ({"x.transcription": "ONE\n", "f.npz": npz(v=np.ones((3, 2)))}, "row 1: expected what is said and the name"),
        ({"a.npz": npz(u=np.ones((3, 2)))}, "has one array a sequence"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(files: dict[str, str | bytes], message: str, reading: Read) -> None:
    with pytest.raises(DataError, match=message):
        reading(files, "text")
