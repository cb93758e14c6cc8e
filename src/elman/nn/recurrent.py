"""A stack of any recurrent cell."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from elman.cells import Cell, initialise, make
from elman.cells.cell import ELAPSED, STATISTICS, Activations
from elman.errors import DataError, SettingsError, UsageError
from elman.nn.backends import choose
from elman.nn.batch_norm import SHARE, has_statistics, shares
from elman.nn.call import State, check_state
from elman.nn.dropout import LockedDropout, checked, drop_weights
from elman.nn.elapsed import checked_elapsed, elapsed_backwards
from elman.nn.step_options import StepOptions
from elman.nn.unroll import suffixes, unroll_stack


@final
class Recurrent(nn.Module):
    """Layers of one kind of cell over (batch, time, features).

    Args:
        cell: A name in `elman.cells.CELLS`, or a callable ``(input_size, hidden_size, **options)`` that
            gives an `elman.cells.Cell`.
        input_size: Features of the input.
        hidden_size: Units per layer; a sequence gives one size for every layer.
        num_layers: Layers; may be left out where ``hidden_size`` is a sequence.
        bidirectional: Run every layer in both directions and join their outputs.
        dropout: Share dropped between layers, in training.
        locked_dropout: Hold the dropped features for all steps (`elman.nn.LockedDropout`).
        weight_drop: Share of the recurrent weights dropped per forward call (`elman.nn.drop_weights`).
        zoneout: Probability that a unit keeps its former value at a step, in training; evaluation takes the
            expectation. One for all states, or state name -> probability (`elman.cells.modifiers.Zoneout`).
        recurrent_dropout: Share of the state hidden from the recurrent weights for a whole sequence, in training
            (`elman.cells.modifiers.RecurrentDropout`).
        update_dropout: Share of what is written into the state that is dropped at a step, in training
            (`elman.cells.modifiers.UpdateDropout`).
        clip: Bound of all states after every step (`elman.cells.modifiers.Clipped`); None for none.
        activations: ``"fast"`` computes sigmoid, tanh and exp faster and to about 1e-4 in the compiled backend
            (`elman.cells.modifiers.FastActivations`); ``"exact"`` to a few units of the last place.
        learn_initial_state: Learn the state before the first step, one for all rows, instead of zeros.
        initial: Scheme of `elman.cells.initialise`; drawn from torch's generator (`torch.manual_seed`).
        memory: Expected length of dependencies in steps for chrono initialisation; 0 leaves it open.
        checkpoint_every: Steps between those whose state is kept for the gradient, in training; what lies between is
            computed again, in about 2 sqrt(T) states of memory for the root of the T steps. 0 keeps every step.
        backend: ``auto``, ``compiled``, ``torch`` or ``reference``; see `elman.nn.choose`.
        **cell_options: The cell's own options, such as ``bias`` or ``projection_size``.

    Parameters have torch.nn's names: ``weight_ih_l0``, ``weight_hh_l0_reverse``, ...; a learnt initial state is
    ``initial_hidden_l0``, ... (features,). Raises `SettingsError` for options that do not fit together and
    `BackendError` for a backend that cannot run the cell.

    >>> layer = Recurrent("lstm", input_size=3, hidden_size=5, num_layers=2)
    >>> outputs, state = layer(torch.zeros(4, 7, 3))
    >>> outputs.shape, sorted(state)
    (torch.Size([4, 7, 5]), ['cell_l0', 'cell_l1', 'hidden_l0', 'hidden_l1'])
    """

    def __init__(
        self,
        cell: str | Callable[..., Cell],
        input_size: int,
        hidden_size: int | Sequence[int],
        num_layers: int = 1,
        *,
        bidirectional: bool = False,
        dropout: float = 0.0,
        locked_dropout: bool = False,
        weight_drop: float = 0.0,
        zoneout: float | Mapping[str, float] = 0.0,
        recurrent_dropout: float = 0.0,
        update_dropout: float = 0.0,
        clip: float | None = None,
        activations: Activations = "exact",
        learn_initial_state: bool = False,
        initial: str = "memory",
        memory: int = 0,
        checkpoint_every: int = 0,
        backend: str = "auto",
        **cell_options: Any,
    ) -> None:
        super().__init__()
        self.bidirectional = bidirectional
        self.weight_drop = checked("weight_drop", weight_drop)
        self.step_options = StepOptions(zoneout, recurrent_dropout, update_dropout, clip, activations)
        self.learn_initial_state = learn_initial_state
        self.initial = initial
        self.memory = memory
        if checkpoint_every < 0:
            raise SettingsError(f"checkpoint_every must be 0 or a number of steps, not {checkpoint_every}.")
        self.checkpoint_every = checkpoint_every
        self.backend = backend
        self.dropout = LockedDropout(dropout) if locked_dropout else nn.Dropout(checked("dropout", dropout))
        self.cells = tuple(self._make_cells(cell, input_size, _sizes(hidden_size, num_layers), cell_options))
        self._measures = any(has_statistics(cell) for cell in self.cells)
        if self._measures and checkpoint_every:
            raise SettingsError(
                f"Cell {self.cells[0].name} measures statistics in every forward run, and checkpoint_every runs twice: "
                "use checkpoint_every=0."
            )
        # Made here and not in every call: torch.compile takes them as they are.
        self._cells_run = {
            training: tuple(self.step_options.around(cell, training) for cell in self.cells)
            for training in (True, False)
        }
        for cells in self._cells_run.values():
            choose(cells[0], backend)
        #: Weight -> whether it is a recurrent one.
        self._weights: dict[str, bool] = {}
        for suffix, layer_cell in self._parts():
            for name, parameter in layer_cell.parameters().items():
                if parameter.kind in STATISTICS:
                    self.register_buffer(name + suffix, torch.empty(parameter.shape))
                else:
                    self.register_parameter(name + suffix, nn.Parameter(torch.empty(parameter.shape)))
                self._weights[name + suffix] = parameter.kind == "recurrent"
            for name, size in layer_cell.state_sizes.items() if learn_initial_state else ():
                self.register_parameter(f"initial_{name}{suffix}", nn.Parameter(torch.empty(size)))
        self.reset_parameters()

    @property
    def input_size(self) -> int:
        """Features of the input."""
        return self.cells[0].input_size

    @property
    def output_size(self) -> int:
        """Features of the output, both directions together."""
        return self.cells[-1].output_size * (2 if self.bidirectional else 1)

    @property
    def lookahead(self) -> int | None:
        """How many steps after t the output at t needs: 0, or None where it needs the whole sequence."""
        return None if self.bidirectional else 0

    @property
    def state_sizes(self) -> dict[str, int]:
        """Every state of the stack and its features, as ``hidden_l0``, ``cell_l0``, ..."""
        return {name + suffix: size for suffix, cell in self._parts() for name, size in cell.state_sizes.items()}

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """Draw all weights again, from torch's generator; a learnt initial state goes to zero."""
        rng = np.random.default_rng(int(torch.randint(2**63 - 1, ())))
        for suffix, cell in self._parts():
            for name, values in initialise(cell, rng, self.initial, self.memory).items():
                getattr(self, name + suffix).copy_(torch.from_numpy(values))
            for name in cell.state_sizes if self.learn_initial_state else ():
                self.get_parameter(f"initial_{name}{suffix}").zero_()

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
        """Run over time.

        Args:
            inputs: (batch, time, input_size).
            state: The states before the first step, ``hidden_l0``, ``cell_l0``, ... (batch, size) each, as
                an earlier call returned them; without it the initial state.
            lengths: Valid steps per row, (batch,), from 1 to time; best kept on the CPU.
            resets: (batch, time) bool, True where a new sequence begins; best kept on the CPU.
            elapsed: (batch, time), the time since the step before, in any unit, for cells that use it; 1 at every
                step where it is left out. It gets no gradient. The reverse direction of a bidirectional layer takes
                the time to the step after, and at a sequence's end what its first step was told.
            all_states: Also return every state at every step, (batch, time, size) each.

        Returns:
            Outputs of the last layer (batch, time, output_size), zero beyond a row's length; the state
            after the last valid step; with ``all_states`` the states at every step.

        Raises:
            DataError: A shape, a length or a state does not fit, or elapsed is given to a cell that does not use it.
            BackendError: The backend asked for by name cannot run this.
        """
        params = self._params()
        weight = next(iter(params.values()))
        self._check(inputs, state, weight)
        if elapsed is not None:
            elapsed = checked_elapsed(elapsed, self.cells, inputs, weight)
        learnt = None
        if self.learn_initial_state:
            learnt = {name: getattr(self, f"initial_{name}") for name in self.state_sizes}
        run = unroll_stack(
            self._cells_run[self.training],
            params,
            inputs,
            state,
            initial=learnt,
            extras=self._masks(inputs) | self._times(elapsed, lengths, resets) | self._shares(inputs, lengths),
            bidirectional=self.bidirectional,
            between=self.dropout,
            lengths=lengths,
            resets=resets,
            backend=self.backend,
            all_states=all_states,
            checkpoint_every=self.checkpoint_every if self.training else 0,
        )
        return run if all_states else (run.outputs, run.state)

    def why(self) -> str:
        """Say which backend runs this stack, and why; it may differ between training and evaluation."""
        return str(choose(self._cells_run[self.training][0], self.backend))

    def to_numpy(self) -> list[tuple[Cell, dict[str, NDArray[Any]]]]:
        """Every layer's cell, as evaluation runs it, and copies of its weights: what `elman.runtime.LayerStream` takes.

        Weights have the names of `Cell.parameters`; a learnt initial state is among them as ``initial_hidden`` and so
        on. Raises `UsageError` for a bidirectional layer, which cannot be run step by step.
        """
        if self.bidirectional:
            raise UsageError("A bidirectional layer needs the whole sequence, so it cannot be run step by step.")
        own = {name: value.detach().float().cpu().numpy().copy() for name, value in self.state_dict().items()}
        return [
            (cell, {name.removesuffix(ending): value for name, value in own.items() if name.endswith(ending)})
            for cell, ending in ((cell, f"_l{layer}") for layer, cell in enumerate(self._cells_run[False]))
        ]

    def extra_repr(self) -> str:
        """Show cell, sizes and backend."""
        sizes = ", ".join(str(cell.hidden_size) for cell in self.cells)
        directions = ", bidirectional" if self.bidirectional else ""
        return f"{self.cells[0].name}, {self.input_size} -> {sizes}{directions}, backend={self.backend}"

    def _make_cells(
        self, cell: str | Callable[..., Cell], input_size: int, sizes: Sequence[int], options: dict[str, Any]
    ) -> Iterator[Cell]:
        for size in sizes:
            made = (
                make(cell, input_size, size, **options) if isinstance(cell, str) else cell(input_size, size, **options)
            )
            if unknown := made.extras.keys() - {ELAPSED}:
                raise SettingsError(
                    f"Recurrent has no values for {', '.join(unknown)}, which the cell {made.name} takes at every "
                    "step. Use the options zoneout, recurrent_dropout and update_dropout, or elman.nn.unroll with "
                    "extras."
                )
            input_size = made.output_size * (2 if self.bidirectional else 1)
            yield made

    def _parts(self) -> Iterator[tuple[str, Cell]]:
        """Every layer and direction: the ending of its names, and its cell."""
        for layer, cell in enumerate(self.cells):
            for suffix in suffixes(layer, self.bidirectional):
                yield suffix, cell

    def _params(self) -> dict[str, Tensor]:
        """The weights of this forward call, some recurrent ones dropped."""
        params = {name: getattr(self, name) for name in self._weights}
        for name in params if self.weight_drop else ():
            if self._weights[name]:
                params[name] = drop_weights(params[name], self.weight_drop, self.training)
        return params

    def _times(self, elapsed: Tensor | None, lengths: Tensor | None, resets: Tensor | None) -> dict[str, Tensor]:
        """The time between steps, for each layer and direction that uses it."""
        if elapsed is None:
            return {}
        forward = elapsed[..., None]
        backward = elapsed_backwards(elapsed, lengths, resets)[..., None] if self.bidirectional else forward
        return {
            ELAPSED + suffix: backward if suffix.endswith("_reverse") else forward
            for suffix, cell in self._parts()
            if ELAPSED in cell.extras
        }

    def _masks(self, inputs: Tensor) -> dict[str, Tensor]:
        """What the options of the step need for this forward call: masks in training."""
        return {
            name + suffix: value
            for layer, cell in enumerate(self._cells_run[self.training])
            for suffix in suffixes(layer, self.bidirectional)
            for name, value in self.step_options.extras(cell, inputs, self.training).items()
        }

    def _shares(self, inputs: Tensor, lengths: Tensor | None) -> dict[str, Tensor]:
        """What layers that measure statistics in training need for it."""
        if not (self.training and self._measures):
            return {}
        return dict.fromkeys((SHARE + suffix for suffix, _ in self._parts()), shares(inputs, lengths))

    def _check(self, inputs: Tensor, state: Mapping[str, Tensor] | None, weight: Tensor) -> None:
        if inputs.dim() != 3 or inputs.shape[2] != self.input_size:
            raise DataError(f"inputs must be (batch, time, {self.input_size}), found the shape {tuple(inputs.shape)}.")
        if inputs.dtype != weight.dtype and not torch.is_autocast_enabled(inputs.device.type):
            raise DataError(
                f"inputs are {inputs.dtype}, the weights {weight.dtype}: convert one of them with .to(...)."
            )
        if state is not None:
            check_state(state, self.state_sizes, inputs)


def _sizes(hidden_size: int | Sequence[int], num_layers: int) -> tuple[int, ...]:
    if isinstance(hidden_size, int):
        if num_layers < 1:
            raise SettingsError(f"num_layers must be at least 1, not {num_layers}.")
        return (hidden_size,) * num_layers
    sizes = tuple(hidden_size)
    if not sizes or num_layers not in (1, len(sizes)):
        raise SettingsError(f"hidden_size gives {len(sizes)} layers, num_layers says {num_layers}.")
    return sizes
