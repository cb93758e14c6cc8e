"""Layers one after the other, with their states: `Stack`, and `Residual`, which adds what went in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import final

from torch import Tensor, nn

from elman.cells.cell import ELAPSED
from elman.errors import DataError, SettingsError
from elman.nn.call import State, check_state
from elman.nn.padding import valid_steps, without_padding
from elman.nn.recurrent import Recurrent

#: The end of a state's name: the number of its layer, and the direction.
_LAYER = re.compile(r"_l(\d+)(?=(?:_reverse)?$)")


class _Chain(nn.Module):
    """What `Stack` and `Residual` have in common: layers in a row, and one dictionary for the states of all."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        if not layers:
            raise SettingsError(f"{type(self).__name__} needs at least one layer, found none.")
        for layer in layers:
            if isinstance(layer, nn.RNNBase):
                raise SettingsError(
                    f"{type(self).__name__} takes elman.nn.Recurrent, not {type(layer).__name__}, whose states have no "
                    "names."
                )
        self.layers = nn.ModuleList(layers)
        #: For each layer the names of its states: in it -> here; None for a layer without state.
        self._names: list[dict[str, str] | None] = []
        self.state_sizes: dict[str, int] = {}
        for layer in layers:
            self._names.append(self._number(layer))

    @property
    def lookahead(self) -> int | None:
        """How many steps after t the output at t needs; None where it needs the whole sequence."""
        total = 0
        for layer in self.layers:
            ahead: int | None = getattr(layer, "lookahead", 0)
            if ahead is None:
                return None
            total += ahead
        return total

    def forward(
        self,
        inputs: Tensor,
        state: Mapping[str, Tensor] | None = None,
        *,
        lengths: Tensor | None = None,
        resets: Tensor | None = None,
        elapsed: Tensor | None = None,
        all_states: bool = False,
    ) -> tuple[Tensor, State] | tuple[Tensor, State, State]:
        """Run over time; arguments, results and errors are those of `elman.nn.Recurrent.forward`."""
        if state is not None:
            check_state(state, self.state_sizes, inputs)
        if elapsed is not None and not _takes_elapsed(self):
            raise DataError(
                "No layer of this stack has a use for elapsed, the time between steps: leave it out, or take a cell "
                "for irregular sampling, cfc or phased_lstm."
            )
        valid = valid_steps(inputs, lengths)
        values = without_padding(inputs, valid)
        final: State = {}
        states: State = {}
        for layer, names in zip(self.layers, self._names, strict=True):
            if names is None:
                values = without_padding(layer(values), valid)
                continue
            before = None if state is None else {inner: state[name] for inner, name in names.items()}
            times = {"elapsed": elapsed} if elapsed is not None and _takes_elapsed(layer) else {}
            values, after, *every = layer(
                values, before, lengths=lengths, resets=resets, all_states=all_states, **times
            )
            final |= {name: after[inner] for inner, name in names.items()}
            states |= {name: step[inner] for step in every for inner, name in names.items()}
        return (values, final, states) if all_states else (values, final)

    def _number(self, layer: nn.Module) -> dict[str, str] | None:
        """Give the states of a layer the next free numbers, and note their sizes."""
        sizes: Mapping[str, int] | None = getattr(layer, "state_sizes", None)
        if sizes is None:
            return None
        below = 1 + max((_layer(name) for name in self.state_sizes), default=-1)
        names = {inner: _LAYER.sub(f"_l{below + _layer(inner)}", inner) for inner in sizes}
        self.state_sizes |= {name: sizes[inner] for inner, name in names.items()}
        return names


