"""Training on sequences of all lengths between half and whole: time for the valid steps, and torch's packed path."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

import elman.nn
from benchmarks.harness import Data, Figure
from benchmarks.races import BACKEND, speed, training_step
from elman.baselines.layers import KINDS, Shape, agree
from elman.timing import interleaved

SHAPES = [Shape(cell, *sizes) for cell, sizes in product(KINDS, [(32, 100, 128), (32, 100, 256), (64, 400, 128)])]
QUICK = [Shape("gru", 3, 8, 20)]

#: Time against that of a full batch times the share of valid steps; and how many times as fast as torch's packed path.
PROPORTIONAL, PACKED = 1.1, 3.0


class Packed(nn.Module):
    """torch.nn's layer over packed sequences, with the arguments of `elman.nn.Recurrent`."""

    def __init__(self, layer: nn.RNNBase) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, inputs: Tensor, lengths: Tensor) -> tuple[Tensor, object]:
        """Pack, run, unpack."""
        packed = pack_padded_sequence(inputs, lengths, batch_first=True, enforce_sorted=False)
        outputs, state = self.layer(packed)
        return pad_packed_sequence(outputs, batch_first=True, total_length=inputs.shape[1])[0], state


def measure(data: Data) -> Sequence[Figure]:
    """Two figures for every shape."""
    return [figure for shape in (QUICK if data.quick else SHAPES) for figure in of_shape(shape, data)]


def of_shape(shape: Shape, data: Data) -> list[Figure]:
    """The batch once full and once of many lengths, and torch on the latter."""
    torch.manual_seed(0)
    lengths = torch.randint(shape.time // 2, shape.time + 1, (shape.batch,))
    lengths[0] = shape.time
    ours = elman.nn.Recurrent(shape.cell, shape.units, shape.units, backend=BACKEND)
    rival = KINDS[shape.cell][1](shape.units, shape.units, batch_first=True)
    rival.load_state_dict(ours.state_dict())
    inputs = torch.randn(shape.batch, shape.time, shape.units, requires_grad=True)
    upstream = torch.randn(shape.batch, shape.time, shape.units)
    full = training_step(ours, inputs, upstream)
    valid = training_step(ours, inputs, upstream, lengths=lengths)
    packed = training_step(Packed(rival), inputs, upstream, lengths=lengths)
    agree(shape, valid(), packed())
    # Apart from each other, since torch's packed path can take as long as dozens of our steps.
    times = interleaved({"full": full, "valid": valid}, data.seconds(3), least=1 if data.quick else 7)
    race = interleaved({"torch": packed, "ours": valid}, data.seconds(2), least=1 if data.quick else 3)
    share = float(lengths.sum()) / (shape.batch * shape.time)
    return [
        Figure(
            f"time against valid steps: {shape}", times["valid"] / (share * times["full"]), "times", "lower",
            PROPORTIONAL, f"all {shape.time} steps of all rows, {times['full'] * 1e3:.3g} ms, times {share:.0%}",
        ),
        speed(f"against packed sequences: {shape}", race, PACKED),
    ]  # fmt: skip
