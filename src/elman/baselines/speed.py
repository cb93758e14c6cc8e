"""How fast layers run on this machine, beside torch.nn and ONNX Runtime: what `elman bench` shows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

from elman.baselines.layers import Name, Race, Shape, inference, matrix_products, matrix_rate, one_step, training
from elman.timing import REST, interleaved

Kind: TypeAlias = Literal["training", "inference", "one step"]

RACES: dict[Kind, Callable[[Shape], Race]] = {"training": training, "inference": inference, "one step": one_step}

#: What is measured for every cell.
CELLS: tuple[Name, ...] = ("lstm", "gru", "rnn")
SIZES: dict[Kind, list[tuple[int, int, int]]] = {
    "training": [(1, 100, 128), (32, 100, 128), (32, 100, 256)],
    "inference": [(1, 100, 128), (32, 100, 256)],
    "one step": [(1, 1, 128)],
}


@dataclass(frozen=True)
class Speed:
    """One layer, doing one thing.

    Attributes:
        kind: What it did.
        shape: The layer and the batch.
        seconds: Median time of a call, by who ran: ``ours``, ``torch`` and, where it is installed, ``onnx``.
        share: Operations per second that ours reached, as a share of the machine's rate in matrix products.
    """

    kind: Kind
    shape: Shape
    seconds: dict[str, float]
    share: float

    @property
    def times_faster(self) -> float:
        """The best rival's time against ours."""
        return min(value for who, value in self.seconds.items() if who != "ours") / self.seconds["ours"]


def rate(seconds: float = 2.0) -> float:
    """Operations per second of the machine's float32 matrix products."""
    return matrix_rate(interleaved(matrix_products(), seconds, least=3))


def speeds(machine_rate: float, seconds: float = 1.0) -> Iterator[Speed]:
    """Measure everything in `SIZES` for every cell, each for about so many seconds."""
    for cell in CELLS:
        for kind, sizes in SIZES.items():
            for batch, time, units in sizes:
                shape = Shape(cell, batch, time, units)
                found = interleaved(RACES[kind](shape), seconds, rest=REST)
                flops = shape.flops * (3 if kind == "training" else 1)
                yield Speed(kind, shape, found, flops / found["ours"] / machine_rate)