@final
class Stack(_Chain):
    """Layers one after the other, as ``nn.Sequential``, with their states in one dictionary.

    Args:
        *layers: From the bottom up: layers with states (`elman.nn.Recurrent`, `elman.nn.ConvLSTM`, `Residual`,
            other stacks), and any module that works on every step by itself, such as ``nn.Linear``, ``nn.LayerNorm``
            or ``nn.Dropout``.

    It is called as `elman.nn.Recurrent` is: ``(inputs, state, lengths=..., resets=..., ...)`` gives outputs and the
    state after the last valid step; ``elapsed`` goes to the layers that use it. States are numbered through from the
    bottom up, as in one `Recurrent` of many layers. Outputs beyond a row's length are zero, and what stands there in
    the inputs changes nothing.

    Attributes:
        layers: The layers, an ``nn.ModuleList``.
        state_sizes: Every state and its features, as ``hidden_l0``, ``cell_l0``, ...

    Raises `SettingsError` without layers and for drop-ins of torch.nn, whose states have no names.

    >>> import torch
    >>> from elman.nn import Recurrent
    >>> stack = Stack(nn.Linear(3, 8), Recurrent("gru", 8, 8, num_layers=2), Recurrent("lstm", 8, 5))
    >>> outputs, state = stack(torch.zeros(4, 7, 3))
    >>> outputs.shape, list(state)
    (torch.Size([4, 7, 5]), ['hidden_l0', 'hidden_l1', 'hidden_l2', 'cell_l2'])
    """


@final
class Residual(_Chain):
    """Layers one after the other, and their input added to what comes out: ``x + layers(x)``.

    Args:
        *layers: As for `Stack`. A norm as the first one gives the pre-norm wiring ``x + layer(norm(x))``, in which the
            sum itself stays untouched from the bottom to the top; dropout as the last one acts on what is added.

    In both directions each has half of the features, so that the outputs are as wide as the inputs:
    ``Residual(Recurrent("lstm", 64, 32, bidirectional=True))``.

    Called as `Stack`; raises `DataError` as well where the outputs have another shape than the inputs.

    Sources: He et al., "Identity mappings in deep residual networks", ECCV 2016; between recurrent layers: Wu et al.,
    "Google's neural machine translation system", arXiv:1609.08144, 2016; pre-norm: Xiong et al., "On layer
    normalization in the transformer architecture", ICML 2020.

    >>> import torch
    >>> from elman.nn import Recurrent
    >>> blocks = (Residual(nn.LayerNorm(8), Recurrent("lstm", 8, 8), nn.Dropout(0.1)) for _ in range(3))
    >>> outputs, state = Stack(*blocks)(torch.zeros(4, 7, 8))
    >>> outputs.shape, sorted(state)[:3]
    (torch.Size([4, 7, 8]), ['cell_l0', 'cell_l1', 'cell_l2'])
    """

    def forward(
        self,
        inputs: Tensor,
        state: Mapping[str, Tensor] | None = None,
        *,
        lengths: Tensor | None = None,
        resets: Tensor | None = None,
        elapsed: Tensor | None = None,
        all_states: bool = False,
    ) -> tuple[Tensor, State] | tuple[Tensor, State, State]:
        """Run over time; arguments, results and errors are those of `elman.nn.Recurrent.forward`."""
        inputs = without_padding(inputs, valid_steps(inputs, lengths))
        outputs, *states = super().forward(
            inputs, state, lengths=lengths, resets=resets, elapsed=elapsed, all_states=all_states
        )
        if outputs.shape != inputs.shape:
            raise DataError(
                f"Residual adds its inputs {tuple(inputs.shape)} to its outputs {tuple(outputs.shape)}: the layers in "
                "it must give as many features as they take (in both directions, half of them each)."
            )
        return (inputs + outputs, *states)  # type: ignore[return-value]  # two or three, as above


def _takes_elapsed(layer: nn.Module) -> bool:
    """Whether a cell in a layer uses the time between steps."""
    inside = (part for part in layer.modules() if isinstance(part, Recurrent))
    return any(ELAPSED in cell.extras for part in inside for cell in part.cells)


def _layer(name: str) -> int:
    """The number of the layer that a state belongs to."""
    found = _LAYER.search(name)
    if found is None:
        raise SettingsError(f"The state '{name}' of a layer must end in the number of its layer, as in hidden_l0.")
    return int(found[1])
