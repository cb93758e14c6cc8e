"""What the benchmarks of labels share: each run is done once and kept, and figures are means over runs.

A run trains one model through the public classes, baselines and all, and scores it once on test sequences.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal

import elman
from benchmarks.harness import Data, Figure, commit
from benchmarks.kept_runs import every_run, training_folder
from elman.data.splits import Parts

#: Figures that are shares, shown in per cent.
PERCENT = "%"


@dataclass(frozen=True)
class Problem:
    """Sequences with labels, and what is asked of a model.

    Attributes:
        name: What it is called.
        task: ``classify``, ``tag`` or ``regress``.
        parts: The data of a run, by the folder of the data sets and the number of the run.
        runs: Numbers of its runs: folds, or seeds.
        figure: Key of the figure in the report, such as ``accuracy``.
        goal: The measure that was asked for.
        options: Given to the task; by themselves all is left to the package.
        above_bag: Whether the bag of features is to be reached as well.
        better: Which direction is better.
        unit: Of the figure; shares are shown in per cent.
        source: Where a published figure comes from.
    """

    name: str
    task: Literal["classify", "tag", "regress"]
    parts: Callable[[Path, int], Parts]
    runs: Sequence[int]
    figure: str = "accuracy"
    goal: float | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    above_bag: bool = False
    better: Literal["lower", "higher"] = "higher"
    unit: str = PERCENT
    source: str | None = None


@dataclass(frozen=True)
class Run:
    """One model trained and scored.

    Attributes:
        problem: Its name.
        run: Its number.
        value: Of the test sequences.
        bag: That of the bag of features on the same data.
        feed_forward: That of the network without memory.
        alone: That of the recurrent part without the bag, where there is one beside it.
        seconds: Of training, by the clock, baselines not counted.
        all_seconds: Until everything was done.
        parameters: Of the network.
        commit: That was run.
    """

    problem: str
    run: int
    value: float
    bag: float | None
    feed_forward: float | None
    alone: float | None
    seconds: float
    all_seconds: float
    parameters: int
    commit: str


def measure(problems: Sequence[Problem], data: Data, name: str) -> list[Figure]:
    """Run what is missing in ``results/NAME.jsonl``, then tell all."""
    places = [(place, problem) for problem in problems for place in range(len(problem.runs))]
    # The first run of every problem comes before the second of any.
    wanted = [
        (problem.name, problem.runs[place], partial(train, problem, problem.runs[place], data))
        for place, problem in sorted(places, key=lambda pair: pair[0])
    ]
    runs = every_run(name, Run, wanted)
    return [figure for problem in problems for figure in figures(problem, runs)]


def train(problem: Problem, number: int, data: Data) -> Run:
    """Train and score one model; its number is the seed."""
    classes: dict[str, Any] = {"classify": elman.Classifier, "tag": elman.Tagger, "regress": elman.Regressor}
    parts = problem.parts(data.path("."), number)
    model = classes[problem.task](seed=number, **problem.options)
    began = time.perf_counter()
    with training_folder(problem.name, number) as (folder, begun):
        model.fit_parts(parts, out=folder, resume=begun)
    scored = model.metrics["test"]
    scale = 100 if problem.unit == PERCENT else 1

    def of(who: str) -> float | None:
        return round(scale * scored[who][problem.figure], 3) if who in scored else None

    return Run(
        problem.name,
        number,
        scale * scored["model"][problem.figure],
        of("bag of features"),
        of("feed-forward"),
        of("recurrent part alone"),
        round(model.metrics["training"]["seconds"], 1),
        round(time.perf_counter() - began, 1),
        sum(value.size for value in model.model.tensors.values()),
        commit(),
    )


def figures(problem: Problem, runs: Sequence[Run]) -> list[Figure]:
    """The mean over its runs, and how far it is from the bag; nothing where there is no run yet."""
    mine = [run for run in runs if run.problem == problem.name and run.run in problem.runs]
    if not mine:
        return []
    values = [run.value for run in mine]
    spread = f", deviation {statistics.stdev(values):.2f}" if len(values) > 1 else ""
    beside = {
        "bag of features": _mean([run.bag for run in mine]),
        "feed-forward": _mean([run.feed_forward for run in mine]),
        "recurrent part alone": _mean([run.alone for run in mine]),
    }
    told = ", ".join(f"{name} {value:.2f}" for name, value in beside.items() if value is not None)
    longest = f"{max(run.seconds for run in mine):.0f} s of training at most"
    what = f"{problem.name}: {problem.figure.replace('_', '-')} of {len(mine)} of {len(problem.runs)} runs{spread}"
    mean = statistics.fmean(values)
    found = [
        Figure(what, round(mean, 3), problem.unit, problem.better, problem.goal, f"{told}; {longest}", problem.source)
    ]
    bag = beside["bag of features"]
    if problem.above_bag and bag is not None:
        sign = 1 if problem.better == "higher" else -1
        name = f"{problem.name}: above the bag of features"
        found.append(Figure(name, round(sign * (mean - bag), 3) + 0.0, problem.unit, "higher", 0.0))
    return found


def _mean(values: Sequence[float | None]) -> float | None:
    there = [value for value in values if value is not None]
    return statistics.fmean(there) if there else None
