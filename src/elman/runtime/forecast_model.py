"""`ForecastModel`: what was learnt of series, ready to say how they go on; without torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple, final

import numpy as np
import safetensors
import safetensors.numpy
from numpy.typing import NDArray

from elman.codecs.forecast_windows import WindowCodec, Windows
from elman.codecs.panel import LEVELS, Forecast, Panel, PanelColumns
from elman.errors import BundleError, UsageError
from elman.metrics.conformal import Conformal
from elman.runtime.backends import Array
from elman.runtime.distributions import mean_of_quantiles
from elman.runtime.forecast import ForecastEngine, between
from elman.runtime.forecast_stream import ForecastStream
from elman.runtime.model import Model
from elman.shapes.forecast import ForecastShape

#: Windows that are encoded at once.
AT_ONCE = 1024

#: The end of the series of the training, from which forecasts begin where no other data are given.
FILE = "latest.safetensors"

#: Levels of the quantiles by which a mean is found.
MEAN_LEVELS = tuple(round(0.025 + 0.05 * number, 3) for number in range(20))


class Told(NamedTuple):
    """What is said of windows, in the units of their series.

    Attributes:
        point: (B, horizon).
        quantiles: (B, horizon, levels).
    """

    point: NDArray[np.float64]
    quantiles: NDArray[np.float64]


@final
@dataclass(frozen=True)
class ForecastModel(Model):
    """Panel -> windows -> network -> quantiles.

    Attributes:
        shape: What the network is made of.
        codec: Series to windows.
        columns: How tables of such series are read.
        latest: The end of the series of the training, as far as a window and what follows it reach.
        tensors: The weights.
        point: What the one number of a forecast is.
        paths: Futures that an autoregressive network draws.
        conformal: What held-out forecasts taught of the intervals; None where they are as the network tells them.
        persistent: The steps ahead, (horizon,), at which held-out forecasts were no better than the last value: the
            last value is the median there, with the intervals about it. Empty where there are none.
    """

    called = "model of forecasts"

    shape: ForecastShape
    codec: WindowCodec
    columns: PanelColumns
    latest: Panel
    tensors: dict[str, Array] = field(default_factory=dict, repr=False)
    point: Literal["median", "mean"] = "median"
    paths: int = 200
    conformal: Conformal | None = None
    persistent: tuple[bool, ...] = ()
    _engines: dict[str, ForecastEngine] = field(default_factory=dict, init=False, repr=False, compare=False)

    def engine(self, backend: str = "auto") -> ForecastEngine:
        """The network, ready to forecast; the same object for all who ask for the same."""
        if backend not in self._engines:
            self._engines[backend] = ForecastEngine(self.shape, self.tensors, backend=backend)
        return self._engines[backend]

    def forecast(
        self,
        panel: Panel | None = None,
        horizon: int | None = None,
        *,
        levels: Sequence[float] = LEVELS,
        seed: int = 0,
    ) -> Forecast:
        """How each series of a panel goes on after its last value.

        Args:
            panel: By default the series of the training, from where they ended.
            horizon: Steps ahead, by default those of the training.
            levels: Of the quantiles, rising.
            seed: Of drawn paths.

        Raises:
            UsageError: A direct network is asked for more steps than it was trained for.
            DataError: Covariates of what lies ahead are missing, or nothing is known of a series.
        """
        panel = self.latest if panel is None else panel
        ahead = self.shape.horizon if horizon is None else horizon
        told = self.at(panel, np.arange(len(panel)), panel.history, ahead, levels=levels, seed=seed)
        return Forecast(
            panel.ids, panel.frequency, panel.first + panel.history, told.point, tuple(levels), told.quantiles
        )

    def at(
        self,
        panel: Panel,
        series: NDArray[Any],
        origins: NDArray[Any],
        horizon: int | None = None,
        *,
        levels: Sequence[float] = LEVELS,
        seed: int = 0,
    ) -> Told:
        """What was to be said of series (B,) when ``origins`` (B,) of their rows were known; see `forecast`."""
        if self.conformal is None:
            return self._uncalibrated(panel, series, origins, horizon, levels, seed)
        plain = self._uncalibrated(panel, series, origins, horizon, self.conformal.levels, seed)
        return self._calibrated(plain, levels)

    def _uncalibrated(
        self,
        panel: Panel,
        series: NDArray[Any],
        origins: NDArray[Any],
        horizon: int | None,
        levels: Sequence[float],
        seed: int,
    ) -> Told:
        ahead = self._horizon(horizon)
        rng = np.random.default_rng(seed)
        point = np.empty((len(series), ahead))
        quantiles = np.empty((len(series), ahead, len(levels)))
        for begin in range(0, len(series), AT_ONCE):
            part = slice(begin, begin + AT_ONCE)
            steps = ahead if self.shape.autoregressive else self.shape.horizon
            windows = self.codec.encode(panel, series[part], origins[part], steps)
            found = self._told(windows, ahead, levels, rng)
            point[part], quantiles[part] = found.point[:, :ahead], found.quantiles[:, :ahead]
        return Told(point, quantiles)

    def sampled(
        self, panel: Panel | None = None, horizon: int | None = None, *, paths: int | None = None, seed: int = 0
    ) -> NDArray[np.float64]:
        """Drawn futures of every series, (n, paths, horizon); see `forecast`.

        Those of a direct network are drawn step by step alone: as sums over time they vary too little.
        """
        panel = self.latest if panel is None else panel
        ahead, codec, rng = self._horizon(horizon), self.codec, np.random.default_rng(seed)
        number = self.paths if paths is None else paths
        found = np.empty((len(panel), number, ahead))
        for begin in range(0, len(panel), AT_ONCE):
            chosen = np.arange(begin, min(len(panel), begin + AT_ONCE))
            steps = ahead if self.shape.autoregressive else self.shape.horizon
            windows = codec.encode(panel, chosen, panel.history[chosen], steps)
            drawn = self.engine().paths(windows, number, rng, steps)[..., :ahead]
            found[chosen] = codec.decode(drawn, windows)
        return found

    def stream(self, series: str | None = None, *, start: Any = None) -> ForecastStream:
        """A live session with one series, see `elman.runtime.forecast_stream.ForecastStream`.

        Args:
            series: One of the training, from whose end it goes on; None for another, of which nothing is known yet.
            start: The time of the first value of another series; it is needed where the calendar is read.
        """
        return ForecastStream(self, series, start)

    def _horizon(self, asked: int | None) -> int:
        if asked is None:
            return self.shape.horizon
        if asked > self.shape.horizon and not self.shape.autoregressive:
            raise UsageError(
                f"This model tells {self.shape.horizon} steps ahead, not {asked}: train with --horizon {asked}, or "
                "with --architecture autoregressive, which goes on as far as one likes."
            )
        return asked

    def _told(self, windows: Windows, ahead: int, levels: Sequence[float], rng: np.random.Generator) -> Told:
        engine, codec = self.engine(), self.codec
        if self.shape.autoregressive:
            drawn = codec.decode(engine.paths(windows, self.paths, rng, ahead), windows)
            quantiles = np.moveaxis(np.quantile(drawn, levels, axis=1), 0, -1)
            point = drawn.mean(1) if self.point == "mean" else np.median(drawn, 1)
        else:
            wanted = sorted({*levels, 0.5, *(MEAN_LEVELS if self.point == "mean" else ())})
            found = engine.quantiles(windows, wanted).astype(np.float64)
            if self.persistent:  # the last value is zero in units of the window
                found -= np.where(self.persistent, found[..., wanted.index(0.5)], 0.0)[..., None]
            every = codec.decode(found, windows)
            quantiles = every[..., np.searchsorted(wanted, levels)]
            if self.point == "mean":
                point = mean_of_quantiles(every[..., np.searchsorted(wanted, MEAN_LEVELS)], MEAN_LEVELS)
            else:
                point = every[..., wanted.index(0.5)]
        return Told(point, quantiles)

    def _calibrated(self, told: Told, levels: Sequence[float]) -> Told:
        """Quantiles as held-out forecasts say they should be; the median is then the point."""
        assert self.conformal is not None
        quantiles = self.conformal(told.quantiles)
        middle = between(quantiles, self.conformal.levels, (0.5,))[..., 0]
        return Told(middle if self.point == "median" else told.point, between(quantiles, self.conformal.levels, levels))

    # To keep -----------------------------------------------------------------------------------------------

    def to_config(self) -> dict[str, Any]:
        """Network, windows, columns, and what stands beside the numbers of the latest values."""
        return {
            "network": self.shape.to_dict(),
            "codec": self.codec.to_config(),
            "columns": self.columns.to_config(),
            "latest": list(self.latest.ids),
            "point": self.point,
            "paths": self.paths,
            "persistent": list(self.persistent),
            "conformal": None if self.conformal is None else self.conformal.to_config(),
        }

    def save(self, folder: Path) -> None:
        """Write the latest values."""
        arrays = {name: np.ascontiguousarray(getattr(self.latest, name)) for name in _ARRAYS}
        (folder / FILE).write_bytes(safetensors.numpy.save(arrays))

    @classmethod
    def load(cls, folder: Path, config: Mapping[str, Any], tensors: Mapping[str, Array]) -> ForecastModel:
        """Read what `to_config` and `save` wrote. Raises `BundleError` or `DataError`."""
        shape, codec = ForecastShape.from_dict(config["network"]), WindowCodec.from_config(config["codec"])
        file = folder / FILE
        try:
            columns = PanelColumns.from_config(config["columns"])
            arrays = safetensors.numpy.load(file.read_bytes())
            rows: dict[str, Any] = {name: arrays[name] for name in _ARRAYS}
            latest = Panel(tuple(config["latest"]), codec.frequency, columns=columns, **rows)
            conformal = None if config["conformal"] is None else Conformal.from_config(config["conformal"])
            return cls(
                shape, codec, columns, latest, dict(tensors), config["point"], int(config["paths"]), conformal,
                tuple(bool(each) for each in config["persistent"]),
            )  # fmt: skip
        except OSError as error:
            raise BundleError(f"{file}: cannot be read ({error.strerror}).") from None
        except (safetensors.SafetensorError, KeyError, TypeError, ValueError) as error:
            raise BundleError(f"{file}: is damaged, or config.json is of another model ({error}).") from None

    def record(self, sample: Any = None) -> dict[str, Any]:
        """A window of the latest values of the longest series, and what the network makes of it."""
        longest = int(self.latest.history.argmax())
        # What is known in advance is known up to the last value, if not further.
        origin = max(1, int(self.latest.history[longest]) - self.shape.horizon)
        windows = self.codec.encode(self.latest, np.array([longest]), np.array([origin]), self.shape.horizon)
        plain = {name: None if each is None else each.tolist() for name, each in windows._asdict().items()}
        return {"windows": plain, "told": self._sample_of(ForecastEngine(
            self.shape, self.tensors, backend="reference"), windows).tolist()}  # fmt: skip

    def difference(self, recorded: Mapping[str, Any]) -> float:
        """In units of the window."""
        kinds: dict[str, Any] = {"series": np.int64, "level": np.float64, "scale": np.float64}
        given = recorded["windows"]
        windows = Windows(
            **{n: None if given[n] is None else np.array(given[n], kinds.get(n, np.float32)) for n in Windows._fields}
        )
        expected = np.array(recorded["told"], np.float32)
        return float(np.abs(self._sample_of(self.engine(), windows) - expected).max(initial=0.0))

    def _sample_of(self, engine: ForecastEngine, windows: Windows) -> Array:
        if self.shape.distribution != "implicit-quantile":
            return engine.told(windows)
        if self.shape.autoregressive:
            return engine.paths(windows, 1, np.random.default_rng(0), 1)
        return engine.quantiles(windows, (0.1, 0.5, 0.9))


_ARRAYS = ("offsets", "first", "history", "target", "past", "future", "static")


def tail(panel: Panel, reach: int) -> Panel:
    """The last ``reach`` rows of each history, and what is known of the future behind them."""
    cut = np.maximum(panel.history - reach, 0)
    place = np.arange(len(panel.target)) - np.repeat(panel.offsets[:-1], panel.lengths)
    kept = place >= np.repeat(cut, panel.lengths)
    lengths = panel.lengths - cut
    return replace(
        panel, offsets=np.concatenate([[0], np.cumsum(lengths)]), first=panel.first + cut, history=panel.history - cut,
        target=panel.target[kept], past=panel.past[kept], future=panel.future[kept], notes=(),
    )  # fmt: skip
