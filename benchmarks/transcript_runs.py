"""What the benchmarks of transcripts share: each run is done once and kept, and figures are means over runs.

A run trains one model through the public class, and scores it once on test sequences, decoded in several ways. The file
of runs grows line by line: what is there is not run again, so a benchmark may be stopped at any time and goes on later.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import elman
from benchmarks.harness import Data, Figure, commit
from benchmarks.kept_runs import every_run, training_folder
from elman.codecs.raw import pieces
from elman.data.examples import Examples
from elman.data.splits import Parts
from elman.metrics.transcripts import errors
from elman.runtime.transcripts import Decoding
from elman.settings import DecodingSettings
from elman.tasks.transcript_report import MODEL

#: What each figure is called, by its key in a report.
NAMES = {"wer": "word error", "cer": "character error"}


@dataclass(frozen=True)
class Way:
    """One way to decode.

    Attributes:
        name: What it is called.
        options: Of `elman.settings.DecodingSettings`.
        goals: By figure, in per cent.
        lowercase: Whether transcripts and truth are compared in lower case.
        seconds: The most that decoding the test may take; None where nobody asked.
        pieces: In how many pieces a sequence comes through a stream; 0 takes it as a whole.
    """

    name: str
    options: Mapping[str, Any] = field(default_factory=dict)
    goals: Mapping[str, float] = field(default_factory=dict)
    lowercase: bool = False
    seconds: float | None = None
    pieces: int = 0


@dataclass(frozen=True)
class Problem:
    """Sequences with transcripts, and what is asked of a model.

    Attributes:
        name: What it is called.
        parts: The data of a run, by the folder of the data sets and the number of the run.
        ways: In which the test is decoded, the first without anything that is known of the language.
        runs: Numbers of its runs, which are its seeds.
        options: Given to the task; by themselves all is left to the package.
        source: Where a published figure comes from.
    """

    name: str
    parts: Callable[[Path, int], Parts]
    ways: Sequence[Way]
    runs: Sequence[int] = (0,)
    options: Mapping[str, Any] = field(default_factory=dict)
    source: str | None = None


@dataclass(frozen=True)
class Run:
    """One model trained, and scored in every way.

    Attributes:
        problem: Its name.
        run: Its number.
        figures: Word and character error in per cent of each way, and the seconds it took.
        seconds: Of training, by the clock.
        parameters: Of the network.
        commit: That was run.
    """

    problem: str
    run: int
    figures: dict[str, dict[str, float]]
    seconds: float
    parameters: int
    commit: str


def measure(problems: Sequence[Problem], data: Data, name: str) -> list[Figure]:
    """Run what is missing in ``results/NAME.jsonl``, then tell all."""
    wanted = [
        (problem.name, number, partial(train, problem, number, data.path(".")))
        for problem in problems
        for number in problem.runs
    ]
    runs = every_run(name, Run, wanted)
    return [figure for problem in problems for figure in figures(problem, runs)]


def train(problem: Problem, number: int, data: Path) -> Run:
    """Train one model, whose seed is its number, and score it in every way."""
    parts = problem.parts(data, number)
    model = elman.Transcriber(seed=number, **problem.options)
    with training_folder(problem.name, number) as (folder, begun):
        model.fit_parts(parts, out=folder, resume=begun)
        model = elman.Transcriber.load(folder)
    return Run(
        problem.name,
        number,
        {way.name: score(model, parts, way) for way in problem.ways},
        round(model.metrics["training"]["seconds"], 1),
        sum(value.size for value in model.model.tensors.values()),
        commit(),
    )


def score(model: elman.Transcriber, parts: Parts, way: Way) -> dict[str, float]:
    """Decode the test in one way; weights that are left open were chosen on held-out data."""
    assert parts.test is not None
    began = time.perf_counter()
    decoding = model.decoding(DecodingSettings(**way.options))
    if way.pieces:
        found = _streamed(model, parts.test, decoding, way.pieces)
    else:
        figures = model.evaluate(parts.test, decoding=decoding, lowercase=way.lowercase).figures["data"][MODEL]
        found = {key: figures[key] for key in NAMES}
    seconds = time.perf_counter() - began
    return {**{key: 100 * value for key, value in found.items()}, "seconds": round(seconds, 1)}


def _streamed(model: elman.Transcriber, test: Examples, decoding: Decoding, count: int) -> dict[str, float]:
    """Word and character error where every sequence comes in so many pieces."""
    live, said = model.stream(decoding), []
    for raw in test.inputs:
        live.reset()
        for piece in pieces(raw, count):
            live.push(piece)
        said.append(live.flush().text)
    truth = [str(target) for target in test.targets or ()]
    return {"wer": errors(truth, said, "words").rate, "cer": errors(truth, said, "characters").rate}


def figures(problem: Problem, runs: Sequence[Run]) -> list[Figure]:
    """The mean over its runs of every way and figure; nothing where there is no run yet."""
    mine = [run for run in runs if run.problem == problem.name and run.run in problem.runs]
    if not mine:
        return []
    longest = max(run.seconds for run in mine)
    found = [
        Figure(f"{problem.name}: minutes of training at most", round(longest / 60, 1), "min", "lower", 60.0),
    ]
    for way in problem.ways:
        for key, called in NAMES.items():
            values = [run.figures[way.name][key] for run in mine]
            what = f"{problem.name}, {way.name}: {called} of {len(mine)} of {len(problem.runs)} runs"
            spread = f"deviation {statistics.stdev(values):.2f}" if len(values) > 1 else None
            value = round(statistics.fmean(values), 3)
            found.append(Figure(what, value, "%", "lower", way.goals.get(key), spread, problem.source))
        slowest = max(run.figures[way.name]["seconds"] for run in mine)
        found.append(
            Figure(f"{problem.name}, {way.name}: seconds to decode the test", slowest, "s", "lower", way.seconds)
        )
    return found
