"""Models of channels: alarms and why, gaps that are filled, and how well either is done."""

from __future__ import annotations

from typing import TYPE_CHECKING

from elman.cli.uses import answer, tell
from elman.errors import UsageError
from elman.tasks.anomalies import AnomalyDetector

if TYPE_CHECKING:
    from elman.cli.uses import Predicting, Scoring
    from elman.tasks.impute import Imputer

PREDICT, EVALUATE = {"data", "out", "stream", "every_step", "plot"}, {"data", "out", "labels"}


def predict(model: AnomalyDetector | Imputer, asked: Predicting) -> None:
    """Show alarms or filled values, or write a row for every step."""
    from elman.tasks import channel_report

    if not asked.data:
        raise UsageError("elman predict needs DATA, a table of channels.")
    every_step = asked.every_step or asked.out is not None
    if isinstance(model, AnomalyDetector):
        if asked.plot is not None:
            model.plot(model.judge(asked.data, live=asked.stream)).savefig(asked.plot)
        rows = channel_report.alarm_rows(model, asked.data, every_step=every_step, live=asked.stream)
    elif asked.stream or asked.plot:
        raise UsageError("--stream and --plot are not for filling gaps: what comes after a gap must be known.")
    else:
        rows = channel_report.filled_rows(model, asked.data, every_step=every_step)
    answer(rows, asked.out, asked.json)


def evaluate(model: AnomalyDetector | Imputer, asked: Scoring) -> None:
    """Show how well alarms meet what a column says, or how well gaps are filled."""
    if isinstance(model, AnomalyDetector):
        report = model.evaluate(asked.data, asked.labels)
    elif asked.labels is not None:
        raise UsageError("--labels is for models of anomalies.")
    else:
        report = model.evaluate(asked.data)
    tell(report, asked.out, asked.json)
