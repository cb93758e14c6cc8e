"""Options of the time loop that change the step: which cells stand around the cell, and what masks they are given."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import final, get_args

import torch
from torch import Tensor

from elman.cells import Cell
from elman.cells.cell import ELAPSED, Activations
from elman.cells.modifiers import Clipped, FastActivations, RecurrentDropout, UpdateDropout, Zoneout
from elman.errors import SettingsError
from elman.nn.batch_norm import SHARE, BatchStatistics, has_statistics
from elman.nn.dropout import checked


@final
@dataclass(frozen=True)
class StepOptions:
    """Zoneout, dropout of states and of updates, clipping and fast activations, for any cell.

    Attributes:
        zoneout: Probability that a unit keeps its former value at a step; one for all states, or state name ->
            probability.
        recurrent_dropout: Share of the state that the recurrent matrices do not see, the same for a whole sequence.
        update_dropout: Share of what is written into the state that is dropped, drawn anew at every step.
        clip: Bound of all states after a step; None for none.
        activations: How exact sigmoid, tanh and exp are, "exact" or "fast".
    """

    zoneout: float | Mapping[str, float] = 0.0
    recurrent_dropout: float = 0.0
    update_dropout: float = 0.0
    clip: float | None = None
    activations: Activations = "exact"

    def __post_init__(self) -> None:
        for p in self.zoneout.values() if isinstance(self.zoneout, Mapping) else (self.zoneout,):
            checked("zoneout", p)
        checked("recurrent_dropout", self.recurrent_dropout)
        checked("update_dropout", self.update_dropout)
        if self.activations not in get_args(Activations):
            raise SettingsError(f"activations must be 'exact' or 'fast', not {self.activations!r}.")

    def around(self, cell: Cell, training: bool) -> Cell:
        """The cell that is run in place of ``cell``; ``cell`` itself where no option is set.

        Zoneout comes last, so that in evaluation it is the expectation of what it is in training.
        """
        if training and has_statistics(cell):
            cell = BatchStatistics(cell)
        if self.activations == "fast":
            cell = FastActivations(cell)
        if self.clip is not None:
            cell = Clipped(cell, self.clip)
        if self.update_dropout:
            dropping = UpdateDropout(cell)  # in evaluation too, so that a cell that cannot is refused at once
            cell = dropping if training else cell
        if self.recurrent_dropout and training:
            cell = RecurrentDropout(cell)
        zoned_out = tuple(name for name, p in self._rates(cell).items() if p)
        return Zoneout(cell, zoned_out) if zoned_out else cell

    def extras(self, cell: Cell, inputs: Tensor, training: bool) -> dict[str, Tensor]:
        """What the options add to a cell's extras, for inputs (batch, time, features): masks, or their expectation.

        Drawn from torch's generator: zoneout and updates (batch, time, size) for every step, dropout (batch, size) for
        all steps.
        """
        batch, time = inputs.shape[:2]
        found = {}
        for name, width in cell.extras.items():
            if name in (ELAPSED, SHARE):  # no options: they are given with the inputs
                continue
            option, _, part = name.partition(" ")
            if option == "dropout":
                keep = 1 - self.recurrent_dropout
                found[name] = draw_ones(keep, (batch, width), inputs) / keep
            elif option == "update":
                keep = 1 - self.update_dropout
                found[name] = (draw_ones(keep, (time, batch, width), inputs) / keep).transpose(0, 1)
            elif training:
                # Laid out time by time, as the time loops read it.
                found[name] = draw_ones(self._rates(cell)[part], (time, batch, width), inputs).transpose(0, 1)
            else:
                found[name] = inputs.new_full((batch, width), self._rates(cell)[part])
        return found

    def _rates(self, cell: Cell) -> Mapping[str, float]:
        """Probability of zoneout by state."""
        return self.zoneout if isinstance(self.zoneout, Mapping) else dict.fromkeys(cell.state_sizes, self.zoneout)


def draw_ones(p: float, shape: tuple[int, ...], like: Tensor) -> Tensor:
    """A new mask, 1 with probability ``p`` (to 16 bits) and else 0, of the device and type of ``like``."""
    count = math.prod(shape)
    # A draw of 64 bits serves four numbers; drawing one by one takes thrice the time.
    draws = torch.randint(-(2**63), 2**63 - 1, (-(-count // 4),), device=like.device)
    below = min(round(p * 2**16), 2**16 - 1) - 2**15
    return torch.lt(draws.view(torch.int16)[:count].view(shape), below, out=like.new_empty(shape))
