"""Runs networks from a picture to a text, without torch: regions, and a decoder that looks at them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import final

import numpy as np

from elman.decoding.beam import Output, Penalties
from elman.errors import DataError
from elman.runtime.backends import Array, StreamPrecision
from elman.runtime.engine import check_shapes
from elman.runtime.label_parts import Linear, PixelConvolution
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


@final
class RegionEngine:
    """Pictures, or regions that come ready, to a memory, as `elman.shapes.RegionShape` describes.

    Args:
        shape: What it is made of.
        tensors: Its parameters in float32, named and shaped as ``shape.parameter_shapes()`` says.
        backend: ``"compiled"``, ``"reference"`` or ``"auto"``, as for `elman.runtime.Engine`.
        precision: ``"float32"``, or ``"bfloat16"`` for matrices of half the bytes (compiled only).

    Raises:
        BundleError: The tensors do not fit to the shape.
        BackendError: The backend is unknown, or cannot run here though asked for by name.
    """

    def __init__(
        self,
        shape: RegionShape,
        tensors: Mapping[str, Array],
        *,
        backend: str = "auto",
        precision: StreamPrecision = "float32",
    ) -> None:
        check_shapes(shape.parameter_shapes(), tensors)
        run = (backend, precision)
        self.shape = shape
        self._convolutions = [
            PixelConvolution(each, tensors[f"convolutions.{i}.weight"], tensors[f"convolutions.{i}.bias"], *run)
            for i, each in enumerate(shape.convolutions)
        ]
        ready = not shape.convolutions
        self._project = Linear(tensors["project.weight"], tensors["project.bias"], *run) if ready else None
        self._place = np.zeros((0, shape.memory), np.float32) if ready else tensors["place"]

    def memory(self, pictures: Sequence[Array]) -> Memory:
        """Of pictures (height, width, channels), or regions (regions, features), each. Raises `DataError`."""
        for picture in pictures:
            found = picture.shape if len(self.shape.frame) == 3 else picture.shape[1:]
            if found != self.shape.frame:
                raise DataError(f"Each picture or region must be of the shape {self.shape.frame}, found {found}.")
        if self._project is not None:
            lengths = np.array([max(1, len(picture)) for picture in pictures])
            regions = np.zeros((len(pictures), int(lengths.max()), self.shape.frame[0]), np.float32)
            for row, picture in enumerate(pictures):
                regions[row, : len(picture)] = picture
            return Memory(np.maximum(self._project(regions), 0), lengths)
        seen = np.stack(pictures).astype(np.float32)
        for layer in self._convolutions:
            seen = layer(seen)
        entries = seen.reshape(len(seen), -1, self.shape.memory) + self._place
        return Memory(entries, np.full(len(entries), entries.shape[1]))


@final
class CaptionEngine:
    """Regions and decoder, as `elman.shapes.CaptionShape` describes; arguments as for `RegionEngine`.

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
    ) -> None:
        check_shapes(shape.parameter_shapes(), tensors)
        self.shape = shape
        self.encoder = RegionEngine(shape.encoder, part_of(tensors, "encoder"), backend=backend, precision=precision)
        self.decoder = DecoderEngine(shape.decoder, part_of(tensors, "decoder"), backend=backend, precision=precision)

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
