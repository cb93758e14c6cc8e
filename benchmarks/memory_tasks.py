"""Every cell on small problems that need memory: which can it learn, how soon, and what does a step cost?

All cells get the same: 64 units in one layer, a linear layer on top, AdamW, batches of 32, one seed, and so many
seconds of one core (time in which the process computes, whatever else the machine does). Each cell begins once as its
paper says, with chrono initialisation where the gates have it, and once with torch's uniform default.

The table grows run by run in ``results/memory_tasks.jsonl``: what is there is not run again, so a run may be stopped at
any time and goes on later; a new cell adds its own rows. The first problems are for all cells, the later ones for the
dozen that did best in them.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, final

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.harness import Data, Figure, commit
from benchmarks.kept_runs import KeptRuns
from benchmarks.memory_problems import Adding, Copy, Digits, EmbeddedReber, Parity, Problem, Sine
from elman.cells import CELLS, make
from elman.compiler.streaming import StreamingStack
from elman.errors import ElmanError
from elman.nn import Recurrent

#: For all cells, from the paper's and from torch's first weights; then for the best of them, from the paper's.
FIRST: tuple[Problem, ...] = (Adding(100), Parity(40), EmbeddedReber(10), Digits())
LATER: tuple[Problem, ...] = (Adding(400), Copy(100), Digits(permuted=True), Sine(50), Adding(1000), Copy(500))

#: Seconds of one core for a run: of the first problems, of the later ones, and of copying over 100 steps, which is
#: learnt late; over 500 steps a core makes too few batches in that time to learn it, too.
SECONDS, LATER_SECONDS, COPY_SECONDS = 30.0, 100.0, 250.0

#: Seconds after which it is first looked whether a problem is solved, and how many times as late each later look is.
FIRST_CHECK, CHECKS_APART = 0.5, 1.1

#: How many cells go on to the later problems.
BEST = 12

UNITS, BATCH, RATE, TEST = 64, 32, 3e-3, 500

#: The rival without memory: a feed-forward network that sees so many inputs.
WINDOW, FEED_FORWARD = 8, "feed-forward"


@dataclass(frozen=True)
class Run:
    """One cell trained on one problem.

    Attributes:
        problem: Its name.
        cell: Name of the cell, or `FEED_FORWARD`.
        initial: ``paper`` or ``torch``.
        score: On test sequences that were drawn anew; ``unit`` and ``better`` say how to read it.
        solved: Seconds of one core until the problem was solved; None where it was not.
        seconds: That the run took.
        batches: That it learnt from.
        parameters: Of the whole model.
        commit: That was run.
    """

    problem: str
    cell: str
    initial: str
    score: float
    unit: str
    better: str
    solved: float | None
    seconds: float
    batches: int
    parameters: int
    commit: str


@final
class Memory(nn.Module):
    """A layer of some cell and a linear read-out at every step."""

    def __init__(self, cell: str, initial: str, problem: Problem) -> None:
        super().__init__()
        scheme = "torch" if initial == "torch" else "memory"
        made = make(cell, problem.features, UNITS)
        honours = (bool(made.memory_gates) and made.bias) or made.initial_takes_memory
        memory = problem.steps if honours and scheme == "memory" else 0
        self.layer = Recurrent(cell, problem.features, UNITS, initial=scheme, memory=memory)
        self.readout = nn.Linear(self.layer.output_size, problem.outputs)

    def forward(self, inputs: Tensor) -> Tensor:
        """(batch, time, features) to (batch, time, outputs)."""
        return self.readout(self.layer(inputs)[0])  # type: ignore[no-any-return]


@final
class FeedForward(nn.Module):
    """At every step a hidden layer over the last `WINDOW` inputs: all that a network without memory can see."""

    def __init__(self, problem: Problem) -> None:
        super().__init__()
        self.hidden = nn.Conv1d(problem.features, 2 * UNITS, WINDOW)
        self.readout = nn.Linear(2 * UNITS, problem.outputs)

    def forward(self, inputs: Tensor) -> Tensor:
        """(batch, time, features) to (batch, time, outputs)."""
        padded = nn.functional.pad(inputs.transpose(1, 2), (WINDOW - 1, 0))
        return self.readout(torch.relu(self.hidden(padded)).transpose(1, 2))  # type: ignore[no-any-return]


class Training(NamedTuple):
    """What a training took: seconds of one core until the problem was solved, None where it was not; and in all."""

    solved: float | None
    seconds: float
    batches: int


def fit(model: nn.Module, problem: Problem, seconds: float, check: np.random.Generator) -> Training:
    """Train until the problem is solved, on sequences drawn from ``check``, or the time is over."""
    rng, checked = np.random.default_rng(0), problem.draw(check, TEST, "check")
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=0.0)
    batches, solved = 0, None
    # Machine code is made before the clock starts; the gradients are dropped before the first step.
    first = problem.draw(rng, 2)
    problem.loss(model(first.inputs), first).backward()  # type: ignore[no-untyped-call]
    began, next_check = time.process_time(), FIRST_CHECK
    while (spent := time.process_time() - began) < seconds or batches < 2:
        # The rate falls to nothing, so that the last batches settle.
        optimizer.param_groups[0]["lr"] = RATE * min(1.0, 2 * (1 - min(spent / max(seconds, 1e-9), 1)))
        batch = problem.draw(rng, BATCH)
        loss = problem.loss(model(batch.inputs), batch)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        batches += 1
        if spent > next_check:
            next_check *= CHECKS_APART
            if problem.is_solved(score(model, problem, checked)):
                solved = time.process_time() - began
                break
    return Training(solved, time.process_time() - began, batches)


def train(problem: Problem, cell: str, initial: str, seconds: float) -> Run:
    """Train until the problem is solved or the time is over, and test."""
    torch.manual_seed(0)
    test = np.random.default_rng(1)
    model = FeedForward(problem) if cell == FEED_FORWARD else Memory(cell, initial, problem)
    solved, spent, batches = fit(model, problem, seconds, test)
    final_score = score(model, problem, problem.draw(test, 2 * TEST, "test"))
    if solved is None and problem.is_solved(final_score):
        solved = spent
    parameters = sum(parameter.numel() for parameter in model.parameters())
    return Run(
        problem.name, cell, initial, final_score, problem.unit, problem.better, solved,
        round(spent, 2), batches, parameters, commit(),
    )  # fmt: skip


@torch.no_grad()
def score(model: nn.Module, problem: Problem, batch: Any) -> float:
    """The score of a model as it is."""
    model.eval()
    try:
        return problem.score(model, batch)
    finally:
        model.train()


def step_time(cell: str, seconds: float) -> float:
    """Microseconds of a step from Python without torch, 64 inputs and units: the quickest of many calls."""
    made, rng = make(cell, UNITS, UNITS), np.random.default_rng(0)
    params = {name: rng.normal(0, 0.1, p.shape).astype(np.float32) for name, p in made.parameters().items()}
    stack, x = StreamingStack([(made, params)]), np.ones((1, UNITS), np.float32)
    state = {f"{name}_l0": np.zeros((1, size), np.float32) for name, size in made.state_sizes.items()}
    stack.step(x, state)  # makes the machine code
    quickest, end = float("inf"), time.perf_counter() + seconds
    while quickest == float("inf") or time.perf_counter() < end:
        before = time.perf_counter()
        stack.step(x, state)
        quickest = min(quickest, time.perf_counter() - before)
    return quickest * 1e6


def ranking(runs: Sequence[Run]) -> list[str]:
    """The cells by the first problems, from their papers' first weights: most solved, then soonest."""
    names = {problem.name for problem in FIRST}
    mine: dict[str, list[Run]] = {cell: [] for cell in CELLS}
    for run in runs:
        if run.problem in names and run.initial == "paper" and run.cell in mine:
            mine[run.cell].append(run)

    def rank(cell: str) -> tuple[int, float]:
        solved = [run.solved for run in mine[cell] if run.solved is not None]
        return -len(solved), sum(solved) + SECONDS * (len(FIRST) - len(solved))

    return sorted(CELLS, key=rank)


