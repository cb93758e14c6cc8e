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
from typing import NamedTuple, TypeAlias

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from elman.cells import Cell
from elman.errors import DataError
from elman.nn.backends import KERNELS, choose
from elman.nn.ops import TorchOps
from elman.nn.pieces import Pieces

#: Named states: (batch, size) each. In a stack the names end in ``_l{layer}`` and ``_reverse``.
State: TypeAlias = dict[str, Tensor]


class Unrolled(NamedTuple):
    """Outputs (batch, time, output_size), the final state, and on request every state (batch, time, size)."""

    outputs: Tensor
    state: State
    states: State


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
    reverse: bool = False,
    backend: str = "auto",
    all_states: bool = False,
) -> Unrolled:
    """Run one layer in one direction.

    Args:
        cell: The recurrence.
        params: Its parameters, named as in `Cell.parameters`.
        inputs: (batch, time, input_size).
        state: The state before the first step, (batch, size) each; ``initial`` when not given.
        initial: What resets go back to, (batch, size) or (size,) each; zeros when not given.
        extras: What `Cell.extras` names, each (batch, time, width), or (batch, width) for all steps; no gradients.
        lengths: Valid steps per row, (batch,), whole numbers from 1 to time.
        resets: (batch, time) bool, True where a new sequence begins.
        reverse: Run from the last step to the first; outputs stay in the order of the inputs.
        backend: ``auto``, ``torch`` or ``reference``; see `elman.nn.backends.choose`.
        all_states: Also return every state at every step.

    Raises:
        DataError: Lengths, resets or extras do not fit the inputs.
        BackendError: The backend asked for by name cannot run this.
    """
    batch = len(inputs)
    lengths, resets = boundaries(inputs, lengths, resets)
    initial = {
        name: initial[name].expand(batch, size) if initial else inputs.new_zeros(batch, size)
        for name, size in cell.state_sizes.items()
    }
    state = initial if state is None else state
    extras = _checked_extras(cell, inputs, extras or {})
    if choose(cell, backend, all_states=all_states).backend == "reference":
        return _loop(cell, params, inputs, state, initial, extras, lengths, resets, reverse, all_states)
    outputs, final = _by_kernel(cell, params, inputs, state, initial, lengths, resets, reverse)
    return Unrolled(outputs, final, {"hidden": outputs} if all_states else {})


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
    backend: str = "auto",
    all_states: bool = False,
) -> Unrolled:
    """Run layers of cells, each on the outputs of the one below; arguments as for `unroll`.

    ``cells`` has one cell per layer. The names of params, state, initial and extras end in ``_l{layer}`` and, for
    the reverse direction, ``_reverse``; outputs of the two directions are joined on the features.
    ``between`` is applied to the outputs of every layer but the last.
    """
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
                {name: params[name + suffix] for name in cell.parameters()},
                inputs,
                None if state is None else {name: state[name + suffix] for name in cell.state_sizes},
                initial=None if initial is None else {name: initial[name + suffix] for name in cell.state_sizes},
                extras={name: extras[name + suffix] for name in cell.extras if extras and name + suffix in extras},
                lengths=lengths,
                resets=resets,
                reverse=suffix.endswith("_reverse"),
                backend=backend,
                all_states=all_states,
            )
            outputs.append(run.outputs)
            final |= {name + suffix: value for name, value in run.state.items()}
            states |= {name + suffix: value for name, value in run.states.items()}
        inputs = torch.cat(outputs, -1) if bidirectional else outputs[0]
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
    if lengths is not None:
        lengths = torch.as_tensor(lengths, device="cpu")
        if lengths.shape != (batch,) or int(lengths.min()) < 1 or int(lengths.max()) > time:
            raise DataError(f"lengths must be {batch} whole numbers from 1 to {time}, found {lengths.tolist()}.")
        lengths = None if int(lengths.min()) == time else lengths
    if resets is not None:
        resets = torch.as_tensor(resets, device="cpu", dtype=torch.bool)
        if resets.shape != (batch, time):
            raise DataError(f"resets must be ({batch}, {time}), as the inputs, found {tuple(resets.shape)}.")
        resets = resets if resets.any() else None
    return lengths, resets


