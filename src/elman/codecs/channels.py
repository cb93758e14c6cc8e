"""Channels that are measured side by side, as steps of networks that rebuild them or expect what comes next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from elman.codecs.calendar import Frequency
from elman.codecs.panel import Floats, Panel, PanelColumns
from elman.codecs.sequence import Steps
from elman.errors import DataError

#: Steps beyond which it makes no difference any more how long ago a channel was measured.
LONG_AGO = 500

#: The logarithm of a time is brought to the size of the other features.
_TIME_SCALE = 3.0


@final
@dataclass(frozen=True, eq=False)
class ChannelCodec:
    """Scales of channels that are measured on one clock, and the frames that networks read of them.

    Values are scaled: (x - mean) / standard deviation of the training data. NaN stands for what was not measured, or is
    hidden. All frames end with the place of the step in the cycles of the calendar (`Frequency.features`).

    Attributes:
        names: Of the channels.
        mean, deviation: Of each, (channels,). A channel that never changed has the deviation 0 and says nothing.
        change: Standard deviation of what a scaled channel changes from step to step, (channels,).
        frequency: The clock.
        columns: How tables of them are read.
    """

    names: tuple[str, ...]
    mean: Floats
    deviation: Floats
    change: Floats
    frequency: Frequency
    columns: PanelColumns

    @classmethod
    def fit(cls, panel: Panel) -> ChannelCodec:
        """Learn the scales of the series of a panel, each of which is a channel.

        Raises `DataError` where not one of them changes.

        >>> codec = ChannelCodec.fit(Panel.of({"a": [0.0, 2.0, 0.0, 2.0], "b": [5.0, 5.0, 5.0, 5.0]}))
        >>> codec.scaled(np.array([[3.0, 5.0]])).tolist()
        [[2.0, 0.0]]
        """
        values = panel.matrix()
        mean, deviation = np.nanmean(values, 0), np.nanstd(values, 0)
        deviation[deviation <= 1e-9 * np.abs(mean)] = 0
        if not deviation.any():
            raise DataError(f"no channel ever changes, of {', '.join(panel.ids)}. There is nothing to learn.")
        steps = np.diff(values, axis=0) / np.where(deviation > 0, deviation, 1)
        known = ~np.isnan(steps)
        spread = np.sqrt((np.where(known, steps, 0) ** 2).sum(0) / np.maximum(known.sum(0), 1))
        return cls(tuple(panel.ids), mean, deviation, np.where(spread > 0, spread, 1.0), panel.frequency, panel.columns)

    @property
    def rebuilt_frame(self) -> int:
        """Features of a step for a network that rebuilds."""
        return 4 * len(self.names) + len(self.frequency.feature_names())

    @property
    def ahead_frame(self) -> int:
        """Features of a step for a network that expects the next one."""
        return 3 * len(self.names) + len(self.frequency.feature_names())

    def matrix(self, panel: Panel) -> tuple[Floats, NDArray[np.int64]]:
        """The channels of a panel, scaled, in the order of training, (time, channels), and the step of each row.

        Raises `DataError` where channels are missing.
        """
        known = {name: number for number, name in enumerate(panel.ids)}
        missing = [name for name in self.names if name not in known]
        if missing:
            raise DataError(
                f"expected the channels {', '.join(self.names)}, as in training; {', '.join(missing)} missing, "
                f"found {', '.join(panel.ids)}."
            )
        values = panel.matrix()[:, [known[name] for name in self.names]]
        return self.scaled(values), int(panel.first.min()) + np.arange(len(values), dtype=np.int64)

    def scaled(self, values: Floats) -> Floats:
        """Values (time, channels) as the networks have them."""
        divided: Floats = (values - self.mean) / np.where(self.deviation > 0, self.deviation, 1)
        return np.where(np.isnan(values) | (self.deviation > 0), divided, 0.0)

    def unscaled(self, values: Floats) -> Floats:
        """Scaled values (time, channels) as they are measured."""
        return np.asarray(values * self.deviation + self.mean)

    def to_rebuild(self, values: Floats, steps: NDArray[np.int64]) -> tuple[Steps, Floats]:
        """What a network reads that rebuilds what is missing in scaled ``values`` (time, channels).

        A frame has, for each channel, the line between what was measured before and after, whether it was measured, and
        log(1 + steps) since the last and up to the next measurement.

        Returns the steps, and the lines (time, channels), from which the network tells the difference.
        """
        known = ~np.isnan(values)
        lines = between(values)
        before, after = _since(known), _since(known[::-1])[::-1]
        frame = np.concatenate([lines, known, before, after, self.frequency.features(steps)], 1, dtype=np.float32)
        return Steps(frame), lines

    def to_expect(self, values: Floats, steps: NDArray[np.int64], last: Floats | None = None) -> tuple[Steps, Floats]:
        """What a network reads that says, after each step, what comes at the next one.

        A frame has, for each channel, its last known value, whether it is of this step, and how much it changed; and
        the place of the next step in the calendar.

        Args:
            values: Scaled, (time, channels).
            steps: Of the rows.
            last: The known values before the first row, (channels,); zeros at the beginning.

        Returns the steps, and the last known values (time, channels), from which the network tells the change.
        """
        known = ~np.isnan(values)
        first = np.zeros(values.shape[1]) if last is None else last
        held = _held(values, first)
        change = np.diff(held, axis=0, prepend=first[None]) / self.change
        frame = np.concatenate([held, known, change, self.frequency.features(steps + 1)], 1, dtype=np.float32)
        return Steps(frame), held

    def describe(self) -> str:
        """What a step is."""
        count = len(self.names)
        return f"A step is {count} scaled channel{'s' * (count > 1)} and its place in the calendar."

    def to_config(self) -> dict[str, Any]:
        """All that it is, in plain values."""
        scales = {name: getattr(self, name).tolist() for name in ("mean", "deviation", "change")}
        clock = {"frequency": self.frequency.to_config(), "columns": self.columns.to_config()}
        return {"kind": "channels", "names": list(self.names), **scales, **clock}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> ChannelCodec:
        """What `to_config` gave. Raises `DataError`."""
        try:
            names = tuple(str(name) for name in config["names"])
            mean, deviation, change = (np.array(config[name], np.float64) for name in ("mean", "deviation", "change"))
            frequency, columns = config["frequency"], config["columns"]
            whole = mean.shape == deviation.shape == change.shape == (len(names),)
        except (KeyError, TypeError, ValueError):
            whole = False
        if not whole:
            raise DataError(f"expected the configuration of channels, found {config}.")
        clock = Frequency.from_config(frequency), PanelColumns.from_config(columns)
        return cls(names, mean, deviation, change, *clock)


def between(values: Floats) -> Floats:
    """Each channel (time, channels) with straight lines over what is NaN; its ends go on; 0 where there is nothing.

    >>> between(np.array([[np.nan], [1.0], [np.nan], [3.0]])).ravel().tolist()
    [1.0, 1.0, 2.0, 3.0]
    """
    found = np.zeros_like(values)
    rows = np.arange(len(values))
    for channel in range(values.shape[1]):
        known = ~np.isnan(values[:, channel])
        if known.any():
            found[:, channel] = np.interp(rows, rows[known], values[known, channel])
    return found


def runs_of(marks: Sequence[bool] | NDArray[np.bool_]) -> list[slice]:
    """The stretches of True.

    >>> runs_of([False, True, True, False, True])
    [slice(1, 3, None), slice(4, 5, None)]
    """
    edges = np.flatnonzero(np.diff(np.concatenate([[0], np.asarray(marks, np.int8), [0]])))
    return [slice(int(begin), int(end)) for begin, end in edges.reshape(-1, 2)]


def _since(known: NDArray[np.bool_]) -> NDArray[np.float64]:
    """log(1 + steps since the channel was known), scaled, (time, channels)."""
    rows = np.arange(len(known))[:, None]
    last = np.maximum.accumulate(np.where(known, rows, -LONG_AGO - len(known)), 0)
    return np.asarray(np.log1p(np.minimum(rows - last, LONG_AGO)) / _TIME_SCALE)


def _held(values: Floats, first: Floats) -> Floats:
    """The last known value of each channel, (time, channels)."""
    rows = np.arange(1, len(values) + 1)[:, None]
    last = np.maximum.accumulate(np.where(np.isnan(values), 0, rows), 0)
    return np.asarray(np.take_along_axis(np.concatenate([first[None], values]), last, 0))
