"""First weights of a cell.

``memory`` (the default of Elman's models) chooses them so that a fresh network already remembers:

- recurrent blocks: a random orthogonal matrix for every gate, so that the product over many steps neither
  vanishes nor explodes at first (Saxe, McClelland & Ganguli, ICLR 2014);
- input blocks and projections: uniform with Xavier's variance, for every gate by itself (Glorot & Bengio,
  AISTATS 2010);
- biases: zero, but +1 at the gates that keep the state, such as the LSTM's forget gate (Gers, Schmidhuber &
  Cummins 2000; Jozefowicz, Zaremba & Sutskever, ICML 2015), and -1 at a gate that overwrites it where no other gate
  keeps it. It goes into ``bias_ih`` only, not a second time into ``bias_hh``;
- with an expected length of dependencies ``memory`` = T >= 2, chrono initialisation instead: the bias of a
  keeping gate is log(u) with u uniform in [1, T - 1], so that the units forget over 1 to T steps, and
  a gate that overwrites gets the negative of it (Tallec & Ollivier, ICLR 2018).

``torch`` is torch.nn's default: everything uniform in (-1/sqrt(H), 1/sqrt(H)).

In both, norms begin with a gain of one and a shift of zero, the statistics of batch norms as if they had seen zero
mean and unit variance, and what the paper of a cell gives first values of its own has those (`Cell.initial`).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from elman.cells.cell import Cell, Parameter
from elman.errors import SettingsError, UsageError, nearest

Weights = dict[str, NDArray[np.float64]]

#: What the parameters of norms begin with, by their kind.
NORMS = {"gain": 1.0, "shift": 0.0, "mean": 0.0, "variance": 1.0}


def initialise(cell: Cell, rng: np.random.Generator, scheme: str = "memory", memory: int = 0) -> Weights:
    """Draw the first weights of a cell: one array for every entry of `Cell.parameters`.

    ``scheme`` is ``memory`` or ``torch``; ``memory`` is the expected length of dependencies in steps, 0
    when unknown. Raises `SettingsError` for an unknown scheme, or where ``memory`` cannot be honoured, and `UsageError`
    for a cell whose own first values are not those of its parameters.

    >>> from elman.cells import make
    >>> weights = initialise(make("lstm", 2, 3), np.random.default_rng(0))
    >>> weights["bias_ih"]
    array([0., 0., 0., 1., 1., 1., 0., 0., 0., 0., 0., 0.])
    """
    if scheme not in SCHEMES:
        raise SettingsError(
            f"There is no initialisation '{scheme}', only {', '.join(SCHEMES)}.{nearest(scheme, SCHEMES)}"
        )
    weights = SCHEMES[scheme](cell, rng, memory) | cell.initial(rng, memory)
    for name, parameter in cell.parameters().items():
        found = weights[name].shape if name in weights else "nothing"
        if found != parameter.shape:
            raise UsageError(
                f"Cell {cell.name}: the parameter {name} needs first values of the shape {parameter.shape}, "
                f"found {found}. Give them in the cell's method initial."
            )
    if unknown := weights.keys() - cell.parameters().keys():
        raise UsageError(f"Cell {cell.name} gives first values of {', '.join(unknown)}, which are no parameters.")
    return weights


def _memory(cell: Cell, rng: np.random.Generator, memory: int) -> Weights:
    takes_memory = cell.initial_takes_memory or (cell.memory_gates and cell.bias)
    if memory and (memory < 2 or not takes_memory):
        raise SettingsError(
            f"memory={memory} cannot be set: it takes a length of 2 or more steps and a cell whose gates have "
            f"biases, found cell {cell.name} with bias={cell.bias}. Use memory=0 to leave it open."
        )
    weights: Weights = {}
    keeping = max(cell.memory_gates.values(), default=0)
    for name, parameter in _by_kind(cell).items():
        rows = parameter.shape[0] // len(parameter.blocks)
        if parameter.kind in NORMS:
            weights[name] = np.full(parameter.shape, NORMS[parameter.kind])
        elif parameter.kind in ("input_bias", "recurrent_bias"):
            weights[name] = np.zeros(parameter.shape)
        else:
            draw = _orthogonal if parameter.kind == "recurrent" else _xavier
            weights[name] = np.concatenate([draw(rng, rows, parameter.shape[1]) for _ in parameter.blocks])
        if parameter.kind == "input_bias":
            keep = np.log(rng.uniform(1, memory - 1, rows)) if memory else np.ones(rows)
            blocks = weights[name].reshape(len(parameter.blocks), rows)
            for gate, sign in cell.memory_gates.items():
                if gate in parameter.blocks and (memory or sign == keeping):
                    blocks[parameter.blocks.index(gate)] = sign * keep
    return weights


def _torch(cell: Cell, rng: np.random.Generator, memory: int) -> Weights:
    if memory:
        raise SettingsError(f"memory={memory} needs the initialisation 'memory', not 'torch'.")
    bound = 1 / math.sqrt(cell.hidden_size)
    return {
        name: np.full(parameter.shape, NORMS[parameter.kind])
        if parameter.kind in NORMS
        else rng.uniform(-bound, bound, parameter.shape)
        for name, parameter in _by_kind(cell).items()
    }


def _by_kind(cell: Cell) -> dict[str, Parameter]:
    """The parameters that a scheme draws."""
    return {name: parameter for name, parameter in cell.parameters().items() if parameter.kind != "own"}


def _orthogonal(rng: np.random.Generator, rows: int, columns: int) -> NDArray[np.float64]:
    tall = rng.standard_normal((max(rows, columns), min(rows, columns)))
    q, r = np.linalg.qr(tall)
    # The signs of r's diagonal make the draw uniform over the orthogonal matrices (Mezzadri 2007).
    q = q * np.sign(np.diag(r))
    return q if rows >= columns else q.T


def _xavier(rng: np.random.Generator, rows: int, columns: int) -> NDArray[np.float64]:
    bound = math.sqrt(6 / (rows + columns))
    return rng.uniform(-bound, bound, (rows, columns))


#: The schemes by name.
SCHEMES: dict[str, Callable[[Cell, np.random.Generator, int], Weights]] = {"memory": _memory, "torch": _torch}
