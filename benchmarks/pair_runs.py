"""What the benchmarks from text to text share: each run is done once and kept, and figures are means over runs.

A run trains one model through `elman.Translator`, baselines and all, and writes the test targets once, as was chosen on
held-out data.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np

import elman
from benchmarks.harness import Data, Figure, commit
from benchmarks.kept_runs import every_run, training_folder
from elman.data.examples import Examples
from elman.data.splits import Parts
from elman.tasks.text_report import MODEL, truth_in

#: Score texts against what is right for each: figures by name.
Scorer = Callable[[Sequence[str], Sequence[Sequence[str]]], Mapping[str, float]]

#: Seconds of training that may be taken.
LONGEST = 3_600


@dataclass(frozen=True)
class Goal:
    """One of the figures of a problem.

    Attributes:
        key: In what the scorer gives.
        what: What it is called.
        unit: Its unit.
        better: Which direction is better.
        goal: The measure that was asked for.
        source: Where a published figure comes from.
    """

    key: str
    what: str
    unit: str
    better: Literal["lower", "higher"]
    goal: float | None = None
    source: str | None = None


@dataclass(frozen=True)
class Problem:
    """Pairs of texts, and what is asked of a model.

    Attributes:
        name: What it is called.
        parts: The data of a run, by the folder of the data sets and the number of the run.
        score: What was written for the test.
        goals: The figures that are told.
        runs: Numbers of its runs, which are seeds.
        options: Given to the task; by themselves all is left to the package.
        decoding: Seconds in which the test set is to be written with a beam of 5.
    """

    name: str
    parts: Callable[[Path, int], Parts]
    score: Scorer
    goals: Sequence[Goal]
    runs: Sequence[int] = (0,)
    options: Mapping[str, Any] = field(default_factory=dict)
    decoding: float | None = None


@dataclass(frozen=True)
class Run:
    """One model trained and scored.

    Attributes:
        problem: Its name.
        run: Its number.
        figures: By who wrote, the model first, and by name.
        beam: That was chosen on held-out data, with the length penalty.
        decoding: Seconds in which the test set was written with a beam of 5.
        seconds: Of training, by the clock, baselines not counted.
        all_seconds: Until everything was done, of the last session.
        parameters: Of the network.
        commit: That was run.
    """

    problem: str
    run: int
    figures: dict[str, dict[str, float]]
    beam: tuple[int, float]
    decoding: float
    seconds: float
    all_seconds: float
    parameters: int
    commit: str


def by_source(examples: Examples) -> Examples:
    """Each source once, with all its targets, of which each is right."""
    targets: dict[str, dict[str, None]] = {}
    for source, target in zip(map(str, examples.inputs), examples.targets or (), strict=True):
        targets.setdefault(source, {})[str(target)] = None
    known = [tuple(several) for several in targets.values()]
    return replace(examples, inputs=list(targets), targets=known, names=list(targets), groups=None)


def divided(examples: Examples, held_out: int, seed: int = 0) -> Parts:
    """A tenth for the test, so many held out, the rest to train; drawn once, the same for every run."""
    order = np.random.default_rng(seed).permutation(len(examples))
    tenth = len(order) // 10
    cuts = np.split(order, [tenth, tenth + held_out])
    test, valid, train = (examples.take(np.sort(rows)) for rows in cuts)
    return Parts(train, valid, test)


def measure(problems: Sequence[Problem], data: Data, name: str) -> list[Figure]:
    """Run what is missing in ``results/NAME.jsonl``, then tell all."""
    wanted = [
        (problem.name, number, partial(train, problem, number, data)) for problem in problems for number in problem.runs
    ]
    runs = every_run(name, Run, wanted)
    return [figure for problem in problems for figure in figures(problem, runs)]


def train(problem: Problem, number: int, data: Data) -> Run:
    """Train and score one model; its number is the seed."""
    parts = problem.parts(data.path("."), number)
    assert parts.test is not None
    model = elman.Translator(seed=number, **problem.options)
    began = time.perf_counter()
    with training_folder(problem.name, number) as (folder, begun):
        model.fit_parts(parts, out=folder, resume=begun)
    assert model.report is not None
    truth, written = truth_in(parts.test), model.report.parts["test"]
    start = time.perf_counter()
    model.predict(parts.test, beam=5)
    decoding = time.perf_counter() - start
    writing = model.settings.writing
    return Run(
        problem.name,
        number,
        {who: dict(problem.score(texts, truth)) for who, texts in written.texts.items()},
        (int(writing.beam), float(writing.length_penalty)),
        round(decoding, 1),
        round(model.metrics["training"]["seconds"], 1),
        round(time.perf_counter() - began, 1),
        sum(value.size for value in model.model.tensors.values()),
        commit(),
    )


def figures(problem: Problem, runs: Sequence[Run]) -> list[Figure]:
    """The means over its runs; nothing where there is no run yet."""
    mine = [run for run in runs if run.problem == problem.name and run.run in problem.runs]
    if not mine:
        return []
    found = []
    for goal in problem.goals:
        means = {who: statistics.fmean(run.figures[who][goal.key] for run in mine) for who in mine[0].figures}
        beside = ", ".join(f"{who} {value:.2f}" for who, value in means.items() if who != MODEL)
        name = f"{problem.name}: {goal.what} of {len(mine)} of {len(problem.runs)} runs"
        value = round(means[MODEL], 3)
        found.append(Figure(name, value, goal.unit, goal.better, goal.goal, beside, goal.source))
    longest = max(run.seconds for run in mine)
    found.append(Figure(f"{problem.name}: training", longest, "s", "lower", LONGEST))
    slowest = max(run.decoding for run in mine)
    found.append(Figure(f"{problem.name}: the test set with a beam of 5", slowest, "s", "lower", problem.decoding))
    return found
