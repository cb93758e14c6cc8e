"""Runs networks from a picture to a text, without torch: regions, and a decoder that looks at them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import final

import numpy as np
from numpy.typing import NDArray

from elman.decoding.beam import Output, Penalties
from elman.errors import DataError, UsageError
from elman.runtime.backends import Array, StreamPrecision
from elman.runtime.engine import check_shapes, without
from elman.runtime.label_parts import Encoder, Linear, PixelConvolution
from elman.runtime.pairs import (
    HYPOTHESES_AT_ONCE,
    NO_PENALTIES,
    SEQUENCES_AT_ONCE,
    DecoderEngine,
    Memory,
    Symbols,
    Told,
    part_of,
    write,
)
from elman.shapes.captions import CaptionShape, RegionShape

#: How the names of the weights of a module of the user's own begin.
OWN = "encoder.own."


@final
class RegionEngine:
    """Pictures, or regions that come ready, to a memory, as `elman.shapes.RegionShape` describes.

    Args:
        shape: What it is made of.
        tensors: Its parameters in float32, named and shaped as ``shape.parameter_shapes()`` says.
        backend: ``"compiled"``, ``"reference"`` or ``"auto"``, as for `elman.runtime.Engine`.
        precision: ``"float32"``, or ``"bfloat16"`` for matrices of half the bytes (compiled only).
        own: What a module of the user's own makes of pictures (n, height, width, channels): (n, *``shape.own``).

    Raises:
        BundleError: The tensors do not fit to the shape.
        BackendError: The backend is unknown, or cannot run here though asked for by name.
        UsageError: The module of the network is missing.
    """

    def __init__(
        self,
        shape: RegionShape,
        tensors: Mapping[str, Array],
        *,
        backend: str = "auto",
        precision: StreamPrecision = "float32",
        own: Encoder | None = None,
    ) -> None:
        if shape.own and own is None:
            raise UsageError("The network was trained with an encoder of one's own: give it as encoder.")
        check_shapes(shape.parameter_shapes(), tensors)
        run = (backend, precision)
        self.shape, self._own = shape, own
        self._convolutions = [
            PixelConvolution(each, tensors[f"convolutions.{i}.weight"], tensors[f"convolutions.{i}.bias"], *run)
            for i, each in enumerate(shape.convolutions)
        ]
        projected = not shape.convolutions
        self._project = Linear(tensors["project.weight"], tensors["project.bias"], *run) if projected else None
        self._place = tensors.get("place")

    def memory(self, pictures: Sequence[Array]) -> Memory:
        """Of pictures (height, width, channels), or regions (regions, features), each. Raises `DataError`."""
        for picture in pictures:
            found = picture.shape if self.shape.of_pictures else picture.shape[1:]
            if found != self.shape.frame:
                raise DataError(f"Each picture or region must be of the shape {self.shape.frame}, found {found}.")
        regions, lengths = self._made(pictures) if self.shape.of_pictures else self._ready(pictures)
        if self._project is not None:
            regions = np.maximum(self._project(regions), 0)
        return Memory(regions if self._place is None else regions + self._place, lengths)

    def _made(self, pictures: Sequence[Array]) -> tuple[Array, NDArray[np.int64]]:
        """Regions (n, regions, features) of pictures, and how many there are of each."""
        seen = np.stack(pictures).astype(np.float32)
        if self._own is not None:
            seen = self._own(seen)
            if seen.shape[1:] != self.shape.own:
                raise DataError(f"The encoder must make {self.shape.own} of a picture, found {seen.shape[1:]}.")
        for layer in self._convolutions:
            seen = layer(seen)
        regions = seen.reshape(len(seen), -1, seen.shape[-1])
        return regions, np.full(len(regions), regions.shape[1])

    def _ready(self, pictures: Sequence[Array]) -> tuple[Array, NDArray[np.int64]]:
        """Regions that come ready, zeros behind those of which there are fewer."""
        lengths = np.array([max(1, len(picture)) for picture in pictures])
        regions = np.zeros((len(pictures), int(lengths.max()), self.shape.frame[0]), np.float32)
        for row, picture in enumerate(pictures):
            regions[row, : len(picture)] = picture
        return regions, lengths


@final
class CaptionEngine:
    """Regions and decoder, as `elman.shapes.CaptionShape` describes; arguments as for `RegionEngine`.

    The weights of a module of the user's own, ``encoder.own.<name>``, may be among the tensors, and are left alone.

    Attributes:
        encoder: Makes regions.
        decoder: Writes.
    """

    def __init__(
        self,
        shape: CaptionShape,
        tensors: Mapping[str, Array],
        *,
        backend: str = "auto",
        precision: StreamPrecision = "float32",
        own: Encoder | None = None,
    ) -> None:
        self.shape = shape
        if shape.encoder.own:
            tensors = without(tensors, OWN)
        check_shapes(shape.parameter_shapes(), tensors)
        regions, writing = part_of(tensors, "encoder"), part_of(tensors, "decoder")
        self.encoder = RegionEngine(shape.encoder, regions, backend=backend, precision=precision, own=own)
        self.decoder = DecoderEngine(shape.decoder, writing, backend=backend, precision=precision)

    def explain(self) -> str:
        """Which backend runs, and why."""
        return self.decoder.explain()

    def told(self, pictures: Sequence[Array], targets: Sequence[Symbols]) -> list[Told]:
        """What it says of a target for each picture, see `elman.runtime.pairs.DecoderEngine.told`."""
        found: list[Told] = []
        for begin in range(0, len(targets), SEQUENCES_AT_ONCE):
            some = slice(begin, begin + SEQUENCES_AT_ONCE)
            found += self.decoder.told(self.encoder.memory(pictures[some]), targets[some])
        return found


def describe(
    engines: Sequence[CaptionEngine],
    pictures: Sequence[Array],
    longest: int,
    *,
    beam: int = 5,
    count: int = 1,
    penalties: Penalties = NO_PENALTIES,
) -> list[list[Output]]:
    """The best captions of pictures by beam search, with one network or several as one.

    Args:
        engines: The networks; all write the same symbols.
        pictures: As for `RegionEngine.memory`, read by all networks.
        longest: The most symbols of a caption.
        beam: Hypotheses per picture that go on.
        count: Captions wanted for each picture, at most ``beam``.
        penalties: How captions of different lengths are compared.

    Returns:
        For each picture at most ``count`` captions, the best one first; attention is (symbols + 1, regions).

    Raises:
        SettingsError: The beam or the count does not fit.
        DataError: A picture is of another form than the networks read.
        UsageError: The networks do not write the same symbols.
    """
    found: list[list[Output]] = []
    at_once = max(1, HYPOTHESES_AT_ONCE // beam)
    for begin in range(0, len(pictures), at_once):
        some = pictures[begin : begin + at_once]
        memories = [engine.encoder.memory(some) for engine in engines]
        decoders = [engine.decoder for engine in engines]
        found += write(decoders, memories, [longest] * len(some), beam=beam, count=count, penalties=penalties)
    return found
