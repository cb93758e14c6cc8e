"""The table of all cells: every property in test_cells.py holds for every row."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import torch

from elman.cells import Cell, initialise, make
from elman.cells.activations import OtherActivations
from elman.cells.modifiers import Clipped, RecurrentDropout, UpdateDropout, Zoneout
from elman.nn.backends import KERNELS


@dataclass(frozen=True)
class Row:
    """A cell under its name, with the options that change its shape, and the modifiers around it, inmost first."""

    name: str
    options: dict[str, Any] = field(default_factory=dict)
    around: tuple[Callable[[Cell], Cell], ...] = ()

    def make(self, input_size: int = 3, hidden_size: int = 5) -> Cell:
        heads = self.options.get("heads", 1)
        cell = make(self.name, input_size, -(-hidden_size // heads) * heads, **self.options)
        for modifier in self.around:
            cell = modifier(cell)
        return cell

    @property
    def has_kernel(self) -> bool:
        return type(self.make()) in KERNELS and self.options.get("heads", 1) == 1

    def __str__(self) -> str:
        return "-".join([self.make().name, *(f"{key}={value}" for key, value in self.options.items())])


ROWS = (
    Row("rnn"),
    Row("rnn", {"bias": False}),
    Row("rnn_relu"),
    Row("irnn"),
    Row("jordan", {"output_units": 2, "heads": 2}),
    Row("lstm"),
    Row("lstm", {"bias": False}),
    Row("lstm", {"projection_size": 2}),
    Row("lstm", {"projection_size": 2, "bias": False}),
    Row("lstm_peephole"),
    Row("lstm_coupled"),
    Row("lstm", {"heads": 2, "projection_size": 2}),
    Row("lstm_layer_norm"),
    Row("lstm_layer_norm", {"bias": False}),
    Row("lstm_batch_norm"),
    Row("gru"),
    Row("gru", {"bias": False}),
    Row("gru", {"heads": 5}),
    Row("gru_before"),
    Row("gru_before", {"bias": False}),
    Row("gru_before", {"heads": 3}, around=(RecurrentDropout,)),
    Row("gru_layer_norm"),
    Row("gru_layer_norm", {"bias": False}),
    Row("mgu"),
    Row("li_gru"),
    Row("ugrnn"),
    Row("indrnn"),
    Row("antisymmetric"),
    Row("antisymmetric", {"gated": True, "bias": False, "heads": 2}, around=(RecurrentDropout,)),
    Row("fastgrnn"),
    Row("fastgrnn", {"input_rank": 2, "recurrent_rank": 2, "bias": False}),
    Row("clockwork"),
    Row("phased_lstm", {"ratio_open": 0.5}),
    Row("cfc"),
    Row("cfc", {"backbone_size": 4}),
    Row("sru"),
    Row("sru", {"bias": False}),
    Row("qrnn"),
    Row("qrnn", {"window": 2}),
    Row("mingru"),
    Row("minlstm"),
    Row("hgrn"),
    Row("lru"),
    Row("rg_lru"),
    Row("rg_lru", {"bias": False}),
    Row("slstm", {"heads": 2}),
    Row("mlstm", {"key_size": 3}),
    Row("gated_delta", {"key_size": 2}),
    Row("rwkv7", {"rank": 2}),
    Row("lstm", around=(partial(Zoneout, states=("hidden", "cell")),)),
    Row("lstm", {"projection_size": 2}, around=(RecurrentDropout,)),
    Row("gru_before", around=(RecurrentDropout,)),
    Row("gru_before", around=(UpdateDropout,)),
    Row("rnn_relu", around=(partial(Clipped, bound=0.7),)),
    Row(
        "lstm",
        around=(
            partial(
                OtherActivations,
                gate=("hard_sigmoid", 0.2, 0.5),
                candidate=("softsign",),
                output=("elu", 1.0),
                bound=2.0,
            ),
        ),
    ),
    Row("gru", around=(partial(Clipped, bound=0.4), RecurrentDropout, partial(Zoneout, states=("hidden",)))),
)


#: Cells that do not train in compiled code, and why; in evaluation they are compiled and hold to the whole contract.
EXEMPT = {
    "lstm_batch_norm": "in training it measures statistics over the rows of a batch, which only the reference loop "
    "knows",
}

#: Cells whose products with the input stay in the loop, and why.
IN_THE_LOOP = {"rwkv7": "its products take the input mixed with the one before, which is a state"}


def weights(cell: Cell, seed: int = 0) -> dict[str, np.ndarray]:
    """Weights of a cell with every bias away from zero, float64."""
    rng = np.random.default_rng(seed)
    return {name: value + 0.1 * rng.standard_normal(value.shape) for name, value in initialise(cell, rng).items()}


def tensors(arrays: dict[str, np.ndarray], *, grad: bool = False) -> dict[str, torch.Tensor]:
    """The same as torch leaves."""
    return {name: torch.tensor(value, requires_grad=grad) for name, value in arrays.items()}


def random_state(cell: Cell, batch: int, seed: int = 1) -> dict[str, np.ndarray]:
    """A state that is not zero, (batch, size) each."""
    rng = np.random.default_rng(seed)
    return {name: rng.standard_normal((batch, size)) for name, size in cell.state_sizes.items()}


def random_extras(cell: Cell, batch: int, time: int, seed: int = 4) -> dict[str, torch.Tensor]:
    """Extras of a cell: masks of dropout hold for all steps, (batch, width); all else is new at each one."""
    generator = torch.Generator().manual_seed(seed)
    return {
        name: torch.rand(batch, *(() if name.startswith("dropout") else (time,)), width, generator=generator).double()
        for name, width in cell.extras.items()
    }


def cut(extras: dict[str, torch.Tensor], rows: slice, steps: slice) -> dict[str, torch.Tensor]:
    """The extras of some rows and steps."""
    return {name: value[rows, steps] if value.dim() == 3 else value[rows] for name, value in extras.items()}


def of_one_step(extras: dict[str, torch.Tensor]) -> dict[str, np.ndarray]:
    """The extras of the first step, as a step finds them among its parameters."""
    return {name: (value[:, 0] if value.dim() == 3 else value).numpy() for name, value in extras.items()}
