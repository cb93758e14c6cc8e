"""Filling gaps: what stood where nothing was measured, by all that was measured round it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, final

import numpy as np
from numpy.typing import NDArray

from elman.codecs.channels import between, runs_of
from elman.codecs.panel import Floats, Panel
from elman.runtime.channel_model import ChannelModel
from elman.settings.channels import ImputerSettings
from elman.tasks.channel_report import ChannelReport, of_fillings
from elman.tasks.channel_task import ChannelTask
from elman.tasks.panel_task import source_of

if TYPE_CHECKING:
    import pandas as pd

    from elman.tasks.channel_training import Trained

#: Stretches that are hidden in each channel, to measure how well they are filled, and steps of the shortest.
TRIALS, SHORTEST = 60, 6

#: Whose errors are which.
_ERRORS = {"mae": "model", "linear": "straight line"}


@final
class Imputer(ChannelTask[ImputerSettings]):
    """A network that reads channels in both directions and fills what was not measured.

    It learns by what is hidden from it: stretches of channels, and whole channels. It tells the difference from the
    straight line between what was measured before and after; where held-out data say that the line is better, the line
    stays.

    Options are the fields of `elman.settings.channels.ImputerSettings`, by name. Channels come as a wide table, a
    column each, or as a long one; as a file, a data frame or a `Panel`.

    >>> import numpy as np, pandas as pd
    >>> hours = pd.date_range("2024-01-01", periods=600, freq="h")
    >>> heat = np.sin(np.arange(600) * 2 * np.pi / 24)
    >>> table = pd.DataFrame({"ds": hours, "inside": heat, "outside": 2 * heat})
    >>> table.loc[100:110, "inside"] = np.nan
    >>> model = Imputer(steps=2, window=32, hidden_size=4).fit(table)
    >>> bool(model.transform(table)["inside"].isna().any())
    False
    """

    task = "impute"
    Settings = ImputerSettings

    def _to_learn(self, data: Any, asked: ImputerSettings) -> tuple[Panel, ImputerSettings]:
        return self.panel(data), asked

    def _found(self, trained: Trained) -> tuple[ChannelReport, dict[str, Any]]:
        found = errors_of(trained.model, *trained.held_out, int(trained.settings.hidden.longest_gap))
        rivals: dict[str, Any] = {name: found[name] for name in ("model", "straight line") if name in found}
        return of_fillings(found, "held_out", "Held-out data"), rivals

    def transform(self, data: Any) -> pd.DataFrame:
        """The table with its gaps filled: a column for each channel, the times first.

        Rows that a table leaves out are filled too, up to the last one of the channel that ends last.
        """
        import pandas as pd

        model = self.model
        values, steps = model.codec.matrix(self.panel(data))
        filled = np.where(np.isnan(values), model.rebuilt(values, steps), values)
        columns = dict(zip(model.codec.names, model.codec.unscaled(filled).T, strict=True))
        return pd.DataFrame({model.codec.columns.time or "ds": model.codec.frequency.times(steps), **columns})

    predict = transform

    def gaps(self, data: Any) -> list[tuple[Any, str, float]]:
        """The values that were missing: when, of which channel, and what stands there now."""
        model = self.model
        values, steps = model.codec.matrix(self.panel(data))
        missing = np.argwhere(np.isnan(values))
        filled, times = model.codec.unscaled(model.rebuilt(values, steps)), model.codec.frequency.times(steps)
        return [(times[row], model.codec.names[channel], float(filled[row, channel])) for row, channel in missing]

    def evaluate(self, data: Any) -> ChannelReport:
        """The error on stretches of known values that are hidden for it, beside the straight line; see `errors_of`."""
        values, steps = self.model.codec.matrix(self.panel(data))
        found = errors_of(self.model, values, steps, int(self.settings.hidden.longest_gap))
        return of_fillings(found, "data", source_of(data))


def errors_of(
    model: ChannelModel,
    values: Floats,
    steps: NDArray[np.int64],
    longest: int,
    *,
    shortest: int = SHORTEST,
    trials: int = TRIALS,
    seed: int = 0,
) -> dict[str, Any]:
    """The mean absolute error where known values were hidden, beside that of the straight line.

    Args:
        model: What was learnt.
        values: Scaled, (time, channels).
        steps: Of the rows.
        longest: Steps of the longest hidden stretch.
        shortest: Steps of the shortest; between the two all lengths are as likely.
        trials: Stretches of each channel; one that holds unknown values is left out, and so is one at an end.
        seed: Of where they are.

    Returns ``channels``, with ``mae`` and ``linear`` in the units of each, their ``ratio`` and the number of
    ``stretches``; ``ratio``, the mean of those of the channels; and ``model`` and ``straight line`` with the ``mae`` in
    standard deviations, on average of the channels.
    """
    rng = np.random.default_rng(seed)
    longest = min(longest, max(shortest, len(values) // 8))
    found: dict[str, Any] = {}
    for channel, name in enumerate(model.codec.names):
        known = runs_of(~np.isnan(values[:, channel]))
        off: list[tuple[float, float, int]] = []
        for _ in range(trials):
            length = int(rng.integers(shortest, longest + 1))
            begin = int(rng.integers(1, max(2, len(values) - length - 1)))
            if not any(run.start < begin and begin + length < run.stop for run in known):
                continue
            around = slice(max(0, begin - 4 * longest), begin + length + 4 * longest)
            window, place = values[around].copy(), slice(begin - around.start, begin - around.start + length)
            truth = window[place, channel].copy()
            window[place, channel] = np.nan
            rebuilt = model.rebuilt(window, steps[around])[place, channel]
            line = between(window[:, channel : channel + 1])[place, 0]
            off.append((float(np.abs(rebuilt - truth).sum()), float(np.abs(line - truth).sum()), length))
        if off:
            own, line_off, count = (float(sum(column)) for column in zip(*off, strict=True))
            scale = float(model.codec.deviation[channel])
            found[name] = {
                "mae": own / count * scale,
                "linear": line_off / count * scale,
                "ratio": own / line_off if line_off else 1.0,
                "stretches": len(off),
            }
    if not found:
        return {"channels": {}}
    scales = {name: float(scale) or 1.0 for name, scale in zip(model.codec.names, model.codec.deviation, strict=True)}
    means = {key: float(np.mean([each[key] / scales[name] for name, each in found.items()])) for key in _ERRORS}
    return {
        "ratio": float(np.mean([each["ratio"] for each in found.values()])),
        **{who: {"mae": means[key]} for key, who in _ERRORS.items()},
        "channels": found,
    }
