"""Drop-ins for ``torch.nn.RNN``, ``LSTM`` and ``GRU``.

Each is torch.nn's own class (so constructor, names, first weights for a seed, packed sequences, errors,
``isinstance`` and ``flatten_parameters`` are torch's) with one more keyword: ``backend``. Arguments, shapes and
layouts are documented at torch.nn; `elman.nn.backends.choose` documents the backends.
"""

from __future__ import annotations

from typing import Any, final

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812
from torch.nn.utils.rnn import PackedSequence

from elman.cells import Cell, make
from elman.nn.backends import Circumstances, choose, name_chosen
from elman.nn.call import State
from elman.nn.cell_keys import parameter_names
from elman.nn.unroll import suffixes, unroll_stack


class _WithBackend(nn.RNNBase):
    """What torch.nn's recurrent layers have in common here."""

    weight_ih_l0: Tensor

    def __init__(self, *args: Any, backend: str = "auto", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.backend = backend
        self.cells = tuple(_cells(self))
        choose(self.cells[0], backend)

    def forward(self, input: Any, hx: Any = None) -> Any:
        """See the namesake in ``torch.nn``."""
        chosen = name_chosen(self.cells[0], self.backend, *Circumstances.of(self.weight_ih_l0))
        # Torch's own class passes all its layers to its kernel at once.
        return super().forward(input, hx) if chosen == "torch" else _forward(self, input, hx)


@final
class RNN(_WithBackend, nn.RNN):
    """``torch.nn.RNN`` with a choice of backend.

    >>> layer = RNN(3, 5, nonlinearity="relu", batch_first=True, backend="reference")
    >>> outputs, h_n = layer(torch.zeros(2, 7, 3))
    >>> outputs.shape, h_n.shape
    (torch.Size([2, 7, 5]), torch.Size([1, 2, 5]))
    """


@final
class LSTM(_WithBackend, nn.LSTM):
    """``torch.nn.LSTM`` with a choice of backend.

    >>> layer = LSTM(3, 5, proj_size=2)
    >>> outputs, (h_n, c_n) = layer(torch.zeros(7, 2, 3))
    >>> outputs.shape, h_n.shape, c_n.shape
    (torch.Size([7, 2, 2]), torch.Size([1, 2, 2]), torch.Size([1, 2, 5]))
    """


@final
class GRU(_WithBackend, nn.GRU):
    """``torch.nn.GRU`` with a choice of backend.

    >>> layer = GRU(3, 5, bidirectional=True)
    >>> outputs, h_n = layer(torch.zeros(7, 2, 3))
    >>> outputs.shape, h_n.shape
    (torch.Size([7, 2, 10]), torch.Size([2, 2, 5]))
    """


def _cells(layer: nn.RNNBase) -> list[Cell]:
    """The cells of torch.nn's layer, one per layer of the stack."""
    name = {"RNN_TANH": "rnn", "RNN_RELU": "rnn_relu", "LSTM": "lstm", "GRU": "gru"}[layer.mode]
    options = {"projection_size": layer.proj_size} if layer.mode == "LSTM" else {}
    cells: list[Cell] = []
    size = layer.input_size
    for _ in range(layer.num_layers):
        cells.append(make(name, size, layer.hidden_size, bias=layer.bias, **options))
        size = cells[-1].output_size * (2 if layer.bidirectional else 1)
    return cells


def _forward(layer: _WithBackend, given: Any, hx: Any) -> Any:
    """What torch.nn's ``forward`` does, on `unroll_stack`: put the arguments into its form and back."""
    if isinstance(given, PackedSequence):
        data, batch_sizes, in_order, back = given
        outputs, final = _run(layer, data, hx if hx is None else layer.permute_hidden(hx, in_order), batch_sizes)
        return PackedSequence(outputs, batch_sizes, in_order, back), layer.permute_hidden(final, back)
    if given.dim() not in (2, 3):
        raise ValueError(f"{type(layer).__name__}: Expected input to be 2D or 3D, got {given.dim()}D instead")
    for state in () if hx is None else _parts(hx):
        if state.dim() != given.dim():
            kind = "batched 3-D" if given.dim() == 3 else "unbatched 2-D"
            raise RuntimeError(f"For {kind} input, hx should also be {given.dim()}-D but got {state.dim()}-D tensor")
    if given.dim() == 2:
        hx = hx if hx is None else _like(hx, [state.unsqueeze(1) for state in _parts(hx)])
        batch = 0 if layer.batch_first else 1
        outputs, final = _run(layer, given.unsqueeze(batch), hx)
        return outputs.squeeze(batch), _like(final, [state.squeeze(1) for state in _parts(final)])
    return _run(layer, given, hx)


def _run(layer: _WithBackend, inputs: Tensor, hx: Any, batch_sizes: Tensor | None = None) -> tuple[Tensor, Any]:
    """Inputs in the layer's own layout, or packed, and torch's ``hx``, to outputs and ``hx``."""
    if hx is None:
        layer.check_input(inputs, batch_sizes)
    else:
        layer.check_forward_args(inputs, hx, batch_sizes)
    places = [(suffix, cell) for k, cell in enumerate(layer.cells) for suffix in suffixes(k, layer.bidirectional)]
    names = list(layer.cells[0].state_sizes)
    state: State | None = None
    if hx is not None:
        state = {
            name + suffix: part[index]
            for name, part in zip(names, _parts(hx), strict=True)
            for index, (suffix, _) in enumerate(places)
        }
    turned = batch_sizes is None and not layer.batch_first
    run = unroll_stack(
        layer.cells,
        {name + suffix: getattr(layer, name + suffix) for suffix, cell in places for name in parameter_names(cell)},
        inputs.transpose(0, 1) if turned else inputs,
        state,
        bidirectional=layer.bidirectional,
        between=lambda outputs: _dropout(outputs, layer),
        batch_sizes=batch_sizes,
        backend=layer.backend,
    )
    final = tuple(_stacked([run.state[name + suffix] for suffix, _ in places]) for name in names)
    return run.outputs.transpose(0, 1) if turned else run.outputs, final if len(final) > 1 else final[0]


def _stacked(parts: list[Tensor]) -> Tensor:
    """(batch, size) each to (parts, batch, size); a single one is not copied."""
    return torch.stack(parts) if len(parts) > 1 else parts[0].unsqueeze(0)


def _dropout(outputs: Tensor, layer: nn.RNNBase) -> Tensor:
    """Dropout between layers, drawn over (time, batch, features) or packed rows as torch does: same seed, same mask."""
    if not layer.training or not layer.dropout:
        return outputs
    if outputs.dim() == 2:
        return F.dropout(outputs, layer.dropout)
    return F.dropout(outputs.transpose(0, 1).contiguous(), layer.dropout).transpose(0, 1)


def _parts(hx: Any) -> tuple[Tensor, ...]:
    """The tensors of a ``hx``: one, or two for an LSTM."""
    return (hx,) if isinstance(hx, Tensor) else tuple(hx)


def _like(hx: Any, parts: list[Tensor]) -> Any:
    """``parts`` in the form of ``hx``."""
    return parts[0] if isinstance(hx, Tensor) else tuple(parts)
