"""Convolutions over time and across the features of a frame, see `elman.shapes.Plane`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from elman.nn.normed import NormedConv2d
from elman.nn.padding import valid_steps
from elman.shapes import Plane


def plane_layers(planes: Sequence[Plane], normed: bool = False) -> nn.ModuleList:
    """A convolution for each plane, the lowest over one channel; ``normed`` ones learn as `elman.nn.normed` says.

    First weights: normal, so that what comes out of ReLU is as large as what comes in (He et al. 2015); no bias.
    """
    below = [1, *(each.channels for each in planes)]
    layers = nn.ModuleList()
    for size, each in zip(below, planes, strict=False):
        layer = (NormedConv2d if normed else nn.Conv2d)(size, each.channels, (each.steps, each.features))
        nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
        layers.append(layer)
    return layers


def through_planes(
    layers: Iterable[nn.Module], planes: Sequence[Plane], frames: Tensor, lengths: Tensor | None, centred: bool
) -> tuple[Tensor, Tensor | None]:
    """What the planes make of frames (B, T, features), as rows (B, T left, channels x features left).

    ``centred`` planes see as many steps after their own as before, else only those before; see `Plane`. The second
    result is the lengths of the rows. What stands beyond the lengths changes nothing.
    """
    maps = _masked(frames[:, None], lengths)
    for layer, each in zip(layers, planes, strict=True):
        assert isinstance(layer, nn.Conv2d)
        maps = _pooled(_masked(F.relu(_convolved(layer, maps, each, centred)), lengths), each, centred)
        lengths = None if lengths is None else (lengths - 1) // each.pool_steps + 1
    # Laid out time by time, as the recurrent kernels want it.
    return maps.permute(2, 0, 1, 3).flatten(2).transpose(0, 1), lengths


def _convolved(layer: nn.Conv2d, maps: Tensor, plane: Plane, centred: bool) -> Tensor:
    """As many maps of the same size, with zeros around."""
    after = plane.steps // 2 if centred else 0
    before = plane.steps - 1 - after
    both = min(before, after)
    if before != after:
        maps = F.pad(maps, (0, 0, before - both, after - both))
    maps = F.conv2d(maps, layer.weight, layer.bias, padding=(both, plane.features // 2))
    return layer.norm(maps) if isinstance(layer, NormedConv2d) else maps


def _masked(maps: Tensor, lengths: Tensor | None) -> Tensor:
    """Maps (B, channels, T, features) with zeros beyond the lengths."""
    valid = valid_steps(maps[:, 0], lengths)
    return maps if valid is None else maps.where(valid[:, None, :, None], 0)


def _pooled(maps: Tensor, plane: Plane, centred: bool) -> Tensor:
    """The largest of each block; nothing is below zero, so zeros around change nothing."""
    if plane.pool_steps == plane.pool_features == 1:
        return maps
    if not centred:  # whole blocks, of which the first ends with the first step
        maps = F.pad(maps, (0, -maps.shape[3] % plane.pool_features, plane.pool_steps - 1, 0))
    return F.max_pool2d(maps, (plane.pool_steps, plane.pool_features), ceil_mode=centred)
