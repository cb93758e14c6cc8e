"""Series are classified, and numbers learnt from them: archives of gestures and speech, radio, fingertips, bodies, air.

Training and test sequences are as the data give them; where nothing says which are held out, none are: sets of 40
cannot spare any. Settings were chosen by cross-validation on the training parts.
"""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.harness import Data, Figure
from benchmarks.label_runs import Problem
from benchmarks.label_runs import measure as measure_problems
from elman.codecs.raw import Series
from elman.data.arrays import from_arrays
from elman.data.examples import Examples
from elman.data.sources import read_examples
from elman.data.splits import Parts, split
from elman.settings import DataSettings

SEEDS = (0, 1, 2)

#: Parts into which each gesture's rows are cut, in their order, and those for validation and test of a run.
BLOCKS = 8
BLOCK_OF_RUN = {0: (5, 6), 1: (1, 2), 2: (3, 4)}
#: Rows of the table that share points with a row: neighbours across the edge of a block are left out.
OVERLAP = 16

#: Hours that are read, hours whose mean is told, and between two windows.
HOURS_READ, HOURS_TOLD, HOURS_APART = 72, 24, 6
#: Measurements of which so many must be there.
FEWEST_READ, FEWEST_TOLD = 36, 18

#: Frames of a second, and between two windows.
SECOND, FRAMES_APART = 60, 10
ACTIONS = ("basketball", "jumping", "running", "soccer", "walking")


def archive(name: str, data: Path, run: int) -> Parts:
    """A set of the UEA archive with its own test part, nothing held out."""
    folder = data / "ucr_uea"
    ours = DataSettings(held_out=0.0)
    if (folder / f"{name}.npz").exists():
        return split(read_examples(folder / f"{name}.npz", ours, "class"), ours, run)
    train, test = (read_examples(folder / f"{name}_{part}.ts.gz", ours, "class") for part in ("TRAIN", "TEST"))
    return split(train, ours, run, None, test)


def gestures(data: Path, run: int) -> Parts:
    """Fingertips: rows that overlap in time stay in one part."""
    table = pd.read_csv(data / "hand_gesture_keypoints" / "point_history.csv.gz", header=None).to_numpy()
    labels = table[:, 0].astype(int)
    points = table[:, 1:].reshape(len(table), -1, 2)
    place = np.concatenate([np.arange(count) * BLOCKS / count for count in np.bincount(labels)])
    block = place.astype(int)
    edge = np.concatenate([_near_edges(block[labels == label]) for label in range(labels.max() + 1)])
    whole = from_arrays(list(points), [str(label) for label in labels], answer="class")
    valid, test = BLOCK_OF_RUN[run]
    return Parts(
        whole.take(np.flatnonzero((block != valid) & (block != test) & ~edge)),
        whole.take(np.flatnonzero((block == valid) & ~edge)),
        whole.take(np.flatnonzero(block == test)),
    )