def wanted(runs: Sequence[Run]) -> Iterator[tuple[Problem, str, str, float]]:
    """What is still to be run, in order; what comes later depends on what was found before."""
    done = {(run.problem, run.cell, run.initial) for run in runs}
    first = [
        (problem, cell, initial, SECONDS)
        for cell in (FEED_FORWARD, *CELLS)
        for problem in FIRST
        for initial in (("paper",) if cell == FEED_FORWARD else ("paper", "torch"))
    ]
    later: list[tuple[Problem, str, str, float]] = []
    if all((problem.name, cell, initial) in done for problem, cell, initial, _ in first):
        best = ranking(runs)[:BEST]
        for problem in LATER:
            # The plain network at its default stands beside the others where a long memory is asked for.
            beside = [("rnn", "torch")] if isinstance(problem, Adding) else []
            entries = [(FEED_FORWARD, "paper"), *((cell, "paper") for cell in best), *beside]
            entries += [(cell, "paper") for cell in ("lstm", "gru") if cell not in best]
            seconds = COPY_SECONDS if problem is LATER[1] else LATER_SECONDS
            later += [(problem, cell, initial, seconds) for cell, initial in entries]
    for problem, cell, initial, seconds in [*first, *later]:
        if (problem.name, cell, initial) not in done:
            yield problem, cell, initial, seconds


