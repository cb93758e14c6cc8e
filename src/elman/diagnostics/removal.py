"""Layers that run with some of their units held still."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import ClassVar, final

import torch
from torch import Tensor

from elman.cells.cell import Parameter
from elman.cells.modifiers import Modifier
from elman.cells.ops import Array, Ops
from elman.diagnostics.unit_names import find
from elman.nn.call import State
from elman.nn.subject import Subject
from elman.nn.unroll import unroll_stack


@final
@dataclass(frozen=True)
class Held(Modifier):
    r"""Some units stay where they are put, at every step.

    .. math::
        s_t = r + m (s'_t - r)

    where :math:`s'_t` is what the cell within makes of the state s. The parameter ``free_s`` is m, 1 for units that run
    free and 0 for those that are held; the extra ``"rest s"`` is r, where they are held.
    """

    name: ClassVar[str] = "held units"

    @property
    def extras(self) -> dict[str, int]:
        """Where units are held, for every state: ``"rest hidden"``, ..."""
        return self.cell.extras | {f"rest {name}": size for name, size in self.state_sizes.items()}

    def parameters(self) -> dict[str, Parameter]:
        """Those of the cell within, then m for every state."""
        masks = {f"free_{name}": Parameter((size,), ("all",), "gain") for name, size in self.state_sizes.items()}
        return self.cell.parameters() | masks

    def step(self, ops: Ops, x: Array, state: Mapping[str, Array], params: Mapping[str, Array]) -> dict[str, Array]:
        """See `Cell.step`."""
        after = self.cell.step(ops, x, state, params)
        rest = {name: params[f"rest {name}"] for name in after}
        return {name: rest[name] + params[f"free_{name}"] * (value - rest[name]) for name, value in after.items()}


@final
class Removal:
    """A subject's layers, of which units can be removed: they stay at their mean over the subject's steps.

    A unit is removed with all that it is: ``cell_l0[3]`` and ``hidden_l0[3]`` of an LSTM name the same one, as the
    states of a layer that have the same size belong together.
    """

    def __init__(self, subject: Subject) -> None:
        layers = subject.recurrent
        self._subject = subject
        cells = [layers.step_options.around(cell, training=False) for cell in layers.cells]
        self._cells = [Held(cell) for cell in cells]
        self._params: State = {name: value.detach() for name, value in layers.state_dict().items()}
        self._initial = (
            {name: self._params[f"initial_{name}"] for name in layers.state_sizes}
            if layers.learn_initial_state
            else None
        )
        self._extras = {
            f"{name}_l{layer}": value
            for layer, cell in enumerate(cells)
            for name, value in layers.step_options.extras(cell, subject.inputs, training=False).items()
        }
        with torch.no_grad():
            states = subject.run(subject.inputs.detach())[2]
        means = {name: values.mean((0, 1)) for name, values in states.items()}
        self._extras |= {f"rest {name}": mean.expand(subject.batch, -1) for name, mean in means.items()}
        self.free = {name: torch.ones_like(mean) for name, mean in means.items()}

    def masks(self, units: Iterable[str]) -> State:
        """The m of `Held` by state, with these units removed."""
        masks = {name: mask.clone() for name, mask in self.free.items()}
        for unit in units:
            state, index = find(self._subject.recurrent, unit)
            layer = state[state.rindex("_l") :]
            for name, mask in masks.items():
                if name == state or (name.endswith(layer) and len(mask) == len(masks[state])):
                    mask[index] = 0
        return masks

    def losses(self, masks: State) -> Tensor:
        """The loss after every step, (batch, time), with units held as the masks say; gradients flow to the masks."""
        run = unroll_stack(
            self._cells,
            self._params | {f"free_{name}": mask for name, mask in masks.items()},
            self._subject.inputs.detach(),
            initial=self._initial,
            extras=self._extras,
            backend=self._subject.recurrent.backend,
        )
        return self._subject.loss_of(run.outputs)
