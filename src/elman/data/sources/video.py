"""Moving pictures: folders of numbered frames, video files (PyAV), arrays; classes by folders, names or a table."""

from __future__ import annotations

import io
import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from elman.codecs.frames import resize
from elman.codecs.raw import Frames
from elman.data.examples import Answer, Examples
from elman.data.sources.files import Files, SourceFile
from elman.data.sources.items import Item, named_by_path, named_by_table, tables_of
from elman.errors import DataError

if TYPE_CHECKING:
    from elman.settings import DataSettings

VIDEOS = (".mp4", ".avi", ".mov", ".mkv", ".webm", ".mpg", ".mpeg", ".m4v", ".ogv", ".wmv", ".gif")
PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".pgm", ".ppm", ".tif", ".tiff", ".webp")
ARRAYS = (".npy",)

#: Pixels of the longer side that are kept in memory; codecs take still fewer.
LARGEST = 64
#: Frames that are made smaller at once.
_BLOCK = 32


def read(files: Files, data: DataSettings, answer: Answer | None) -> Examples | None:
    """Clips, each with what its folder, its name or a table tells; None where the files are no moving pictures."""
    if data.kind not in ("auto", "frames"):
        return None
    items = [*_clips(files, data.kind == "frames"), *_folders(files)]
    table = tables_of(files, (*VIDEOS, *ARRAYS), data, bool(items))
    if table is not None:
        found = named_by_table("frames", table, items, _item_at, data, answer)
        if found is not None:
            return found
    if not items:
        return None
    return named_by_path("frames", items, files.asked, data, answer, "clips")


def _clips(files: Files, certain: bool) -> list[Item]:
    """Files that are a clip each."""
    found = []
    for file in files.of(*VIDEOS, *ARRAYS):
        if file.suffix not in ARRAYS or certain or _holds_pixels(file.content()):
            found.append(Item(file.path, lambda file=file: _decode(file.content(), file.suffix, file.name), file.part))  # type: ignore[misc]
    return found


def _folders(files: Files) -> list[Item]:
    """Folders that hold the pictures of a clip, in the order of the numbers in their names."""
    pictures: dict[PurePosixPath, list[SourceFile]] = defaultdict(list)
    for file in files.of(*PICTURES):
        pictures[file.path.parent].append(file)
    found = []
    for folder, members in pictures.items():
        path = folder if folder.parts else PurePosixPath(Path(files.asked).name)
        ordered = sorted(members, key=lambda file: _number(file.path))
        load = lambda ordered=ordered: _pictures([(file.name, file.content()) for file in ordered])  # noqa: E731
        found.append(Item(path, load, members[0].part))
    return found


def _item_at(path: Path) -> Item | None:
    """The clip that a table names by its path on disk: a file, or a folder of pictures."""
    name = PurePosixPath(path.name)
    if path.is_dir():
        members = sorted((file for file in path.iterdir() if file.suffix.lower() in PICTURES), key=_number)
        return Item(name, lambda: _pictures([(str(file), file.read_bytes()) for file in members])) if members else None
    if path.suffix.lower() not in (*VIDEOS, *ARRAYS) or not path.is_file():
        return None
    return Item(name, lambda: _decode(path.read_bytes(), path.suffix.lower(), str(path)))


def _number(path: Path | PurePosixPath) -> tuple[int, str]:
    """By the last number in a name, so that frame10 comes after frame9."""
    numbers = re.findall(r"\d+", path.stem)
    return int(numbers[-1]) if numbers else 0, path.name


def _decode(raw: bytes, suffix: str, name: str) -> Frames:
    return from_array(_load(raw, name), name) if suffix in ARRAYS else decode_video(raw, name)


