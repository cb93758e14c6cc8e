"""What `elman predict` and `elman evaluate` do with models of channels: alarms, and gaps that are filled."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from elman.errors import UsageError
from elman.tasks.anomalies import AnomalyDetector

if TYPE_CHECKING:
    from elman.tasks.channel_report import ChannelReport
    from elman.tasks.impute import Imputer


def rows(
    model: AnomalyDetector | Imputer, data: list[Path] | None, *, every_step: bool, live: bool
) -> Iterator[dict[str, Any]]:
    """What is said of the channels in files: alarms or filled values, or a row for every step."""
    from elman.tasks import channel_report

    if not data:
        raise UsageError("elman predict needs DATA, a table of channels.")
    if isinstance(model, AnomalyDetector):
        return channel_report.alarm_rows(model, data, every_step=every_step, live=live)
    if live:
        raise UsageError("--stream is not for filling gaps: what comes after a gap must be known.")
    return channel_report.filled_rows(model, data, every_step=every_step)


def report(model: AnomalyDetector | Imputer, data: list[Path], labels: str | None) -> ChannelReport:
    """How well alarms meet what a column says, or how well gaps are filled."""
    if isinstance(model, AnomalyDetector):
        return model.evaluate(data, labels)
    if labels is not None:
        raise UsageError("--labels is for models of anomalies.")
    return model.evaluate(data)
