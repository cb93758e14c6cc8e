"""Recurrences that are linear in their state, in another way than step by step."""

from __future__ import annotations

from typing import Any

import numpy as np

from elman.cells import Cell, NumpyOps


def parallel_scan(keep: Any, given: Any, first: Any) -> Any:
    """All states of ``s[t] = keep[t] * s[t - 1] + given[t]``, (time, ...), real or complex.

    The steps are joined in pairs, pairs of pairs and so on: two steps are again one of the same form.
    """
    keep, given = np.array(keep), np.array(given)
    distance = 1
    while distance < len(keep):
        given[distance:] = given[distance:] + keep[distance:] * given[:-distance]
        keep[distance:] = keep[distance:] * keep[:-distance]
        distance *= 2
    return keep * first + given


def step_by_step(cell: Cell, params: Any, inputs: Any, state: Any) -> dict[str, Any]:
    """The states after every step, (time, batch, size) each."""
    found: dict[str, list[Any]] = {name: [] for name in state}
    for x in inputs:
        state = cell.step(NumpyOps(), x, state, params)
        for name, value in state.items():
            found[name].append(value)
    return {name: np.stack(values) for name, values in found.items()}


def problem(cell: Cell, time: int = 13, batch: int = 2) -> tuple[dict[str, Any], Any, dict[str, Any]]:
    """Parameters, inputs (time, batch, features) and first states, all random."""
    rng = np.random.default_rng(0)
    params = {name: rng.standard_normal(parameter.shape) for name, parameter in cell.parameters().items()}
    first = {name: rng.standard_normal((batch, size)) for name, size in cell.state_sizes.items()}
    return params, rng.standard_normal((time, batch, cell.input_size)), first


def sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))
