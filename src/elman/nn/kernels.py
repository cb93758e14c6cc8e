"""The torch backend: torch's own kernels, for the cells whose equations they compute exactly."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from elman.cells import Cell
from elman.cells.gru import GRUCell
from elman.cells.lstm import LSTMCell
from elman.cells.rnn import ReluRNNCell, RNNCell
from elman.nn.call import Call, State, Unrolled
from elman.nn.pieces import Pieces

#: Cell -> torch's kernel.
KERNELS: dict[type[Cell], Callable[..., Any]] = {
    RNNCell: torch._VF.rnn_tanh,
    ReluRNNCell: torch._VF.rnn_relu,
    LSTMCell: torch._VF.lstm,
    GRUCell: torch._VF.gru,
}


def run(call: Call) -> Unrolled:
    """Run the dense kernel over rows that run through, and the packed one over rows that are cut."""
    outputs, final = _run(call)
    return Unrolled(outputs, final, {"hidden": outputs} if call.all_states else {})


def _run(call: Call) -> tuple[Tensor, State]:
    if call.batch_sizes is not None:
        return _run_packed(call, call.batch_sizes)
    batch, time, _ = call.inputs.shape
    if call.lengths is None and call.resets is None:
        outputs, final = _kernel(call, call.inputs.flip(1) if call.reverse else call.inputs)
        return outputs.flip(1) if call.reverse else outputs, final
    cut = torch.zeros(batch, dtype=torch.bool) if call.lengths is None else call.lengths < time
    cut = cut if call.resets is None else cut | call.resets.any(1)
    if 2 * int(cut.sum()) > batch:
        return _run_cut(call)
    # In language modelling a document begins in a row or two of a window: the others need not pay for it.
    parts = []
    places = [rows.nonzero().squeeze(1) for rows in (~cut, cut)]
    for rows, is_cut in zip(places, (False, True), strict=True):
        here = rows.to(call.inputs.device)
        part = call._replace(
            inputs=call.inputs[here],
            state={name: value[here] for name, value in call.state.items()},
            initial={name: value[here] for name, value in call.initial.items()},
            lengths=call.lengths[rows] if call.lengths is not None and is_cut else None,
            resets=call.resets[rows] if call.resets is not None and is_cut else None,
        )
        parts.append(_run(part))
    back = torch.cat(places).argsort().to(call.inputs.device)
    final = {name: torch.cat([part[1][name] for part in parts])[back] for name in call.cell.state_sizes}
    return torch.cat([part[0] for part in parts])[back], final


def _run_cut(call: Call) -> tuple[Tensor, State]:
    """All pieces as one packed batch, each from its own first state."""
    batch, time, _ = call.inputs.shape
    lengths, resets = (None if given is None else given.numpy() for given in (call.lengths, call.resets))
    pieces = Pieces.of(batch, time, lengths, resets, call.reverse)
    indices = (pieces.places, pieces.rows, pieces.leaving, pieces.entering)
    places, rows, leaving, entering = (torch.from_numpy(index).to(call.inputs.device) for index in indices)
    first = {
        name: torch.where(entering[:, None], value[rows], call.initial[name][rows])
        for name, value in call.state.items()
    }
    inputs = call.inputs.transpose(0, 1).flatten(0, 1)[places]
    packed, last = _kernel(call._replace(state=first), inputs, torch.from_numpy(pieces.sizes))
    outputs = packed.new_zeros(time * batch, packed.shape[-1]).index_copy(0, places, packed)
    return outputs.view(time, batch, -1).transpose(0, 1), {name: value[leaving] for name, value in last.items()}


def _run_packed(call: Call, batch_sizes: Tensor) -> tuple[Tensor, State]:
    """Inputs that came packed; in reverse every sequence is turned round."""
    if not call.reverse:
        return _kernel(call, call.inputs, batch_sizes)
    turned = torch.from_numpy(Pieces.of_packed(batch_sizes.numpy(), reverse=True).places).to(call.inputs.device)
    outputs, final = _kernel(call, call.inputs[turned], batch_sizes)
    return outputs[turned], final


def _kernel(call: Call, inputs: Tensor, batch_sizes: Tensor | None = None) -> tuple[Tensor, State]:
    """One call of torch's kernel: inputs (batch, time, features), or packed (steps, features) with batch_sizes."""
    cell = call.cell
    states = tuple(call.state[name].unsqueeze(0).contiguous() for name in cell.state_sizes)
    hx = states if len(states) > 1 else states[0]
    weights = [call.params[name] for name in cell.parameters()]
    # Without dropout inside, torch's "train" only decides whether it keeps what a backward pass needs.
    layers, dropout, train, bidirectional, batch_first = 1, 0.0, torch.is_grad_enabled(), False, True
    options = (weights, cell.bias, layers, dropout, train, bidirectional)
    kernel = KERNELS[type(cell)]
    packed = batch_sizes is not None
    outputs, *final = kernel(inputs, batch_sizes, hx, *options) if packed else kernel(inputs, hx, *options, batch_first)
    return outputs, {name: value.squeeze(0) for name, value in zip(cell.state_sizes, final, strict=True)}
