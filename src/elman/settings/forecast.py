"""Options of `elman train forecast`: what the table holds, what is read and told, the network, and its training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from elman.settings.machinery import AUTO, Auto, option
from elman.settings.panel import PanelSettings
from elman.settings.training import TrainingSettings


@dataclass(frozen=True, kw_only=True)
class WindowSettings:
    """What is read of a series, what is told, and in which units."""

    horizon: int | Auto = option(AUTO, "Steps ahead that are told; auto takes one season, or 12.", at_least=1)
    context: int | Auto = option(
        AUTO, "Steps that are read; auto goes by season, horizon and length of the series.", at_least=1
    )
    held_out: int | Auto = option(
        AUTO, "Steps at the end of each series that are held out; auto takes some horizons; 0 none.", at_least=0
    )
    level: Literal["auto", "last", "mean", "zero"] = option(
        AUTO, "What is taken off a window: its last value, its mean, or nothing; auto goes by the network."
    )
    scale: Literal["auto", "window", "series", "mean"] = option(
        AUTO,
        "By what a window is divided: its own deviation, that of the whole series, or the mean of its absolute values; "
        "auto goes by how many series there are.",
    )
    logarithm: bool | Auto = option(
        AUTO, "Take logarithms first; auto does where all is above zero and spread grows with the level."
    )
    calendar: bool | Auto = option(
        AUTO, "Show the hour, the day of the week and the like; auto shows cycles that the data hold at least twice."
    )


@dataclass(frozen=True, kw_only=True)
class ForecastNetworkSettings:
    """The network that forecasts."""

    architecture: Literal["auto", "autoregressive", "direct", "hybrid"] = option(
        AUTO,
        "Value by value with drawn paths (DeepAR), all steps at once from segments (SegRNN), or that after exponential "
        "smoothing (ES-RNN); auto goes by the data.",
    )
    distribution: Literal[
        "auto", "normal", "student-t", "negative-binomial", "implicit-quantile", "quantiles"
    ] = option(
        AUTO,
        "What is told of a value; auto takes quantiles, or value by value student-t, and of small counts "
        "negative-binomial.",
    )  # fmt: skip
    cell: str = option(AUTO, "Recurrent cell by name, such as rnn, lstm, gru; auto takes gru.")
    hidden_size: int | Auto = option(AUTO, "Units per layer; auto chooses by the data.", at_least=1)
    num_layers: int = option(1, "Recurrent layers.", at_least=1)
    segment: int | Auto = option(AUTO, "Direct: steps of a segment; auto takes a season or a part of it.", at_least=1)
    linear: Literal["auto", "none", "learnt", "beside"] = option(
        AUTO,
        "Direct: a linear map of the whole context, learnt with the network, or found in closed form and put beside it "
        "with the share that held-out windows give it; auto goes by the data.",
    )
    vectors: bool | Auto = option(AUTO, "Learn a vector of each series; auto does for up to 100 series.")
    dropout: float | Auto = option(AUTO, "Dropout before the head and between layers.", at_least=0, at_most=0.95)
    memory: int = option(0, "Expected length of dependencies; 2 or more selects chrono initialisation.", at_least=0)
    backend: Literal["auto", "compiled", "torch", "reference"] = option(
        "auto", "What runs the recurrence: machine code made of its equations, torch's kernels, or a plain loop."
    )


@dataclass(frozen=True, kw_only=True)
class ForecastSettings:
    """Everything that `elman train forecast` can be told."""

    data: PanelSettings = PanelSettings()
    windows: WindowSettings = WindowSettings()
    network: ForecastNetworkSettings = ForecastNetworkSettings()
    training: TrainingSettings = TrainingSettings()
    point: Literal["median", "mean"] = option(
        "median", "What the one number of a forecast is: best by absolute error (median), or by squared error (mean)."
    )
    paths: int = option(200, "Value by value: futures that are drawn of each series.", at_least=2)
    conformal: bool = option(False, "Widen or narrow the intervals until they hold on held-out data (conformal).")
