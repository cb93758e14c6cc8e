"""What networks from a picture to a text are made of: regions of the picture, and a decoder that looks at them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from elman.errors import BundleError, SettingsError
from elman.shapes.labels import Convolution
from elman.shapes.pairs import DecoderShape, as_plain


@dataclass(frozen=True)
class RegionShape:
    """What makes regions of a picture: the memory that a decoder looks at.

    A picture (height, width, channels) goes through ``convolutions`` with ReLU; each pixel of what comes out is a
    region, with the features of its place added, which are learnt. Or a module of the user's makes regions of it,
    which go through a linear layer with ReLU before their places are added. Regions that come ready, (features,) each,
    go through such a layer too, and have no places.

    Attributes:
        frame: Shape of a picture, (height, width, channels), or of a region that comes ready, (features,).
        convolutions: Over the pixels; none for regions that come ready.
        memory: Features of a region for the decoder; those of the last convolution, where there are any.
        own: Rows, columns and features of what a module of the user's makes of a picture; empty without one.

    Raises `SettingsError` for what does not fit together. `parameter_shapes` names the weights.
    """

    frame: tuple[int, ...]
    memory: int
    convolutions: tuple[Convolution, ...] = ()
    own: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "frame", tuple(self.frame))
        object.__setattr__(self, "convolutions", tuple(Convolution(*each) for each in self.convolutions))
        if len(self.frame) not in (1, 3) or min(self.frame, default=0) < 1:
            raise SettingsError(f"A picture is (height, width, channels), a region (features,), not {self.frame}.")
        object.__setattr__(self, "own", tuple(self.own))
        if bool(self.convolutions) + bool(self.own) != self.of_pictures:
            raise SettingsError(
                "Pictures need convolutions or an encoder of one's own, regions that come ready neither."
            )
        if self.own and (len(self.own) != 3 or min(self.own) < 1):
            raise SettingsError(f"What an encoder of one's own makes is (rows, columns, features), not {self.own}.")
        if any(min(each) < 1 or each.width % 2 == 0 for each in self.convolutions):
            raise SettingsError("Convolutions over pixels need channels, an odd width and a stride of at least 1.")
        if self.convolutions and self.convolutions[-1].channels != self.memory:
            raise SettingsError(
                f"The last convolution makes {self.convolutions[-1].channels} features of a region, not {self.memory}."
            )

    @property
    def of_pictures(self) -> bool:
        """Whether regions are made of pictures; else they come ready."""
        return len(self.frame) == 3

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of the regions of a picture; (0, 0) where they come ready."""
        if self.own:
            return self.own[0], self.own[1]
        if not self.convolutions:
            return 0, 0
        height, width, _ = self.frame
        for each in self.convolutions:
            height, width = -(-height // each.stride), -(-width // each.stride)
        return height, width

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        """Name and shape of every tensor.

        ``convolutions.<layer>.weight`` (channels, channels below, width, width) and ``.bias``, or ``project.weight``
        (memory, features) and ``project.bias``; of pictures ``place`` (regions, memory). Those of an encoder of the
        user's, ``own.<name>``, are not named here.
        """
        shapes: dict[str, tuple[int, ...]] = {}
        if not self.convolutions:
            features = (self.own or self.frame)[-1]
            shapes = {"project.weight": (self.memory, features), "project.bias": (self.memory,)}
        channels = self.frame[-1]
        for number, each in enumerate(self.convolutions):
            shapes[f"convolutions.{number}.weight"] = (each.channels, channels, each.width, each.width)
            shapes[f"convolutions.{number}.bias"] = (each.channels,)
            channels = each.channels
        rows, columns = self.grid
        return shapes if not self.of_pictures else shapes | {"place": (rows * columns, self.memory)}


@dataclass(frozen=True)
class CaptionShape:
    """What a network from a picture to a text is made of: enough to build it in any backend.

    Attributes:
        encoder: Makes regions.
        decoder: Writes while it looks at them.

    Raises `SettingsError` where the two do not fit.
    """

    encoder: RegionShape
    decoder: DecoderShape

    def __post_init__(self) -> None:
        if self.decoder.memory != self.encoder.memory:
            raise SettingsError(
                f"The decoder expects regions of {self.decoder.memory} features, the encoder makes "
                f"{self.encoder.memory}."
            )

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> CaptionShape:
        """Read what `to_dict` wrote. Raises `BundleError` for what does not describe a network."""
        try:
            return cls(RegionShape(**values["encoder"]), DecoderShape(**values["decoder"]))
        except (TypeError, KeyError, ValueError, SettingsError) as error:
            raise BundleError(f"config.json: 'network' does not describe a network ({error}).") from None

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        regions = asdict(self.encoder)
        regions["frame"], regions["own"] = list(self.encoder.frame), list(self.encoder.own)
        regions["convolutions"] = [list(each) for each in self.encoder.convolutions]
        return {"encoder": regions, "decoder": as_plain(self.decoder)}

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        """Those of both parts, as ``encoder.<name>`` and ``decoder.<name>``."""
        return {f"encoder.{name}": shape for name, shape in self.encoder.parameter_shapes().items()} | {
            f"decoder.{name}": shape for name, shape in self.decoder.parameter_shapes().items()
        }
