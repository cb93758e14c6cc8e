"""Layers that read their sequences from the end, alone or beside one that reads them from the start.

`elman.nn.Recurrent` reads forward, or both ways with equal cells and the outputs side by side. Other libraries have
more: one reverse direction alone, outputs in the order in which they were computed, sums of the two directions.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias, final, get_args

import torch
from torch import Tensor, nn

from elman.errors import SettingsError
from elman.nn import Recurrent, State
from elman.nn.unroll import boundaries

#: What becomes of the outputs of two directions: side by side, or unit by unit their sum, product or mean.
Merge: TypeAlias = Literal["concat", "sum", "mul", "ave"]


@final
class Backwards(nn.Module):
    """A layer that reads every sequence from its last step to its first.

    Args:
        layer: Runs over the reversed sequences.
        restore_order: Whether the outputs come in the order of the inputs; else in the order of computation, the one
            that belongs to the last input first.

    >>> layer = Backwards(Recurrent("gru", 2, 3))
    >>> outputs, state = layer(torch.zeros(4, 5, 2))
    >>> bool((outputs[:, 0] == state["hidden_l0"]).all())
    True
    """

    def __init__(self, layer: Recurrent, restore_order: bool = True) -> None:
        super().__init__()
        self.layer = layer
        self.restore_order = restore_order

    def forward(
        self, inputs: Tensor, state: Mapping[str, Tensor] | None = None, *, lengths: Tensor | None = None
    ) -> tuple[Tensor, State]:
        """Outputs and final state, as of `Recurrent.forward`; with ``lengths`` every row begins at its own end."""
        outputs, final = self.layer(reverse(inputs, lengths), state, lengths=lengths)
        return reverse(outputs, lengths) if self.restore_order else outputs, final

    def extra_repr(self) -> str:
        """Show the option."""
        return f"restore_order={self.restore_order}"


@final
class Bidirectional(nn.Module):
    """Two layers over the same sequences, one from each end.

    Args:
        forward_layer: Reads from the first step to the last.
        backward_layer: Reads from the last step to the first.
        merge: What becomes of the two outputs.

    Raises `SettingsError` for another ``merge``, or outputs of different sizes that are not to stand side by side.
    """

    def __init__(self, forward_layer: Recurrent, backward_layer: Backwards, merge: Merge = "concat") -> None:
        super().__init__()
        if merge not in get_args(Merge):
            raise SettingsError(f"merge must be one of {', '.join(get_args(Merge))}, not {merge!r}.")
        sizes = forward_layer.output_size, backward_layer.layer.output_size
        if merge != "concat" and sizes[0] != sizes[1]:
            raise SettingsError(f"merge={merge!r} needs two directions of one size, found {sizes[0]} and {sizes[1]}.")
        self.forward_layer = forward_layer
        self.backward_layer = backward_layer
        self.merge = merge

    def forward(
        self, inputs: Tensor, state: Mapping[str, Tensor] | None = None, *, lengths: Tensor | None = None
    ) -> tuple[Tensor, State]:
        """Outputs and final state, as of `Recurrent.forward`; names of the backward states end in ``_reverse``."""
        backward = None
        if state is not None:
            backward = {name: state[name + "_reverse"] for name in self.backward_layer.layer.state_sizes}
        outputs, final = self.forward_layer(inputs, state, lengths=lengths)
        reversed_outputs, reversed_final = self.backward_layer(inputs, backward, lengths=lengths)
        final |= {name + "_reverse": value for name, value in reversed_final.items()}
        return self._merged(outputs, reversed_outputs), final

    def extra_repr(self) -> str:
        """Show the option."""
        return f"merge={self.merge!r}"

    def _merged(self, one: Tensor, other: Tensor) -> Tensor:
        if self.merge == "concat":
            return torch.cat([one, other], -1)
        if self.merge == "mul":
            return one * other
        return (one + other) * (0.5 if self.merge == "ave" else 1.0)


def reverse(values: Tensor, lengths: Tensor | None = None) -> Tensor:
    """Every row the other way round in time: (batch, time, features); what lies beyond its length stays.

    >>> reverse(torch.tensor([[[1], [2], [0]]]), torch.tensor([2])).flatten()
    tensor([2, 1, 0])
    """
    lengths, _ = boundaries(values, lengths, None)
    if lengths is None:
        return values.flip(1)
    steps = torch.arange(values.shape[1])
    turned = torch.where(steps < lengths[:, None], lengths[:, None] - 1 - steps, steps)
    return values.gather(1, turned.to(values.device)[:, :, None].expand_as(values))
