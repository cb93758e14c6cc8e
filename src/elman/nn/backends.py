"""Which implementation runs a cell, and why."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from typing import Any, NamedTuple

import torch

from elman.cells import Cell
from elman.cells.gru import GRUCell
from elman.cells.lstm import LSTMCell
from elman.cells.rnn import ReluRNNCell, RNNCell
from elman.errors import BackendError, nearest

BACKENDS = ("auto", "torch", "reference")

#: torch's own kernels, for the cells whose equations they compute exactly.
KERNELS: dict[type[Cell], Callable[..., Any]] = {
    RNNCell: torch._VF.rnn_tanh,
    ReluRNNCell: torch._VF.rnn_relu,
    LSTMCell: torch._VF.lstm,
    GRUCell: torch._VF.gru,
}

_logger = logging.getLogger("elman")


class Choice(NamedTuple):
    """The backend that runs, and the reason in a sentence."""

    backend: str
    reason: str

    def __str__(self) -> str:
        return f"{self.backend}: {self.reason}"


def choose(cell: Cell, backend: str = "auto", *, all_states: bool = False) -> Choice:
    """Say which backend runs ``cell`` and why; ``all_states``: every state at every step is wanted.

    ``reference`` loops over `Cell.step`; ``torch`` calls torch's kernels; ``auto`` takes torch's kernels
    where they compute exactly what is asked, else the reference, and logs that once. Raises `BackendError`
    for an unknown backend and for one that was asked for by name and cannot run.

    >>> from elman.cells import make
    >>> print(choose(make("lstm", 3, 4)))
    torch: torch has a kernel for the cell lstm.
    """
    if backend not in BACKENDS:
        raise BackendError(f"There is no backend '{backend}', only {', '.join(BACKENDS)}.{nearest(backend, BACKENDS)}")
    if backend == "reference":
        return Choice("reference", "asked for by name; it loops over the cell's equations.")
    obstacle = _obstacle(cell, all_states)
    if not obstacle:
        return Choice("torch", f"torch has a kernel for the cell {cell.name}.")
    if backend == "torch":
        raise BackendError(f"The backend 'torch' cannot run this layer: {obstacle} Use backend 'reference' or 'auto'.")
    choice = Choice("reference", obstacle)
    _tell_once(choice)
    return choice


def _obstacle(cell: Cell, all_states: bool) -> str:
    if type(cell) not in KERNELS:
        return f"torch has no kernel for the cell {cell.name}."
    hidden_only = list(cell.state_sizes) == ["hidden"]
    if all_states and not hidden_only:
        return f"torch's kernel for the cell {cell.name} does not give every state at every step."
    return ""


@functools.cache
def _tell_once(choice: Choice) -> None:
    _logger.warning("backend auto takes %s", choice)
