"""The reference backend: a plain loop over a cell's equations, and the truth that the others are compared with."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from elman.nn.call import Call, State, Unrolled
from elman.nn.ops import TorchOps


def run(call: Call) -> Unrolled:
    """Run `Cell.step` step by step; on every device and differentiable in every way that torch's functions are."""
    if call.batch_sizes is not None:
        return _run_packed(call, call.batch_sizes)
    ops, inputs, state, given = TorchOps(), call.inputs, dict(call.state), call.extras
    time = inputs.shape[1]
    inside = None if call.lengths is None else torch.arange(time) < call.lengths[:, None]
    valid = None if inside is None else inside.to(inputs.device)[..., None]
    if valid is not None:
        # Padding may hold anything, NaN too, and 0 * NaN would reach the gradients.
        inputs = inputs.masked_fill(~valid, 0)
        given = {name: v.masked_fill(~valid, 0) if v.dim() == 3 else v for name, v in given.items()}
    restarts = _restarts(call.resets, inside, call.reverse)
    steps: dict[int, State] = {}
    for t in reversed(range(time)) if call.reverse else range(time):
        if t in restarts:
            again = restarts[t].to(inputs.device)
            state = {name: ops.where(again, call.initial[name], before) for name, before in state.items()}
        extras = {name: value[:, t] if value.dim() == 3 else value for name, value in given.items()}
        after = call.cell.step(ops, inputs[:, t], state, {**call.params, **extras})
        if valid is not None:
            steps[t] = {name: ops.where(valid[:, t], value, value.new_zeros(())) for name, value in after.items()}
            state = {name: ops.where(valid[:, t], value, state[name]) for name, value in after.items()}
        else:
            steps[t] = state = after
    wanted = list(call.cell.state_sizes)[: None if call.all_states else 1]
    states = {name: torch.stack([steps[t][name] for t in range(time)], 1) for name in wanted}
    return Unrolled(states[wanted[0]], dict(state), states if call.all_states else {})


def _restarts(resets: Tensor | None, inside: Tensor | None, reverse: bool) -> dict[int, Tensor]:
    """Step -> which rows (batch, 1) go back to the initial state before it is run."""
    if resets is None:
        return {}
    resets = resets if inside is None else resets & inside
    resets = F.pad(resets[:, 1:], (0, 1)) if reverse else resets
    return {t: resets[:, t, None] for t in resets.any(0).nonzero().flatten().tolist()}


def _run_packed(call: Call, batch_sizes: Tensor) -> Unrolled:
    """Packed rows as a padded batch with lengths, and back."""
    time, batch = len(batch_sizes), int(batch_sizes[0])
    inside = torch.arange(batch)[:, None] < batch_sizes
    row, step = (index.to(call.inputs.device) for index in inside.T.nonzero(as_tuple=True)[::-1])
    padded = call.inputs.new_zeros(batch, time, call.inputs.shape[1]).index_put((row, step), call.inputs)
    found = run(call._replace(inputs=padded, lengths=inside.sum(1), batch_sizes=None))
    states = {name: value[row, step] for name, value in found.states.items()}
    return Unrolled(found.outputs[row, step], found.state, states)
