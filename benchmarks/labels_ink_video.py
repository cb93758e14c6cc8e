"""Characters of writers that were not seen are read, and moving shapes are watched through files of video.

The characters are divided by writers, as their file says. The films are drawn here: a filled circle, square or triangle
of some size crosses a noisy picture in one of eight directions at one of three speeds; each is written as a video file
and read back through the package.
"""

from __future__ import annotations

import gzip
import json
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.harness import Data, Figure
from benchmarks.label_runs import Problem
from benchmarks.label_runs import measure as measure_problems
from elman.data.examples import Examples
from elman.data.sources import read_examples
from elman.data.splits import Parts, split
from elman.settings import DataSettings

#: Frames of a film, pixels of a side, and films of each direction and speed.
FRAMES, SIDE, EACH = 16, 32, 25
DIRECTIONS = ("E", "NE", "N", "NW", "W", "SW", "S", "SE")
#: Pixels a frame.
SPEEDS = {"slow": 0.5, "medium": 1.0, "fast": 1.6}


def characters(kind: str, data: Path, run: int) -> Parts:
    """One kind of characters, divided by writers as the file says."""
    with gzip.open(data / "unipen" / "unipen_chars.jsonl.gz", "rt", encoding="utf-8") as lines:
        rows = [row for row in lines if json.loads(row)["kind"] == kind]
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "characters.jsonl").write_text("".join(rows), encoding="utf-8")
        examples = read_examples(Path(folder) / "characters.jsonl", DataSettings(target=("label",)), "class")
    return split(examples, DataSettings(), run)


def films(told: str, data: Path, run: int) -> Parts:
    """Moving shapes in files of video; ``told`` is direction or speed. A fifth for the test."""
    with tempfile.TemporaryDirectory() as folder:
        rng = np.random.default_rng(run)
        for direction in range(len(DIRECTIONS)):
            for speed in SPEEDS:
                for number in range(EACH):
                    write_film(Path(folder) / f"{DIRECTIONS[direction]}_{speed}_{number}.mp4", direction, speed, rng)
        examples = _read(Path(folder), told)
    return split(examples, DataSettings(test_share=0.2), run)


def _read(folder: Path, told: str) -> Examples:
    """The films of a folder with one of the things that their names tell."""
    labels = {path: path.stem.split("_")[0 if told == "direction" else 1] for path in sorted(folder.glob("*.mp4"))}
    for path, label in labels.items():
        (folder / label).mkdir(exist_ok=True)
        path.rename(folder / label / path.name)
    return replace(read_examples(folder, DataSettings(), "class"), groups=None)


def write_film(path: Path, direction: int, speed: str, rng: np.random.Generator) -> None:
    """A shape on its way through the middle of the picture."""
    import av

    angle = 2 * np.pi * direction / len(DIRECTIONS)
    step = SPEEDS[speed] * rng.uniform(0.9, 1.1) * np.array([np.cos(angle), -np.sin(angle)])
    place = SIDE / 2 + rng.uniform(-3, 3, 2) - step * FRAMES / 2
    shape, size, light = rng.integers(3), rng.uniform(3, 6), rng.uniform(100, 200)
    with av.open(str(path), "w") as file:
        stream = file.add_stream("mpeg4", rate=16)
        stream.width = stream.height = SIDE
        stream.pix_fmt = "yuv420p"
        for number in range(FRAMES):
            inside = _inside(int(shape), size, place + number * step)
            picture = rng.normal(40, 10, (SIDE, SIDE)) + light * inside
            grey = np.clip(picture, 0, 255).astype(np.uint8)
            file.mux(stream.encode(av.VideoFrame.from_ndarray(np.stack([grey] * 3, 2), format="rgb24")))
        file.mux(stream.encode())


def _inside(shape: int, size: float, place: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which pixels a circle, square or triangle covers."""
    rows, columns = np.mgrid[:SIDE, :SIDE]
    x, y = columns - place[0], rows - place[1]
    covered: NDArray[np.bool_]
    if shape == 0:
        covered = x**2 + y**2 <= size**2
    elif shape == 1:
        covered = np.maximum(abs(x), abs(y)) <= size * 0.9
    else:
        covered = (y <= size) & (y >= 2 * abs(x) - size)
    return covered


#: As chosen on the writers for validation.
SMOOTHED = {"label_smoothing": 0.05}

PROBLEMS = (
    Problem("Unipen digits", "classify", partial(characters, "digit"), (0, 1, 2), goal=96.0,
            options=SMOOTHED, source="3 to 4% errors on other parts of UNIPEN"),
    Problem("films: direction", "classify", partial(films, "direction"), (0, 1), goal=98.0),
    Problem("films: speed", "classify", partial(films, "speed"), (0, 1), goal=98.0),
    Problem("Unipen upper case", "classify", partial(characters, "upper"), (0,), options=SMOOTHED),
    Problem("Unipen lower case", "classify", partial(characters, "lower"), (0,), options=SMOOTHED),
)  # fmt: skip


def measure(data: Data) -> Sequence[Figure]:
    """Run what is missing, then tell all."""
    return measure_problems(PROBLEMS, data, "labels_ink_video")