def measure(data: Data) -> Sequence[Figure]:
    """Run what is missing, then tell all."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        if data.quick:
            runs = [
                train(problem, cell, "paper", 0.0)
                for problem in (*FIRST, *LATER[1:4])
                for cell in (FEED_FORWARD, "gru")
            ]
            return _figures(runs, ["gru"], data)
        kept = KeptRuns("memory_tasks", Run)
        while (task := next(wanted(kept.runs), None)) is not None:
            kept.add(train(*task))
        return _figures(kept.runs, list(CELLS), data)
    finally:
        torch.set_num_threads(threads)


def _figures(runs: Sequence[Run], cells: Sequence[str], data: Data) -> list[Figure]:
    figures = _goals(runs)
    for run in runs:
        beside = f"{run.parameters:,} parameters, {run.batches:,} batches in {run.seconds:.0f} s of one core"
        first = "" if run.cell == FEED_FORWARD else f", {run.initial}'s first weights"
        figures.append(Figure(f"{run.problem}: {run.cell}{first}", run.score, run.unit, run.better, None, beside))  # type: ignore[arg-type]
    for cell in cells:
        try:
            figures.append(Figure(f"one step: {cell}", step_time(cell, data.seconds(0.3)), "microseconds", "lower"))
        except ElmanError as error:
            print(f"one step: {cell}: {error}")
    return figures


def _goals(runs: Sequence[Run]) -> list[Figure]:
    """What was asked for, as far as it was run."""
    found = {(run.problem, run.cell, run.initial): run for run in runs}

    def solvers(problem: Problem) -> list[str]:
        return sorted({r.cell for r in runs if r.problem == problem.name and r.solved is not None})

    adding, copy, permuted = LATER[:3]
    figures = []
    for cell, initial, better in (("lstm", "paper", "lower"), ("gru", "paper", "lower"), ("rnn", "torch", "higher")):
        if (adding.name, cell, initial) in found:
            run = found[adding.name, cell, initial]
            name = f"asked for, {adding.name}: {cell} from {initial}'s first weights"
            figures.append(Figure(name, run.score, run.unit, better, adding.solved))  # type: ignore[arg-type]
    for problem, others, goal in ((adding, {"lstm", "gru"}, 5), (copy, set(), 3)):
        if any(run.problem == problem.name for run in runs):
            names = [cell for cell in solvers(problem) if cell not in others]
            beside = f" beside {' and '.join(sorted(others))}" if others else ""
            name = f"asked for, {problem.name}: cells that solve it{beside}"
            figures.append(Figure(name, len(names), "cells", "higher", goal, ", ".join(names) or None))
    digits = [run for run in runs if run.problem == permuted.name]
    if digits:
        best = max(digits, key=lambda run: run.score)
        figures.append(
            Figure("asked for, permuted digits: the best cell", best.score, best.unit, "higher", 0.95, best.cell)
        )
    return figures
