"""Options of the tasks on channels that are measured side by side: `elman train anomalies` and `elman train impute`."""

from __future__ import annotations

from dataclasses import dataclass

from elman.settings.machinery import AUTO, Auto, option
from elman.settings.panel import PanelSettings
from elman.settings.training import TrainingSettings


@dataclass(frozen=True, kw_only=True)
class ChannelNetworkSettings:
    """The networks: recurrent layers over frames of all channels, with a linear layer on top."""

    cell: str = option(AUTO, "Recurrent cell by name, such as gru or lstm, the docs list all; auto takes gru.")
    hidden_size: int | Auto = option(AUTO, "Units per layer and direction; auto chooses by the channels.", at_least=1)
    num_layers: int = option(1, "Recurrent layers.", at_least=1)
    dropout: float = option(0.1, "Dropout between layers and before the head.", at_least=0, at_most=0.95)


@dataclass(frozen=True, kw_only=True)
class HiddenSettings:
    """What is hidden from the network in training, for it to rebuild."""

    held_out: float = option(0.15, "Share of the steps, the latest, that is held out.", at_least=0.02, at_most=0.9)
    longest_gap: int | Auto = option(
        AUTO, "Steps of the longest stretch that is hidden; auto takes three seasons, or a quarter of a window.",
        at_least=1,
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class ImputerSettings:
    """Everything that `elman train impute` can be told."""

    data: PanelSettings = PanelSettings()
    hidden: HiddenSettings = HiddenSettings()
    network: ChannelNetworkSettings = ChannelNetworkSettings()
    training: TrainingSettings = TrainingSettings()


@dataclass(frozen=True, kw_only=True)
class AlarmSettings:
    """When something does not belong."""

    false_alarms: float = option(
        0.001, "Share of normal steps that may raise an alarm; the threshold is set for it on held-out data.",
        at_least=1e-6, at_most=0.5,
    )  # fmt: skip
    smoothing: int | Auto = option(
        AUTO, "Steps over which deviations are averaged to find what lasts; auto takes a season.", at_least=2
    )
    labels: str | None = option(None, "Column that says of each row whether it is an anomaly: for evaluate only.")


@dataclass(frozen=True, kw_only=True)
class AnomalySettings:
    """Everything that `elman train anomalies` can be told."""

    data: PanelSettings = PanelSettings()
    alarm: AlarmSettings = AlarmSettings()
    hidden: HiddenSettings = HiddenSettings()
    network: ChannelNetworkSettings = ChannelNetworkSettings()
    training: TrainingSettings = TrainingSettings()