def decode_video(raw: bytes, name: str) -> Frames:
    """All frames of the first stream of pictures in a video file, at most 64 pixels wide and high.

    Raises `DataError` where it cannot be read, and where PyAV is not installed.
    """
    try:
        import av
    except ModuleNotFoundError:
        raise DataError(f"{name}: video files need PyAV: pip install 'elman[video]'.") from None
    frames = []
    try:
        with av.open(io.BytesIO(raw), mode="r") as container:
            if not container.streams.video:
                raise DataError(f"{name}: holds no moving pictures.")
            stream = container.streams.video[0]
            rate = stream.average_rate
            for frame in container.decode(stream):
                width, height = _at_most(frame.width, frame.height)
                small = frame.reformat(width=width, height=height, format="rgb24", interpolation="AREA")
                frames.append(small.to_ndarray())
    except (av.error.FFmpegError, OSError) as error:
        raise DataError(f"{name}: is no video that can be read ({error.strerror}). Convert it to MP4.") from None
    if not frames:
        raise DataError(f"{name}: holds no frame.")
    return Frames(np.stack(frames), float(rate) if rate else None)


def from_array(pixels: NDArray[Any], name: str) -> Frames:
    """Frames from an array (time, height, width) or (time, height, width, channels): 0 to 255, or fractions 0 to 1."""
    if pixels.ndim == 3:
        pixels = pixels[..., None]
    if pixels.ndim != 4 or pixels.shape[3] not in (1, 3, 4):
        raise DataError(f"{name}: expected frames (time, height, width[, channels]), found shape {pixels.shape}.")
    if pixels.dtype.kind == "f" and pixels.size and pixels.min() >= 0 and pixels.max() <= 1:
        pixels = np.rint(pixels * 255)
    if pixels.size and (pixels.min() < 0 or pixels.max() > 255):
        raise DataError(f"{name}: expected pixels of 0 to 255, found {pixels.min()} to {pixels.max()}.")
    return Frames(_small(pixels[..., :3].astype(np.uint8)))


def _pictures(files: Sequence[tuple[str, bytes]]) -> Frames:
    """One clip of pictures of one size. Raises `DataError` that names the picture."""
    from PIL import Image, UnidentifiedImageError

    frames: list[NDArray[np.uint8]] = []
    sizes = set()
    for name, raw in files:
        try:
            picture = Image.open(io.BytesIO(raw)).convert("RGB")
        except (UnidentifiedImageError, OSError):
            raise DataError(f"{name}: is no picture that Pillow reads. Convert it to PNG.") from None
        sizes.add(picture.size)
        if len(sizes) > 1:
            raise DataError(f"{name}: the pictures of one clip must have one size, found {sizes} pixels.")
        frames.append(_small(np.asarray(picture)[None])[0])
    return Frames(np.stack(frames))


def _small(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Frames of at most `LARGEST` pixels on the longer side."""
    height, width = pixels.shape[1:3]
    new_width, new_height = _at_most(width, height)
    if (new_width, new_height) == (width, height):
        return pixels
    blocks = (pixels[start : start + _BLOCK] for start in range(0, len(pixels), _BLOCK))
    return np.concatenate([np.rint(resize(block, new_height, new_width)).astype(np.uint8) for block in blocks])


def _at_most(width: int, height: int) -> tuple[int, int]:
    scale = min(1.0, LARGEST / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))


def _load(raw: bytes, name: str) -> NDArray[Any]:
    try:
        array: NDArray[Any] = np.load(io.BytesIO(raw), allow_pickle=False)
    except (ValueError, EOFError, OSError):
        raise DataError(f"{name}: is no whole .npy file of numbers.") from None
    return array


def _holds_pixels(raw: bytes) -> bool:
    """Whether an array is frames, by its header: whole numbers of 8 bits over time, height and width."""
    try:
        stream = io.BytesIO(raw[:4096])
        version = np.lib.format.read_magic(stream)
        header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, kind = header(stream)
    except ValueError:
        return False
    return bool(kind == np.uint8) and (len(shape) == 3 or (len(shape) == 4 and shape[3] in (1, 3, 4)))
