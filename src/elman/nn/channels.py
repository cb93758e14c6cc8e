"""Two views of channels measured side by side: rebuilt from what surrounds them, and expected from the past."""

from __future__ import annotations

from typing import Any, final

from torch import nn

from elman.nn.labels import LabelNetwork
from elman.shapes import LabelShape


@final
class ChannelNetworks(nn.Module):
    """A network that rebuilds what is hidden and, where asked for, one that says what comes next.

    Both give a number for each channel at each step. They share nothing but the training.

    Args:
        rebuilding: Shape of the first, which reads in both directions.
        expecting: Shape of the second, which reads forward; None without one.
        options: For both, as `elman.nn.labels.LabelNetwork` takes them.
    """

    def __init__(self, rebuilding: LabelShape, expecting: LabelShape | None = None, **options: Any) -> None:
        super().__init__()
        self.rebuilding = _network(rebuilding, options)
        self.expecting = None if expecting is None else _network(expecting, options)


def _network(shape: LabelShape, options: dict[str, Any]) -> LabelNetwork:
    """A network that at first changes nothing of what its codec gives beside the frames."""
    network = LabelNetwork(shape, **options)
    assert isinstance(network.head, nn.Linear)
    nn.init.zeros_(network.head.weight)
    nn.init.zeros_(network.head.bias)
    return network
