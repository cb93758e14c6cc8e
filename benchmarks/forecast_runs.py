"""What benchmarks of forecasts share: problems, runs that are kept one by one so that a stopped benchmark goes on."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from benchmarks.harness import Data, Figure, commit
from benchmarks.kept_runs import every_run


@dataclass(frozen=True)
class Attempt:
    """What a run came to.

    Attributes:
        figures: Of the model.
        beside: Of what it is compared with, by its name.
        seconds: Of training.
        parameters: Of the network.
        words: What was found, in sentences.
    """

    figures: Mapping[str, float]
    beside: Mapping[str, Mapping[str, float]]
    seconds: float
    parameters: int
    words: Sequence[str] = ()


@dataclass(frozen=True)
class Goal:
    """A figure of a problem, and what was asked of it."""

    figure: str
    goal: float | None = None
    unit: str = ""
    better: Literal["lower", "higher"] = "lower"
    source: str | None = None


@dataclass(frozen=True)
class Problem:
    """Series, and what is asked of a model.

    Attributes:
        name: What it is called.
        attempt: Trains and scores, by the folder of the data sets and the number of the run, which is the seed.
        goals: The figures that are told.
        runs: Numbers of its runs.
    """

    name: str
    attempt: Callable[[Path, int], Attempt]
    goals: Sequence[Goal]
    runs: Sequence[int] = (0,)


@dataclass(frozen=True)
class Run:
    """One attempt at a problem, as it is kept."""

    problem: str
    run: int
    figures: dict[str, float]
    beside: dict[str, dict[str, float]]
    seconds: float
    parameters: int
    words: list[str]
    commit: str


def measure(problems: Sequence[Problem], data: Data, name: str) -> list[Figure]:
    """Run what is missing in ``results/NAME.jsonl``, then tell all."""
    runs = attempted(problems, data, name)
    return [figure for problem in problems for figure in figures(problem, runs)]


def attempted(problems: Sequence[Problem], data: Data, name: str) -> list[Run]:
    """All runs, those that are missing in ``results/NAME.jsonl`` made now."""
    wanted = [
        (problem.name, number, partial(_attempted, problem, number, data))
        for problem in problems
        for number in problem.runs
    ]
    return every_run(name, Run, wanted)


def _attempted(problem: Problem, number: int, data: Data) -> Run:
    found = problem.attempt(data.path("."), number)
    return Run(problem.name, number, **json.loads(json.dumps(asdict(found))), commit=commit())


def figures(problem: Problem, runs: Sequence[Run]) -> list[Figure]:
    """The mean of each figure over the runs of a problem, with what stands beside it; none where there is no run."""
    mine = [run for run in runs if run.problem == problem.name and run.run in problem.runs]
    if not mine:
        return []
    longest = f"{max(run.seconds for run in mine):.0f} s of training at most, {mine[0].parameters:,} weights"
    found = []
    for goal in problem.goals:
        rivals = {name: [run.beside[name][goal.figure] for run in mine if goal.figure in run.beside.get(name, {})]
                  for name in mine[0].beside}  # fmt: skip
        told = [f"{name} {statistics.fmean(values):.4g}" for name, values in rivals.items() if values]
        value = statistics.fmean(run.figures[goal.figure] for run in mine)
        many = f", mean of {len(mine)} seeds" if len(problem.runs) > 1 else ""
        found.append(
            Figure(f"{problem.name}: {goal.figure}{many}", round(value, 5), goal.unit, goal.better, goal.goal,
                   "; ".join([*told, longest]), goal.source)
        )  # fmt: skip
    return found
