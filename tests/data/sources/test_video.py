from __future__ import annotations

import sys
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from elman.data.examples import Examples
from elman.data.sources import Answer, read_examples
from elman.data.sources.video import from_array
from elman.errors import DataError
from elman.settings import DataSettings


def pixels(frames: int = 5, height: int = 32, width: int = 48, start: int = 4, speed: int = 3) -> NDArray[np.uint8]:
    """A white square on black that moves to the right."""
    found = np.zeros((frames, height, width, 3), np.uint8)
    for number in range(frames):
        found[number, 8:16, start + speed * number : start + 8 + speed * number] = 255
    return found


def write_video(path: Path, frames: NDArray[np.uint8], rate: int = 10) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), mode="w") as container:
        stream = container.add_stream("mpeg4", rate=rate)
        stream.height, stream.width, stream.pix_fmt, stream.bit_rate = *frames.shape[1:3], "yuv420p", 2_000_000
        for picture in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())


def write_folder(folder: Path, frames: NDArray[np.uint8]) -> None:
    folder.mkdir(parents=True)
    for number, picture in enumerate(frames):
        Image.fromarray(picture).save(folder / f"frame{number + 8}.png")


def read(path: Path, answer: Answer | None = "class", **options: object) -> Examples:
    return read_examples(path, DataSettings(**options), answer)  # type: ignore[arg-type]


def test_video_files_by_class(tmp_path: Path) -> None:
    for number in range(2):
        write_video(tmp_path / f"right/{number}.mp4", pixels())
        write_video(tmp_path / f"left/{number}.mp4", pixels()[::-1])
    examples = read(tmp_path)
    assert examples.kind == "frames"
    assert list(examples.targets or []) == ["left", "left", "right", "right"]
    clip = examples.inputs[2]
    assert clip.rate == 10
    assert clip.pixels.shape == (5, 32, 48, 3)
    assert np.abs(clip.pixels.astype(int) - pixels()).mean() < 4


def test_large_videos_are_made_smaller(tmp_path: Path) -> None:
    write_video(tmp_path / "a.mp4", pixels(height=128, width=256))
    assert read(tmp_path, None).inputs[0].pixels.shape == (5, 32, 64, 3)


def test_folders_of_numbered_frames(tmp_path: Path) -> None:
    for label, step in (("right", 1), ("left", -1)):
        for number in range(2):
            write_folder(tmp_path / label / f"clip{number}", pixels()[::step])
    examples = read(tmp_path)
    assert list(examples.names) == ["left/clip0", "left/clip1", "right/clip0", "right/clip1"]
    assert list(examples.targets or []) == ["left", "left", "right", "right"]
    np.testing.assert_array_equal(examples.inputs[2].pixels, pixels())  # frame8, frame9, frame10: by number


def test_a_folder_of_frames_is_one_clip(tmp_path: Path) -> None:
    write_folder(tmp_path / "one", pixels())
    examples = read(tmp_path / "one", None)
    assert list(examples.names) == ["one"]
    assert len(examples.inputs[0].pixels) == 5


def test_arrays_of_frames(tmp_path: Path) -> None:
    for number in range(4):
        np.save(tmp_path / f"{'ab'[number % 2]}_{number}.npy", pixels()[..., 0])
    examples = read(tmp_path)
    assert list(examples.targets or []) == ["a", "a", "b", "b"]
    np.testing.assert_array_equal(examples.inputs[0].pixels, pixels()[..., :1])


def test_a_table_of_clips(tmp_path: Path) -> None:
    rows = ["clip,speed"]
    for number in range(4):
        write_folder(tmp_path / f"clips/c{number}", pixels(start=number))
        rows.append(f"clips/c{number},{number + 0.5}")
    (tmp_path / "all.csv").write_text("\n".join(rows) + "\n")
    for path in (tmp_path, tmp_path / "all.csv"):
        examples = read(path, "numbers", target=("speed",), kind="frames")
        assert [row[0] for row in examples.targets or []] == [0.5, 1.5, 2.5, 3.5]
        np.testing.assert_array_equal(examples.inputs[3].pixels, pixels(start=3))


@pytest.mark.parametrize(
    ("array", "shape"),
    [
        (np.zeros((2, 4, 6), np.uint8), (2, 4, 6, 1)),
        (np.full((2, 4, 6, 3), 0.5), (2, 4, 6, 3)),
        (np.zeros((2, 4, 6, 4), np.int64), (2, 4, 6, 3)),
        (np.zeros((2, 128, 64, 1), np.uint8), (2, 64, 32, 1)),
    ],
)
def test_what_an_array_of_frames_may_be(array: NDArray[np.generic], shape: tuple[int, ...]) -> None:
    found = from_array(array, "a.npy").pixels
    assert found.shape == shape
    assert found.dtype == np.uint8
    assert array.dtype.kind != "f" or (found == 128).all()


def test_what_is_no_clip_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"nothing")
    with pytest.raises(DataError, match=r"a\.mp4: is no video that can be read"):
        read(tmp_path, None)
    write_folder(tmp_path / "c/one", pixels())
    Image.fromarray(pixels(height=8)[0]).save(tmp_path / "c/one/frame99.png")
    with pytest.raises(DataError, match=r"frame99\.png: the pictures of one clip must have one size"):
        read(tmp_path / "c", None)
    (tmp_path / "c/one/frame99.png").write_bytes(b"nothing")
    with pytest.raises(DataError, match=r"frame99\.png: is no picture"):
        read(tmp_path / "c", None)
    for array, message in ((np.zeros((2, 3)), "found shape"), (np.full((2, 3, 3), 300), "found 300 to 300")):
        with pytest.raises(DataError, match=message):
            from_array(array, "a.npy")
    np.save(tmp_path / "b.npy", pixels())
    (tmp_path / "b.npy").write_bytes((tmp_path / "b.npy").read_bytes()[:500])
    (tmp_path / "a.mp4").unlink()
    with pytest.raises(DataError, match=r"b\.npy: is no whole \.npy"):
        read(tmp_path / "b.npy", None)


def test_without_pyav_the_message_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_video(tmp_path / "a.mp4", pixels())
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(DataError, match=r"pip install 'elman\[video\]'"):
        read(tmp_path, None)
