"""Which backend runs a layer, why, and what it does."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from itertools import groupby

import torch
from torch import nn

from elman.cells import Cell
from elman.compiler.explain import CellPlan
from elman.compiler.machine import Host
from elman.errors import UsageError
from elman.nn.backends import Choice, Circumstances, choose
from elman.nn.convolutional import Convolutional
from elman.nn.drop_in import GRU, LSTM, RNN
from elman.nn.recurrent import Recurrent

#: What the compiled backend hands on.
BEYOND = (
    "What torch asks for beyond first gradients (gradients of gradients, jvp, vmap and the rest of torch.func) is "
    "computed by the reference loop: right, and slower."
)

#: What ``torch.use_deterministic_algorithms`` changes.
DETERMINISTIC = (
    "As torch.use_deterministic_algorithms is on, all products of a row are in the loop: its outputs and input "
    "gradients are the same bits in any batch."
)


@dataclass(frozen=True)
class LayerExplanation:
    """What runs one layer, or stack of layers.

    Attributes:
        name: Its name in the module that was asked about; empty for that module itself.
        layer: What it is, in a line.
        choice: The backend and the reason for it.
        plans: What is compiled for each layer of the stack, bottom first; empty for other backends.
        deterministic: Whether torch is asked to be deterministic.
    """

    name: str
    layer: str
    choice: Choice
    plans: tuple[CellPlan, ...]
    deterministic: bool

    def __str__(self) -> str:
        backend = f"Backend {self.choice}"
        if self.plans:
            backend += f" Its vectors have {Host.here().lanes('float32')} float32 numbers. {BEYOND}"
        if self.plans and self.deterministic:
            backend += f" {DETERMINISTIC}"
        parts = [f"{self.name}: {self.layer}" if self.name else self.layer, textwrap.fill(backend, 80)]
        shown = False
        for cell, group in groupby(self.plans, key=lambda plan: plan.cell):
            plans = list(group)
            title = f"{_several(cell.input_size, 'input')}, {_several(cell.hidden_size, 'unit')}"
            title += f", {len(plans)} layers" if len(plans) > 1 else ""
            parts.append(f"{cell.name}, {title}\n{plans[0].work() if shown else plans[0]}")
            shown = True
        return "\n\n".join(parts)


@dataclass(frozen=True)
class Explanation:
    """What runs a module's recurrent layers; ``print`` it.

    Attributes:
        layers: One entry for each `elman.nn` layer of the module.
    """

    layers: tuple[LayerExplanation, ...]

    def __str__(self) -> str:
        return "\n\n\n".join(map(str, self.layers))


def explain(module: nn.Module) -> Explanation:
    """Say which backend runs the recurrent layers of ``module``, why, and what is computed when.

    Args:
        module: A layer of `elman.nn`, or any module that holds some. It is looked at as it is now: in training or in
            evaluation, on its device, in its precision.

    Raises `UsageError` for a module without such a layer.

    >>> layer = LSTM(3, 5)
    >>> explain(layer).layers[0].choice.backend
    'compiled'
    >>> print(explain(layer))  # doctest: +ELLIPSIS
    LSTM(3, 5)
    <BLANKLINE>
    Backend compiled: machine code for this CPU, made of the equations of the cell
    lstm. Its vectors have ...
      before the loop, for all steps at once; in the loop for batches of ...
        %7       20   x @ weight_ih.T
    ...
    """
    known = (Recurrent, RNN, LSTM, GRU, Convolutional)
    layers = tuple(_explained(name, part) for name, part in module.named_modules() if isinstance(part, known))
    if not layers:
        raise UsageError(
            f"explain takes a layer of elman.nn, or a module that holds one; {type(module).__name__} holds none."
        )
    return Explanation(layers)


def _explained(name: str, layer: Recurrent | RNN | LSTM | GRU | Convolutional) -> LayerExplanation:
    shown, deterministic = f"{type(layer).__name__}({layer.extra_repr()})", torch.are_deterministic_algorithms_enabled()
    if isinstance(layer, Convolutional):
        return LayerExplanation(name, shown, layer.choice, (), deterministic)
    cells: tuple[Cell, ...] = tuple(layer.cells)
    if isinstance(layer, Recurrent):
        cells = tuple(layer.step_options.around(cell, layer.training) for cell in cells)
    choice = choose(cells[0], layer.backend, Circumstances.of(next(layer.parameters())))
    compiled = cells if choice.backend == "compiled" else ()
    plans = tuple(CellPlan.of(cell, hoist=not deterministic) for cell in compiled)
    return LayerExplanation(name, shown, choice, plans, deterministic)


def _several(count: int, what: str) -> str:
    return f"{count:,} {what}{'s' * (count != 1)}"
