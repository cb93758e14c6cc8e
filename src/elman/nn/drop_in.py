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
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from elman.cells import Cell, make
from elman.nn.backends import choose
from elman.nn.unroll import State, suffixes, unroll_stack


@final
class RNN(nn.RNN):
    """``torch.nn.RNN`` with a choice of backend.

    >>> layer = RNN(3, 5, nonlinearity="relu", batch_first=True, backend="reference")
    >>> outputs, h_n = layer(torch.zeros(2, 7, 3))
    >>> outputs.shape, h_n.shape
    (torch.Size([2, 7, 5]), torch.Size([1, 2, 5]))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: Any = None,
        dtype: torch.dtype | None = None,
        *,
        backend: str = "auto",
        **unsupported: Any,
    ) -> None:
        super().__init__(
            input_size, hidden_size, num_layers, nonlinearity, bias, batch_first, dropout, bidirectional,
            device=device, dtype=dtype, **unsupported,
        )  # fmt: skip
        choose(_cells(self)[0], backend)
        self.backend = backend

    def forward(self, input: Any, hx: Tensor | None = None) -> Any:
        """See ``torch.nn.RNN``."""
        return _forward(self, input, hx) if self.backend == "reference" else super().forward(input, hx)


@final
class LSTM(nn.LSTM):
    """``torch.nn.LSTM`` with a choice of backend.

    >>> layer = LSTM(3, 5, proj_size=2, backend="reference")
    >>> outputs, (h_n, c_n) = layer(torch.zeros(7, 2, 3))
    >>> outputs.shape, h_n.shape, c_n.shape
    (torch.Size([7, 2, 2]), torch.Size([1, 2, 2]), torch.Size([1, 2, 5]))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Any = None,
        dtype: torch.dtype | None = None,
        *,
        backend: str = "auto",
    ) -> None:
        super().__init__(
            input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, proj_size,
            device=device, dtype=dtype,
        )  # fmt: skip
        choose(_cells(self)[0], backend)
        self.backend = backend

    def forward(self, input: Any, hx: tuple[Tensor, Tensor] | None = None) -> Any:
        """See ``torch.nn.LSTM``."""
        return _forward(self, input, hx) if self.backend == "reference" else super().forward(input, hx)


@final
class GRU(nn.GRU):
    """``torch.nn.GRU`` with a choice of backend.

    >>> layer = GRU(3, 5, bidirectional=True, backend="reference")
    >>> outputs, h_n = layer(torch.zeros(7, 2, 3))
    >>> outputs.shape, h_n.shape
    (torch.Size([7, 2, 10]), torch.Size([2, 2, 5]))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: Any = None,
        dtype: torch.dtype | None = None,
        *,
        backend: str = "auto",
        **unsupported: Any,
    ) -> None:
        super().__init__(
            input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional,
            device=device, dtype=dtype, **unsupported,
        )  # fmt: skip
        choose(_cells(self)[0], backend)
        self.backend = backend

    def forward(self, input: Any, hx: Tensor | None = None) -> Any:
        """See ``torch.nn.GRU``."""
        return _forward(self, input, hx) if self.backend == "reference" else super().forward(input, hx)


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


def _forward(layer: nn.RNNBase, given: Any, hx: Any) -> Any:
    """What torch.nn's ``forward`` does, on `unroll_stack`: put the arguments into its form and back."""
    if isinstance(given, PackedSequence):
        data, batch_sizes, in_order, back = given
        padded, lengths = pad_packed_sequence(PackedSequence(data, batch_sizes), batch_first=True)
        hx = hx if hx is None else layer.permute_hidden(hx, in_order)
        outputs, final = _run(layer, padded, hx, lengths)
        packed = pack_padded_sequence(outputs, lengths, batch_first=True)
        return PackedSequence(packed.data, batch_sizes, in_order, back), layer.permute_hidden(final, back)
    if given.dim() not in (2, 3):
        raise ValueError(f"{type(layer).__name__}: Expected input to be 2D or 3D, got {given.dim()}D instead")
    for state in () if hx is None else _parts(hx):
        if state.dim() != given.dim():
            kind = "batched 3-D" if given.dim() == 3 else "unbatched 2-D"
            raise RuntimeError(f"For {kind} input, hx should also be {given.dim()}-D but got {state.dim()}-D tensor")
    if given.dim() == 2:
        hx = hx if hx is None else _like(hx, [state.unsqueeze(1) for state in _parts(hx)])
        outputs, final = _run(layer, given.unsqueeze(0), hx, None)
        return outputs.squeeze(0), _like(final, [state.squeeze(1) for state in _parts(final)])
    if layer.batch_first:
        return _run(layer, given, hx, None)
    outputs, final = _run(layer, given.transpose(0, 1), hx, None)
    return outputs.transpose(0, 1), final


def _run(layer: nn.RNNBase, inputs: Tensor, hx: Any, lengths: Tensor | None) -> tuple[Tensor, Any]:
    """Inputs (batch, time, features) and torch's ``hx`` to outputs (batch, time, features) and ``hx``."""
    layer._update_flat_weights()
    as_given = inputs if layer.batch_first else inputs.transpose(0, 1)
    if hx is None:
        layer.check_input(as_given, None)
    else:
        layer.check_forward_args(as_given, hx, None)
    cells = _cells(layer)
    places = [(suffix, cell) for k, cell in enumerate(cells) for suffix in suffixes(k, layer.bidirectional)]
    names = list(cells[0].state_sizes)
    state: State | None = None
    if hx is not None:
        state = {
            name + suffix: part[index]
            for name, part in zip(names, _parts(hx), strict=True)
            for index, (suffix, _) in enumerate(places)
        }
    run = unroll_stack(
        cells,
        {name + suffix: getattr(layer, name + suffix) for suffix, cell in places for name in cell.parameters()},
        inputs,
        state,
        bidirectional=layer.bidirectional,
        between=lambda outputs: _dropout(outputs, layer),
        lengths=lengths,
        backend="reference",
    )
    final = tuple(torch.stack([run.state[name + suffix] for suffix, _ in places]) for name in names)
    return run.outputs, final if len(final) > 1 else final[0]


def _dropout(outputs: Tensor, layer: nn.RNNBase) -> Tensor:
    """Dropout between layers, drawn over (time, batch, features) as torch's kernels do: same seed, same mask."""
    return F.dropout(outputs.transpose(0, 1).contiguous(), layer.dropout, layer.training).transpose(0, 1)


def _parts(hx: Any) -> tuple[Tensor, ...]:
    """The tensors of a ``hx``: one, or two for an LSTM."""
    return (hx,) if isinstance(hx, Tensor) else tuple(hx)


def _like(hx: Any, parts: list[Tensor]) -> Any:
    """``parts`` in the form of ``hx``."""
    return parts[0] if isinstance(hx, Tensor) else tuple(parts)