def _near_edges(block: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which rows of a class share points with rows of another block."""
    there = np.arange(len(block))
    before, after = block[np.maximum(there - OVERLAP, 0)], block[np.minimum(there + OVERLAP, len(block) - 1)]
    near: NDArray[np.bool_] = (before != block) | (after != block)
    return near


def indoor(data: Path, run: int) -> Parts:
    """Walkers and radio: rooms 1 and 2 to learn from, the third unseen."""
    with tempfile.TemporaryDirectory() as folder:
        with zipfile.ZipFile(data / "indoor_movement" / "IndoorMovement.zip") as file:
            file.extractall(folder)
        (top,) = Path(folder).rglob("*_target.csv")
        room = np.loadtxt(next(Path(folder).rglob("*_DatasetGroup.csv")), delimiter=",")[:, 1]
        change = np.loadtxt(top, delimiter=",")[:, 1]
        walks = [
            np.loadtxt(next(Path(folder).rglob(f"*_RSS_{number}.csv")), delimiter=",")
            for number in range(1, len(room) + 1)
        ]
    whole = from_arrays(walks, ["stays" if each < 0 else "changes" for each in change], answer="class")
    train, test = (whole.take(np.flatnonzero(chosen)) for chosen in (room < 3, room == 3))
    return split(train, DataSettings(), run, None, test)


def particles(data: Path, run: int) -> Parts:
    """Beijing: from 72 hours of fine dust and weather the mean dust of the 24 hours after, 2013 held out, 2014 test."""
    table = pd.read_csv(data / "beijing_pm25" / "pollution.csv.gz")
    dust = table["pm2.5"].to_numpy(float)
    weather = table[["DEWP", "TEMP", "PRES", "Iws", "Is", "Ir"]].to_numpy(float)
    wind = pd.get_dummies(table["cbwd"]).to_numpy(float)
    values = np.column_stack([dust, weather, wind])
    year = table["year"].to_numpy()
    chosen = [
        hour
        for hour in range(HOURS_READ, len(dust) - HOURS_TOLD + 1, HOURS_APART)
        if np.isfinite(dust[hour - HOURS_READ : hour]).sum() >= FEWEST_READ
        and np.isfinite(dust[hour : hour + HOURS_TOLD]).sum() >= FEWEST_TOLD
        and year[hour - HOURS_READ] in (year[hour + HOURS_TOLD - 1], 2010, 2011)
    ]
    whole = Examples(
        "series",
        [Series(values[hour - HOURS_READ : hour]) for hour in chosen],
        [np.array([np.nanmean(dust[hour : hour + HOURS_TOLD])]) for hour in chosen],
        [f"pollution.csv, row {hour + 1}" for hour in chosen],
        outputs=("mean of the next 24 hours",),
    )
    when = year[np.array(chosen)]
    train, valid, test = (whole.take(np.flatnonzero(part)) for part in (when < 2013, when == 2013, when == 2014))
    return Parts(train, valid, test)


def actions(data: Path, run: int) -> Parts:
    """Bodies: windows of a second; one recording of each action for validation, another one, as given, for the test."""
    archive = np.load(data / "cmu_mocap" / "cmu_mocap_5actions_60fps.npz")
    held_out = 5 - run

    def windows(part: str, numbers: Sequence[int]) -> Examples:
        found, labels = [], []
        for action in ACTIONS:
            for number in numbers:
                frames = archive[f"{part}/{action}_{number}"]
                starts = range(0, len(frames) - SECOND + 1, FRAMES_APART)
                found += [frames[start : start + SECOND] for start in starts]
                labels += [action] * len(starts)
        return from_arrays(found, labels, answer="class")

    train = windows("train", [number for number in range(1, 6) if number != held_out])
    return Parts(train, windows("train", [held_out]), windows("test", [1]))


def ridge(data: Path) -> float:
    """RMSE of ridge regression on the whole window, the penalty chosen on 2013: beside the network."""
    from sklearn.linear_model import Ridge

    parts = particles(data, 0)
    assert parts.valid is not None
    assert parts.test is not None
    rows, truth = zip(*(_flat(part) for part in (parts.train, parts.valid, parts.test)), strict=True)
    mean, deviation = rows[0].mean(0), rows[0].std(0) + 1e-9
    train, valid, test = ((part - mean) / deviation for part in rows)
    models = [Ridge(alpha=10.0**power).fit(train, truth[0]) for power in range(6)]
    best = min(models, key=lambda model: float(((model.predict(valid) - truth[1]) ** 2).mean()))
    return float(np.sqrt(((best.predict(test) - truth[2]) ** 2).mean()))


def _flat(part: Examples) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Windows as rows, gaps filled with what was measured before, and the truth."""
    series = [each for each in part.inputs if isinstance(each, Series)]
    filled = [pd.DataFrame(each.values).ffill().bfill().to_numpy().ravel() for each in series]
    assert part.targets is not None
    return np.stack(filled), np.concatenate(list(part.targets))


def problems(data: Data) -> list[Problem]:
    """What is asked; the goal of the air is what ridge regression reaches."""
    return [
        *(
            Problem(name, "classify", partial(archive, name), SEEDS, goal=goal, source=source)
            for name, goal, source in (
                ("JapaneseVowels", 97.6, "MLSTM-FCN 97.6 (Zhang et al. 2020)"),
                ("BasicMotions", 95.0, "MLSTM-FCN 95.0 (Zhang et al. 2020)"),
                ("Epilepsy", 95.0, "nearest neighbour, DTW 96.4 (Bagnall et al. 2018)"),
                ("Libras", 87.0, "nearest neighbour, DTW 87.2 (Bagnall et al. 2018)"),
                ("RacketSports", 85.0, "nearest neighbour, DTW 80.3 (Bagnall et al. 2018)"),
            )
        ),
        Problem("hand gestures by blocks", "classify", gestures, SEEDS, goal=95.0),
        Problem("indoor movement, rooms unseen", "classify", indoor, SEEDS),
        Problem("actions from one second", "classify", actions, SEEDS),
        Problem("dust of the next day", "regress", particles, SEEDS, "rmse", round(ridge(data.path(".")), 2),
                better="lower", unit="micrograms per cubic metre", source="goal: ridge regression on the same windows"),
    ]  # fmt: skip


def measure(data: Data) -> Sequence[Figure]:
    """Run what is missing, then tell all."""
    return measure_problems(problems(data), data, "labels_series")
