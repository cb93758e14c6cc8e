"""What recurrent layers over images have in common: layers, time, lengths and resets."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from elman.cells import CELLS, initialise, make
from elman.errors import DataError, SettingsError
from elman.nn.backends import Choice
from elman.nn.call import State, check_state
from elman.nn.padding import valid_steps, without_padding
from elman.nn.unroll import boundaries


class Convolutional(nn.Module, ABC):
    """Layers of one kind of convolutional cell over (batch, time, channels, height, width).

    Args:
        input_channels: Channels of the input.
        hidden_channels: Channels of every layer; a sequence gives one number for each.
        kernel_size: Height and width of the kernels, an odd number; images are padded with zeros, so that they keep
            their size.
        num_layers: Layers; may be left out where ``hidden_channels`` is a sequence.

    Parameters of every layer, ``_l0``, ``_l1``, ...: ``weight_ih`` (gates * channels, channels below, kernel, kernel),
    ``weight_hh`` (gates * channels, channels, kernel, kernel) and ``bias`` (gates * channels).

    First weights are those of the cell without images (`elman.cells.initialise`), each input kernel taken as a matrix
    over a whole patch, and the recurrent matrix in the middle of its kernel with zeros around it, so that a state is
    kept in its place and in its size (Xiao et al., "Dynamical isometry and a mean field theory of CNNs", ICML 2018).

    Raises `SettingsError` for sizes that do not fit.
    """

    #: The cell of `elman.cells` with the same equations, and its states, the output first.
    cell: ClassVar[str]
    states: ClassVar[tuple[str, ...]]

    #: No step after t is needed for the output at t.
    lookahead = 0

    #: What runs it, and why.
    choice = Choice("torch", "torch's convolutions, one step after the other; the compiled engine has none.")

    def __init__(
        self, input_channels: int, hidden_channels: int | Sequence[int], kernel_size: int = 3, num_layers: int = 1
    ) -> None:
        super().__init__()
        several = (hidden_channels,) * num_layers if isinstance(hidden_channels, int) else tuple(hidden_channels)
        if not several or num_layers not in (1, len(several)):
            raise SettingsError(f"hidden_channels gives {len(several)} layers, num_layers says {num_layers}.")
        if kernel_size < 1 or kernel_size % 2 == 0:
            raise SettingsError(f"kernel_size must be an odd number, so that there is a middle, not {kernel_size}.")
        self.channels = several
        self.input_channels = input_channels
        self.kernel_size = kernel_size
        for layer, below, channels in self._sizes():
            rows = len(CELLS[self.cell].gates) * channels
            kernel = (kernel_size, kernel_size)
            self.register_parameter(f"weight_ih_l{layer}", nn.Parameter(torch.empty(rows, below, *kernel)))
            self.register_parameter(f"weight_hh_l{layer}", nn.Parameter(torch.empty(rows, channels, *kernel)))
            self.register_parameter(f"bias_l{layer}", nn.Parameter(torch.empty(rows)))
        self.reset_parameters()

    @property
    def state_sizes(self) -> dict[str, int]:
        """Every state and its channels, as ``hidden_l0``, ..."""
        return {f"{name}_l{layer}": channels for layer, _, channels in self._sizes() for name in self.states}

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """Draw all weights again, from torch's generator."""
        rng = np.random.default_rng(int(torch.randint(2**63 - 1, ())))
        middle = self.kernel_size // 2
        for layer, below, channels in self._sizes():
            drawn = initialise(make(self.cell, below * self.kernel_size**2, channels), rng)
            weights = {name: torch.from_numpy(values) for name, values in drawn.items()}
            kernels = self.get_parameter(f"weight_ih_l{layer}")
            kernels.copy_(weights["weight_ih"].view_as(kernels))
            self.get_parameter(f"weight_hh_l{layer}").zero_()[..., middle, middle] = weights["weight_hh"]
            self.get_parameter(f"bias_l{layer}").copy_(weights["bias_ih"])

    def forward(
        self,
        inputs: Tensor,
        state: Mapping[str, Tensor] | None = None,
        *,
        lengths: Tensor | None = None,
        resets: Tensor | None = None,
        all_states: bool = False,
    ) -> tuple[Tensor, State] | tuple[Tensor, State, State]:
        """Run over time.

        Args:
            inputs: (batch, time, input_channels, height, width).
            state: The states before the first step, (batch, channels, height, width) each, as an earlier call returned
                them; zeros when not given.
            lengths: Valid steps per row, (batch,), from 1 to time.
            resets: (batch, time) bool, True where a new sequence begins, from a state of zeros.
            all_states: Also return every state at every step, (batch, time, channels, height, width) each.

        Returns:
            Outputs of the last layer (batch, time, channels, height, width), zero beyond a row's length; the state
            after the last valid step; with ``all_states`` the states at every step.

        Raises:
            DataError: A shape, a length or a state does not fit.
        """
        if inputs.dim() != 5 or inputs.shape[2] != self.input_channels:
            raise DataError(
                f"inputs must be (batch, time, {self.input_channels}, height, width), found the shape "
                f"{tuple(inputs.shape)}."
            )
        if state is not None:
            check_state(state, self.state_sizes, inputs)
        valid = valid_steps(inputs, lengths)
        _, resets = boundaries(inputs, None, resets)
        if resets is not None:
            resets = resets.to(inputs.device) if valid is None else resets.to(inputs.device) & valid
        values = without_padding(inputs, valid)
        final: State = {}
        states: State = {}
        for layer, _, channels in self._sizes():
            every = self._run(layer, values, self._before(layer, channels, inputs, state), valid, resets)
            # Beyond its length a row's state stays as it is, so the last one is the final one.
            final |= {f"{name}_l{layer}": steps[:, -1] for name, steps in every.items()}
            shown = {f"{name}_l{layer}": without_padding(steps, valid) for name, steps in every.items()}
            states |= shown
            values = shown[f"hidden_l{layer}"]
        return (values, final, states) if all_states else (values, final)

    def why(self) -> str:
        """Say what runs this layer, and why."""
        return str(self.choice)

    def extra_repr(self) -> str:
        """Show the sizes."""
        return f"{self.input_channels} -> {', '.join(map(str, self.channels))}, kernel_size={self.kernel_size}"

    @abstractmethod
    def _step(self, from_input: Tensor, state: State, weight_hh: Tensor) -> State:
        """The states after a step; ``from_input`` (batch, gates * channels, ...) is what the input gives the gates."""

    def _convolve(self, images: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        return F.conv2d(images, weight, bias, padding=self.kernel_size // 2)

    def _run(
        self, layer: int, inputs: Tensor, state: State, valid: Tensor | None, resets: Tensor | None
    ) -> dict[str, Tensor]:
        """Every state of a layer at every step."""
        weight_ih, bias = self.get_parameter(f"weight_ih_l{layer}"), self.get_parameter(f"bias_l{layer}")
        weight_hh = self.get_parameter(f"weight_hh_l{layer}")
        from_input = self._convolve(inputs.flatten(0, 1), weight_ih, bias)
        from_input = from_input.view(*inputs.shape[:2], *from_input.shape[1:])
        steps: list[State] = []
        for t, given in enumerate(from_input.unbind(1)):
            if resets is not None:
                state = {name: _where(~resets[:, t], before, before.new_zeros(())) for name, before in state.items()}
            after = self._step(given, state, weight_hh)
            if valid is not None:
                after = {name: _where(valid[:, t], value, state[name]) for name, value in after.items()}
            state = after
            steps.append(state)
        return {name: torch.stack([step[name] for step in steps], 1) for name in self.states}

    def _before(self, layer: int, channels: int, inputs: Tensor, state: Mapping[str, Tensor] | None) -> State:
        if state is not None:
            return {name: state[f"{name}_l{layer}"] for name in self.states}
        zeros = inputs.new_zeros(inputs.shape[0], channels, *inputs.shape[3:])
        return dict.fromkeys(self.states, zeros)

    def _sizes(self) -> list[tuple[int, int, int]]:
        """Of each layer: its number, the channels below it, and its own."""
        return [*zip(range(len(self.channels)), (self.input_channels, *self.channels), self.channels, strict=False)]


def _where(rows: Tensor, one: Tensor, other: Tensor) -> Tensor:
    """One image or the other, for every row of a batch."""
    return torch.where(rows[:, None, None, None], one, other)
