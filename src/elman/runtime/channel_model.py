"""What was learnt of channels that are measured side by side, as it runs without torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from elman.codecs.channels import ChannelCodec
from elman.codecs.panel import Floats
from elman.codecs.sequence import Steps
from elman.runtime.alarms import MEASURED, Alarms, averaged, averaged_so_far, peak, still
from elman.runtime.backends import Array
from elman.runtime.labels import LabelEngine
from elman.runtime.model import Model
from elman.shapes import LabelShape

#: Steps of the recorded sample.
SAMPLE_STEPS = 32

#: Groups of channels, at most, that are hidden in turn.
MOST_GROUPS = 16

#: What the weights and the shapes of the two networks are called.
PARTS = ("rebuilding", "expecting")


@final
@dataclass(frozen=True)
class ChannelModel(Model):
    """Networks over channels: one rebuilds what is missing or hidden, one says what comes next.

    Attributes:
        codec: Scales, and what the networks read.
        rebuilding: Shape of the first, which reads in both directions.
        expecting: Shape of the second, which reads forward; None without one.
        alarms: What is usual, as held-out data show; None where no alarms are wanted.
        tensors: The weights of both, ``rebuilding.<name>`` and ``expecting.<name>``.
    """

    called = "model of channels"

    codec: ChannelCodec
    rebuilding: LabelShape
    expecting: LabelShape | None = None
    alarms: Alarms | None = None
    tensors: dict[str, Array] = field(default_factory=dict, repr=False)
    _engines: dict[tuple[str, str], LabelEngine] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __getstate__(self) -> dict[str, Any]:
        """For pickle and copies: all but the engines, which are made again where they are needed."""
        return {**self.__dict__, "_engines": {}}

    def engine(self, part: str, *, backend: str = "auto") -> LabelEngine:
        """One of the networks, ready to run; ``part`` is one of `PARTS`."""
        if (part, backend) not in self._engines:
            shape = self.rebuilding if part == "rebuilding" else self.expecting
            assert shape is not None
            own = {name.removeprefix(part + "."): v for name, v in self.tensors.items() if name.startswith(part + ".")}
            self._engines[part, backend] = LabelEngine(shape, own, backend=backend)
        return self._engines[part, backend]

    def rebuilt(self, values: Floats, steps: NDArray[np.int64]) -> Floats:
        """What stands, by the network, where scaled ``values`` (time, channels) are NaN; all channels, all steps."""
        return self._rebuilt([values], steps)[0]

    def rebuilt_unseen(self, values: Floats, steps: NDArray[np.int64], stretch: int) -> Floats:
        """What each channel should be, as far as the others tell: the network never sees a value that it rebuilds.

        Channels are hidden in turn, each wholly. A single channel is hidden in stretches of so many steps, in turn.

        Args:
            values: Scaled, (time, channels).
            steps: Of the rows.
            stretch: Steps that are hidden of a single channel.

        Returns (time, channels), scaled.
        """
        count = values.shape[1]
        turns = 2 if count == 1 else min(count, MOST_GROUPS)
        if count == 1:
            places = (np.arange(len(values)) // stretch % turns)[:, None]
        else:
            places = np.broadcast_to(np.arange(count) % turns, values.shape)
        found = np.zeros_like(values)
        seen = [np.where(places == turn, np.nan, values) for turn in range(turns)]
        for turn, rebuilt in enumerate(self._rebuilt(seen, steps)):
            found = np.where(places == turn, rebuilt, found)
        return found

    def expected(self, values: Floats, steps: NDArray[np.int64]) -> Floats:
        """What each row was expected to be by the rows before it, (time, channels), scaled; NaN in the first row."""
        frames, held = self.codec.to_expect(values, steps)
        scores = self.engine("expecting").scores([frames])[0]
        coming = held + scores * self.codec.change
        return np.concatenate([np.full((1, values.shape[1]), np.nan), coming[:-1]])

    def signs(self, values: Floats, steps: NDArray[np.int64], width: int) -> tuple[dict[str, Floats], Floats]:
        """The signs that need the whole series, (time, channels) each, named as `elman.runtime.alarms.SIGNS`.

        And what each channel should be, scaled, (time, channels).
        """
        should = self.rebuilt_unseen(values, steps, width)
        off = np.abs(values - should)
        level = averaged(off, width)
        moved = np.abs(np.diff(values, axis=0, prepend=values[:1]))
        return {
            "value": off,
            "peak": peak(off, level),
            "level": level,
            "stillness": still(averaged(moved, width, MEASURED)),
        }, should

    def live_signs(self, values: Floats, steps: NDArray[np.int64], width: int) -> tuple[dict[str, Floats], Floats]:
        """The signs that live on the past alone, named as `elman.runtime.alarms.LIVE_SIGNS`; and what was expected."""
        expected = self.expected(values, steps)
        off = np.abs(values - expected) / self.codec.change
        moved = np.abs(np.diff(values, axis=0, prepend=np.full_like(values[:1], np.nan)))
        lasting = averaged_so_far(off, width), still(averaged_so_far(moved, width, MEASURED))
        # At the beginning everything is still.
        begun = np.arange(len(values))[:, None] >= width
        return {"surprise": off, "surprises": lasting[0], "stillness": np.where(begun, lasting[1], np.nan)}, expected

    def _rebuilt(self, variants: list[Floats], steps: NDArray[np.int64]) -> list[Floats]:
        read = [self.codec.to_rebuild(values, steps) for values in variants]
        scores = self.engine("rebuilding").scores([frames for frames, _ in read])
        return [lines + score for (_, lines), score in zip(read, scores, strict=True)]

    # To keep -----------------------------------------------------------------------------------------------

    def to_config(self) -> dict[str, Any]:
        """Networks, codec, and what is usual."""
        shapes = {"rebuilding": self.rebuilding.to_dict()}
        if self.expecting is not None:
            shapes["expecting"] = self.expecting.to_dict()
        config: dict[str, Any] = {"network": shapes, "codec": self.codec.to_config()}
        return config if self.alarms is None else {**config, "alarms": self.alarms.to_config()}

    def save(self, folder: Path) -> None:
        """Nothing is left to write."""

    @classmethod
    def load(cls, folder: Path, config: Mapping[str, Any], tensors: Mapping[str, Array]) -> ChannelModel:
        """Read what `to_config` wrote. Raises `BundleError` or `DataError`."""
        shapes = config["network"]
        model = cls(
            ChannelCodec.from_config(config["codec"]),
            LabelShape.from_dict(shapes.get("rebuilding", {})),
            LabelShape.from_dict(shapes["expecting"]) if "expecting" in shapes else None,
            Alarms.from_config(config["alarms"]) if config.get("alarms") else None,
            dict(tensors),
        )
        if tensors:
            for part in PARTS[: 1 + (model.expecting is not None)]:
                model.engine(part)
        return model

    def record(self, sample: Floats) -> dict[str, Any]:
        """The first rows of scaled values, and what the networks make of them."""
        values = np.nan_to_num(sample[:SAMPLE_STEPS])
        steps = np.arange(len(values), dtype=np.int64)
        recorded: dict[str, Any] = {"values": values.tolist(), "outputs": {}}
        for part, frames in self._frames(values, steps).items():
            recorded["outputs"][part] = self.engine(part, backend="reference").scores([frames])[0].tolist()
        return recorded

    def difference(self, recorded: Mapping[str, Any]) -> float:
        """How far what this machine makes of a recorded sample is from what was recorded, at most."""
        values = np.array(recorded["values"], np.float64)
        frames = self._frames(values, np.arange(len(values), dtype=np.int64))
        return max(
            float(np.abs(self.engine(part).scores([each])[0] - np.array(recorded["outputs"][part])).max())
            for part, each in frames.items()
        )

    def _frames(self, values: Floats, steps: NDArray[np.int64]) -> dict[str, Steps]:
        """What each network reads where all is known."""
        frames = {"rebuilding": self.codec.to_rebuild(values, steps)[0]}
        if self.expecting is not None:
            frames["expecting"] = self.codec.to_expect(values, steps)[0]
        return frames
