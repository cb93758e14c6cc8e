"""Backpropagation through many steps in little memory.

A run keeps what its gradient needs at every step. Cut into parts of k steps it can keep the state between the parts
alone, and run each part again when the gradient arrives there: with T steps that is T / k states and k steps of one
part, least, about 2 sqrt(T), for k = sqrt(T), at the price of one more forward run. The gradients are the same.

Source: Gruslys et al., "Memory-efficient backpropagation through time", NeurIPS 2016; Chen et al., arXiv:1604.06174.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from elman.nn.call import Call, State, Unrolled


def run_in_parts(call: Call, every: int, run: Callable[[Call], Unrolled]) -> Unrolled:
    """As ``run(call)``, but with ``every`` steps at a time kept for the gradient; inputs are not packed."""
    time = call.inputs.shape[1]
    state: State = dict(call.state)
    parts: list[Unrolled] = []
    for start in sorted(range(0, time, every), reverse=call.reverse):
        part = _Part.of(call, start, min(start + every, time))
        found = part.run(run, part.entering(state))
        state = part.placed(found.state, state)
        parts.append(found)
    parts = parts[::-1] if call.reverse else parts
    states = {name: _joined([part.states[name] for part in parts]) for name in parts[0].states}
    return Unrolled(_joined([part.outputs for part in parts]), state, states)


class _Part(NamedTuple):
    """The steps from ``start`` to ``end`` of a call, for the rows that have any: all of them if ``rows`` is None."""

    call: Call
    start: int
    end: int
    rows: Tensor | None
    lengths: Tensor | None

    @classmethod
    def of(cls, call: Call, start: int, end: int) -> _Part:
        if call.lengths is None:
            return cls(call, start, end, None, None)
        lengths = (call.lengths - start).clamp(max=end - start)
        running = (lengths > 0).nonzero().squeeze(1)
        lengths = lengths[running]
        rows = None if len(running) == len(call.lengths) else running.to(call.inputs.device)
        return cls(call, start, end, rows, None if (lengths == end - start).all() else lengths)

    def entering(self, state: State) -> State:
        """The state with which this part begins."""
        call = self.call
        if not call.reverse or call.resets is None or self.end == call.inputs.shape[1]:
            return state
        # In reverse a sequence is used up at its first step, which the part before this one has read.
        used_up = call.resets[:, self.end] & (call.lengths is None or call.lengths > self.end)
        used_up = used_up[:, None].to(call.inputs.device)
        return {name: torch.where(used_up, call.initial[name], value) for name, value in state.items()}

    def run(self, run: Callable[[Call], Unrolled], state: State) -> Unrolled:
        """Outputs of all rows, zero for those that have no step here, and the states after the steps."""
        part = self._call(state)
        if self.rows is not None and not len(self.rows):
            found = _nothing(part)
        else:
            found = checkpoint(run, part, use_reentrant=False) if torch.is_grad_enabled() else run(part)
        if self.rows is None:
            return found
        return Unrolled(
            self._spread(found.outputs),
            found.state,
            {name: self._spread(value) for name, value in found.states.items()},
        )

    def placed(self, after: State, before: State) -> State:
        """The states of all rows after this part."""
        if self.rows is None:
            return after
        return {name: before[name].index_copy(0, self.rows, value) for name, value in after.items()}

    def _call(self, state: State) -> Call:
        call, steps = self.call, slice(self.start, self.end)
        resets = None if call.resets is None or not call.resets[:, steps].any() else call.resets[:, steps]
        return call._replace(
            inputs=self._own(call.inputs[:, steps]),
            state={name: self._own(value) for name, value in state.items()},
            initial={name: self._own(value) for name, value in call.initial.items()},
            extras={
                name: self._own(value[:, steps] if value.dim() == 3 else value) for name, value in call.extras.items()
            },
            lengths=self.lengths,
            resets=resets if resets is None or self.rows is None else resets[self.rows.cpu()],
        )

    def _own(self, value: Tensor) -> Tensor:
        return value if self.rows is None else value[self.rows]

    def _spread(self, value: Tensor) -> Tensor:
        assert self.rows is not None
        return value.new_zeros(len(self.call.inputs), *value.shape[1:]).index_copy(0, self.rows, value)


def _nothing(call: Call) -> Unrolled:
    """The run of a call without rows."""
    steps, sizes = call.inputs.shape[1], call.cell.state_sizes
    states = {name: call.inputs.new_zeros(0, steps, size) for name, size in sizes.items()}
    return Unrolled(next(iter(states.values())), dict(call.state), states)


def _joined(parts: list[Tensor]) -> Tensor:
    """Parts behind each other in time, laid out time by time as the backends give and take them."""
    return torch.cat([part.transpose(0, 1) for part in parts]).transpose(0, 1)
