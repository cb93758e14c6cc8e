"""Layers that race: ours beside torch.nn's and ONNX Runtime's, of the same weights on the same numbers.

Before anything is timed, the results are compared: no speed of a layer that computes something else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

import torch
from torch import Tensor, nn

import elman.cells
import elman.nn
from elman.baselines.onnx_layer import installed, onnx_runner
from elman.compiler.streaming import StreamingStack
from elman.errors import BackendError

Name: TypeAlias = Literal["lstm", "gru", "rnn"]

#: Who runs -> a call that does the work once.
Race: TypeAlias = dict[str, Callable[[], object]]

KINDS: dict[Name, tuple[Any, Any]] = {
    "lstm": (elman.nn.LSTM, nn.LSTM),
    "gru": (elman.nn.GRU, nn.GRU),
    "rnn": (elman.nn.RNN, nn.RNN),
}

#: Gate blocks in the weights.
GATES: dict[Name, int] = {"lstm": 4, "gru": 3, "rnn": 1}

#: Largest difference between two float32 computations of one value, as a share of the largest value. Sums of
#: thousands of terms in another order, carried through hundreds of steps, differ by some 1e-6, and by some 1e-4 where
#: a state near zero is normalised. A wrong gate is off by far more.
AGREEMENT = 2e-3


@dataclass(frozen=True)
class Shape:
    """A layer and the batch that it is given; it has as many features in its input as units.

    >>> print(Shape("lstm", batch=32, time=100, units=256))
    LSTM, batch 32, 100 steps, 256 units
    """

    cell: Name
    batch: int
    time: int
    units: int
    layers: int = 1
    bidirectional: bool = False

    def __str__(self) -> str:
        layers = f"{self.layers} layers, " if self.layers > 1 else ""
        directions = "bidirectional, " if self.bidirectional else ""
        return f"{self.cell.upper()}, {layers}{directions}batch {self.batch}, {self.time} steps, {self.units} units"

    @property
    def flops(self) -> float:
        """Operations of the matrix products of one inference; a training step has three times as many.

        >>> Shape("rnn", batch=1, time=1, units=10).flops
        400.0
        """
        directions = 2 if self.bidirectional else 1
        columns = sum(self.units * (directions if layer else 1) + self.units for layer in range(self.layers))
        return 2.0 * self.time * self.batch * directions * GATES[self.cell] * self.units * columns


def training(shape: Shape, backend: str = "compiled") -> Race:
    """A training step of ``ours`` and of ``torch``: outputs, then the gradients of the inputs and of all weights."""
    ours, rival, inputs = _pair(shape, backend)
    inputs.requires_grad_()
    upstream = torch.randn(shape.time, shape.batch, shape.units * (2 if shape.bidirectional else 1))

    def step(layer: nn.Module) -> list[Tensor]:
        outputs, _ = layer(inputs)
        return [outputs, *torch.autograd.grad(outputs, [inputs, *layer.parameters()], upstream)]

    agree(shape, step(ours), step(rival))
    return {"ours": lambda: step(ours), "torch": lambda: step(rival)}


def inference(shape: Shape, backend: str = "compiled") -> Race:
    """The outputs of ``ours``, of ``torch`` and, where it is installed, of ``onnx`` (ONNX Runtime)."""
    ours, rival, inputs = _pair(shape, backend)

    @torch.inference_mode()
    def run(layer: nn.Module) -> list[Tensor]:
        return [layer(inputs)[0]]

    race: Race = {"ours": lambda: run(ours), "torch": lambda: run(rival)}
    agree(shape, run(ours), run(rival))
    if installed():
        session, arrays = onnx_runner(rival), {"inputs": inputs.numpy()}
        agree(shape, [torch.from_numpy(array) for array in session(arrays)], run(rival))
        race["onnx"] = lambda: session(arrays)
    return race


def one_step(shape: Shape) -> Race:
    """A single step that takes a state and gives the next one: ``ours`` as a stream does it, without torch."""
    _, rival, inputs = _pair(replace(shape, time=1), "reference")
    cell = elman.cells.make(shape.cell, shape.units, shape.units)
    params = {name: getattr(rival, f"{name}_l0").detach().numpy() for name in cell.parameters()}
    state = {f"{name}_l0": torch.randn(shape.batch, size) for name, size in cell.state_sizes.items()}
    arrays, hx = {name: value.numpy() for name, value in state.items()}, [value[None] for value in state.values()]
    stack, x = StreamingStack([(cell, params)]), inputs[0].numpy()

    @torch.inference_mode()
    def step() -> Tensor:
        outputs: Tensor = rival(inputs, tuple(hx) if len(hx) > 1 else hx[0])[0]
        return outputs[0]

    agree(shape, [torch.from_numpy(stack.step(x, arrays)[0])], [step()])
    race: Race = {"ours": lambda: stack.step(x, arrays), "torch": step}
    if installed():
        session = onnx_runner(rival, stateful=True)
        given = {"inputs": inputs.numpy()}
        given |= {f"first_{name[0]}": value[None] for name, value in arrays.items()}
        agree(shape, [torch.from_numpy(session(given)[0][0])], [step()])
        race["onnx"] = lambda: session(given)
    return race


def matrix_products(sizes: Sequence[int] = (768, 1536, 3072)) -> dict[int, Callable[[], object]]:
    """Square float32 matrix products by torch, by their size: what `matrix_rate` is made of."""
    torch.manual_seed(0)

    def product(size: int) -> Callable[[], object]:
        a, b, out = torch.randn(size, size), torch.randn(size, size), torch.empty(size, size)
        return lambda: torch.mm(a, b, out=out)

    return {size: product(size) for size in sizes}


def matrix_rate(times: Mapping[int, float]) -> float:
    """Operations per second that this machine reaches in matrix products: the best of the measured sizes.

    >>> matrix_rate({100: 1.0, 200: 2.0})
    8000000.0
    """
    return max(2.0 * size**3 / seconds for size, seconds in times.items())


def _pair(shape: Shape, backend: str) -> tuple[nn.RNNBase, nn.RNNBase, Tensor]:
    """Our layer, torch's with the same weights, and inputs (time, batch, units)."""
    torch.manual_seed(0)
    our_kind, kind = KINDS[shape.cell]
    sizes = (shape.units, shape.units, shape.layers)
    ours = our_kind(*sizes, bidirectional=shape.bidirectional, backend=backend)
    rival = kind(*sizes, bidirectional=shape.bidirectional)
    rival.load_state_dict(ours.state_dict())
    return ours, rival, torch.randn(shape.time, shape.batch, shape.units)


def agree(what: object, ours: Sequence[Tensor], theirs: Sequence[Tensor]) -> None:
    """Raise `BackendError` where two lists of results differ by more than `AGREEMENT`."""
    for one, other in zip(ours, theirs, strict=True):
        size = other.detach().abs().max().clamp_min(torch.finfo(other.dtype).tiny)
        difference = float((one - other).detach().abs().max() / size)
        if not difference <= AGREEMENT:
            raise BackendError(
                f"{what}: the results differ by {difference:.2g} of their size, at most {AGREEMENT:g} was expected. "
                "Speeds cannot be compared; please report this."
            )