def _checked_extras(cell: Cell, inputs: Tensor, extras: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    batch, time = inputs.shape[:2]
    for name, width in cell.extras.items():
        found = tuple(extras[name].shape) if name in extras else "nothing"
        if found not in ((batch, time, width), (batch, width)):
            raise DataError(f"extras['{name}'] must be {(batch, time, width)} or {(batch, width)}, found {found}.")
    return extras


def _loop(
    cell: Cell,
    params: Mapping[str, Tensor],
    inputs: Tensor,
    state: Mapping[str, Tensor],
    initial: Mapping[str, Tensor],
    extras: Mapping[str, Tensor],
    lengths: Tensor | None,
    resets: Tensor | None,
    reverse: bool,
    all_states: bool,
) -> Unrolled:
    """The reference: `Cell.step`, step by step."""
    ops, device, time = TorchOps(), inputs.device, inputs.shape[1]
    inside = None if lengths is None else torch.arange(time) < lengths[:, None]
    valid = None if inside is None else inside.to(device)[..., None]
    if valid is not None:
        # Padding may hold anything, NaN too, and 0 * NaN would reach the gradients.
        inputs = inputs.masked_fill(~valid, 0)
    restarts: dict[int, Tensor] = {}
    if resets is not None:
        resets = resets if inside is None else resets & inside
        resets = F.pad(resets[:, 1:], (0, 1)) if reverse else resets
        restarts = {t: resets[:, t, None].to(device) for t in resets.any(0).nonzero().flatten().tolist()}
    steps: dict[int, State] = {}
    for t in reversed(range(time)) if reverse else range(time):
        if t in restarts:
            state = {name: ops.where(restarts[t], initial[name], before) for name, before in state.items()}
        extra = {name: value[:, t] if value.dim() == 3 else value for name, value in extras.items()}
        after = cell.step(ops, inputs[:, t], state, {**params, **extra})
        if valid is not None:
            steps[t] = {name: ops.where(valid[:, t], value, value.new_zeros(())) for name, value in after.items()}
            state = {name: ops.where(valid[:, t], value, state[name]) for name, value in after.items()}
        else:
            steps[t] = state = after
    wanted = list(cell.state_sizes)[: None if all_states else 1]
    states = {name: torch.stack([steps[t][name] for t in range(time)], 1) for name in wanted}
    return Unrolled(states[wanted[0]], dict(state), states if all_states else {})


def _by_kernel(
    cell: Cell,
    params: Mapping[str, Tensor],
    inputs: Tensor,
    state: Mapping[str, Tensor],
    initial: Mapping[str, Tensor],
    lengths: Tensor | None,
    resets: Tensor | None,
    reverse: bool,
) -> tuple[Tensor, State]:
    """Torch's kernels: the fast dense one for rows that run through, the packed one for rows that are cut."""
    batch, time, _ = inputs.shape
    if lengths is None and resets is None:
        outputs, final = _kernel(cell, params, inputs.flip(1) if reverse else inputs, state)
        return outputs.flip(1) if reverse else outputs, final
    cut = torch.zeros(batch, dtype=torch.bool) if lengths is None else lengths < time
    cut = cut if resets is None else cut | resets.any(1)
    if 2 * int(cut.sum()) > batch:
        return _packed(cell, params, inputs, state, initial, Pieces.of(batch, time, lengths, resets, reverse))
    # In language modelling a document begins in a row or two of a window: the others need not pay for it.
    parts = []
    places = [rows.nonzero().squeeze(1) for rows in (~cut, cut)]
    for rows, is_cut in zip(places, (False, True), strict=True):
        here = rows.to(inputs.device)
        before, first = ({name: value[here] for name, value in states.items()} for states in (state, initial))
        own_lengths = None if lengths is None or not is_cut else lengths[rows]
        own_resets = None if resets is None or not is_cut else resets[rows]
        parts.append(_by_kernel(cell, params, inputs[here], before, first, own_lengths, own_resets, reverse))
    back = torch.cat(places).argsort().to(inputs.device)
    final = {name: torch.cat([part[1][name] for part in parts])[back] for name in cell.state_sizes}
    return torch.cat([part[0] for part in parts])[back], final


def _kernel(
    cell: Cell,
    params: Mapping[str, Tensor],
    inputs: Tensor,
    state: Mapping[str, Tensor],
    batch_sizes: Tensor | None = None,
) -> tuple[Tensor, State]:
    """One call of torch's kernel: inputs (batch, time, features), or packed (steps, features) with batch_sizes."""
    states = tuple(state[name].unsqueeze(0).contiguous() for name in cell.state_sizes)
    hx = states if len(states) > 1 else states[0]
    weights = [params[name] for name in cell.parameters()]
    # Without dropout inside, torch's "train" only decides whether it keeps what a backward pass needs.
    layers, dropout, train, bidirectional, batch_first = 1, 0.0, torch.is_grad_enabled(), False, True
    options = (weights, cell.bias, layers, dropout, train, bidirectional)
    kernel = KERNELS[type(cell)]
    packed = batch_sizes is not None
    outputs, *final = kernel(inputs, batch_sizes, hx, *options) if packed else kernel(inputs, hx, *options, batch_first)
    return outputs, {name: value.squeeze(0) for name, value in zip(cell.state_sizes, final, strict=True)}


def _packed(
    cell: Cell,
    params: Mapping[str, Tensor],
    inputs: Tensor,
    state: Mapping[str, Tensor],
    initial: Mapping[str, Tensor],
    pieces: Pieces,
) -> tuple[Tensor, State]:
    """All pieces as one packed batch, each from its own first state."""
    (batch, time, _), device = inputs.shape, inputs.device
    steps, rows, leaving = (index.to(device) for index in (pieces.steps, pieces.rows, pieces.leaving))
    entering = pieces.entering.to(device)[:, None]
    first = {name: torch.where(entering, state[name][rows], initial[name][rows]) for name in cell.state_sizes}
    packed, last = _kernel(cell, params, inputs.flatten(0, 1)[steps], first, pieces.batch_sizes)
    outputs = packed.new_zeros(batch * time, packed.shape[-1]).index_copy(0, steps, packed)
    return outputs.view(batch, time, -1), {name: value[leaving] for name, value in last.items()}
