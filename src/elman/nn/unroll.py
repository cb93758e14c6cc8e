"""A cell run over time: one layer in one direction, or a stack of layers.

What unrolling means, for every backend (inputs (batch, time, features), state (batch, size)):

- the state after step t comes from the input at t and the state after t - 1, or after t + 1 in reverse;
- ``lengths``: row b has ``lengths[b]`` steps. Outputs beyond are zero, what stands in the padding changes
  nothing, the final state is the one after the last valid step; in reverse a row starts at its own end;
- ``resets``: a mark at (b, t) says that a new sequence begins there. Forward, the state goes back to
  ``initial`` before step t; in reverse it does so after step t, when the new sequence is used up.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from elman.cells import Cell
from elman.cells.cell import ELAPSED
from elman.errors import DataError
from elman.nn import compiled, kernels, reference
from elman.nn.backends import Circumstances, name_chosen
from elman.nn.call import Call, State, Unrolled
from elman.nn.cell_keys import parameter_names
from elman.nn.checkpoint import run_in_parts
from elman.nn.pieces import wrong_lengths, wrong_resets

_RUNNERS = {"compiled": compiled.run, "torch": kernels.run, "reference": reference.run}


def unroll(
    cell: Cell,
    params: Mapping[str, Tensor],
    inputs: Tensor,
    state: Mapping[str, Tensor] | None = None,
    *,
    initial: Mapping[str, Tensor] | None = None,
    extras: Mapping[str, Tensor] | None = None,
    lengths: Tensor | None = None,
    resets: Tensor | None = None,
    batch_sizes: Tensor | None = None,
    reverse: bool = False,
    backend: str = "auto",
    all_states: bool = False,
    checkpoint_every: int = 0,
) -> Unrolled:
    """Run one layer in one direction.

    Args:
        cell: The recurrence.
        params: Its parameters, named as in `Cell.parameters`.
        inputs: (batch, time, input_size); fastest as the transpose of a contiguous (time, batch, input_size).
        state: The state before the first step, (batch, size) each; ``initial`` when not given.
        initial: What resets go back to, (batch, size) or (size,) each; zeros when not given.
        extras: What `Cell.extras` names, each (batch, time, width), or (batch, width) for all steps; they get no
            gradients. The time since the step before, ``"elapsed"``, is 1 where it is not given.
        lengths: Valid steps per row, (batch,), whole numbers from 1 to time.
        resets: (batch, time) bool, True where a new sequence begins.
        batch_sizes: Says that inputs are packed, (steps, input_size), as in torch's ``PackedSequence``: how many
            sequences have a first, second, ... step. Outputs and states come packed; lengths, resets and extras of
            single steps have no place then.
        reverse: Run from the last step to the first; outputs stay in the order of the inputs.
        backend: One of `elman.nn.backends.BACKENDS`; see `elman.nn.choose`.
        all_states: Also return every state at every step.
        checkpoint_every: Keep the state at every so many steps alone for the gradient, and compute what lies between
            again; 0 keeps every step. See `elman.nn.checkpoint`.

    Raises:
        DataError: Lengths, resets or extras do not fit the inputs.
        BackendError: The backend asked for by name cannot run this.
    """
    if batch_sizes is None:
        lengths, resets = boundaries(inputs, lengths, resets)
    batch = inputs.shape[0] if batch_sizes is None else int(batch_sizes[0])
    if initial is not None:
        initial = {name: initial[name].expand(batch, size) for name, size in cell.state_sizes.items()}
    elif state is None or resets is not None:
        initial = {name: inputs.new_zeros(batch, size) for name, size in cell.state_sizes.items()}
    else:
        initial = state  # where nothing goes back to it
    state = initial if state is None else state
    extras = _checked_extras(cell, batch, inputs, extras or {})
    call = Call(cell, params, inputs, state, initial, extras, lengths, resets, batch_sizes, reverse, all_states)
    circumstances = Circumstances.of(next(iter(params.values())), all_states=all_states)
    runner = _RUNNERS[name_chosen(cell, backend, *circumstances)]
    return run_in_parts(call, checkpoint_every, runner) if checkpoint_every else runner(call)


def unroll_stack(
    cells: Sequence[Cell],
    params: Mapping[str, Tensor],
    inputs: Tensor,
    state: Mapping[str, Tensor] | None = None,
    *,
    initial: Mapping[str, Tensor] | None = None,
    extras: Mapping[str, Tensor] | None = None,
    bidirectional: bool = False,
    between: Callable[[Tensor], Tensor] | None = None,
    lengths: Tensor | None = None,
    resets: Tensor | None = None,
    batch_sizes: Tensor | None = None,
    backend: str = "auto",
    all_states: bool = False,
    checkpoint_every: int = 0,
) -> Unrolled:
    """Run layers of cells, each on the outputs of the one below; arguments as for `unroll`.

    ``cells`` has one cell per layer. The names of params, state, initial and extras end in ``_l{layer}`` and, for
    the reverse direction, ``_reverse``; outputs of the two directions are joined on the features.
    ``between`` is applied to the outputs of every layer but the last.
    """
    if batch_sizes is None:
        lengths, resets = boundaries(inputs, lengths, resets)
    final: State = {}
    states: State = {}
    for layer, cell in enumerate(cells):
        if layer and between is not None:
            inputs = between(inputs)
        outputs = []
        for suffix in suffixes(layer, bidirectional):
            run = unroll(
                cell,
                {name: params[name + suffix] for name in parameter_names(cell)},
                inputs,
                None if state is None else {name: state[name + suffix] for name in cell.state_sizes},
                initial=None if initial is None else {name: initial[name + suffix] for name in cell.state_sizes},
                extras={name: extras[name + suffix] for name in cell.extras if extras and name + suffix in extras},
                lengths=lengths,
                resets=resets,
                batch_sizes=batch_sizes,
                reverse=suffix.endswith("_reverse"),
                backend=backend,
                all_states=all_states,
                checkpoint_every=checkpoint_every,
            )
            outputs.append(run.outputs)
            final |= {name + suffix: value for name, value in run.state.items()}
            states |= {name + suffix: value for name, value in run.states.items()}
        inputs = _joined(outputs) if bidirectional else outputs[0]
    return Unrolled(inputs, final, states)


def suffixes(layer: int, bidirectional: bool) -> tuple[str, ...]:
    """The endings of the names in one layer, torch.nn's.

    >>> suffixes(1, bidirectional=True)
    ('_l1', '_l1_reverse')
    """
    return (f"_l{layer}", f"_l{layer}_reverse") if bidirectional else (f"_l{layer}",)


def boundaries(inputs: Tensor, lengths: Tensor | None, resets: Tensor | None) -> tuple[Tensor | None, Tensor | None]:
    """Check ``lengths`` and ``resets``, bring them to the CPU, and drop what changes nothing.

    Idempotent; for tensors on the CPU it never waits for the device of ``inputs``.
    """
    batch, time = inputs.shape[:2]
    if time == 0:
        raise DataError(f"inputs need at least one time step, found the shape {tuple(inputs.shape)}.")
    if torch.compiler.is_compiling():
        # Values are not known yet; the compiled backend looks at them when they are.
        return lengths, resets
    if lengths is not None:
        lengths = torch.as_tensor(lengths, device="cpu")
        if lengths.shape != (batch,) or int(lengths.min()) < 1 or int(lengths.max()) > time:
            raise wrong_lengths(batch, time, lengths)
        lengths = None if int(lengths.min()) == time else lengths
    if resets is not None:
        resets = torch.as_tensor(resets, device="cpu", dtype=torch.bool)
        if resets.shape != (batch, time):
            raise wrong_resets(batch, time, resets)
        resets = resets if resets.any() else None
    return lengths, resets


def _checked_extras(cell: Cell, batch: int, inputs: Tensor, extras: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    steps = inputs.shape[1:2] if inputs.dim() == 3 else ()
    if ELAPSED in cell.extras and ELAPSED not in extras:
        extras = {**extras, ELAPSED: inputs.new_ones(batch, 1)}
    for name, width in cell.extras.items():
        found = tuple(extras[name].shape) if name in extras else "nothing"
        if found not in ((batch, width), (batch, *steps, width)):
            raise DataError(f"extras['{name}'] must be {(batch, *steps, width)} or {(batch, width)}, found {found}.")
    return {name: value.detach() for name, value in extras.items()}


def _joined(outputs: list[Tensor]) -> Tensor:
    """The outputs of two directions side by side, laid out time by time as the backends give and take them."""
    if outputs[0].dim() == 2:
        return torch.cat(outputs, -1)
    return torch.cat([value.transpose(0, 1) for value in outputs], -1).transpose(0, 1)
