"""What does not belong: a network learns what is normal of channels, and says which steps are not, where and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple, final

import numpy as np
from numpy.typing import NDArray

from elman.codecs.channels import runs_of
from elman.codecs.panel import Floats, Panel, PanelColumns
from elman.errors import DataError, UsageError
from elman.metrics.anomalies import figures
from elman.runtime.alarm_stream import AlarmStream
from elman.runtime.alarms import LIVE_SIGNS, SIGNS, Judgement
from elman.settings.channels import AnomalySettings
from elman.tasks.channel_report import ChannelReport, of_alarms, of_usual
from elman.tasks.channel_task import ChannelTask
from elman.tasks.panel_task import as_panel

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from elman.nn.subject import Subject
    from elman.tasks.channel_training import Trained

#: What columns are called that say of each step whether it is an anomaly.
LABELS = (
    "label",
    "labels",
    "anomaly",
    "anomalies",
    "is_anomaly",
    "anomalous",
    "outlier",
    "is_outlier",
    "attack",
    "fault",
)


class Found(NamedTuple):
    """What is said of n steps of some channels.

    Attributes:
        times: When each is, (n,).
        values: As they were measured, (n, channels); NaN where nothing was.
        should: What each channel should be, (n, channels).
        judgement: Score, channel, sign and alarm of each step.
        because: What each sign says, by its number.
        limit: The score beyond which there is an alarm.
    """

    times: NDArray[Any]
    values: Floats
    should: Floats
    judgement: Judgement
    because: tuple[str, ...]
    limit: float


class Stretch(NamedTuple):
    """Steps in alarm that follow each other.

    Attributes:
        start, end: Times of the first and the last one.
        steps: How many.
        score: The highest.
        channel: The strangest, where the score is highest.
        because: What is strange about it, in words.
        value, should: What it was there, and what it should be.
    """

    start: Any
    end: Any
    steps: int
    score: float
    channel: str
    because: str
    value: float
    should: float


@final
class AnomalyDetector(ChannelTask[AnomalySettings]):
    """Two networks that learn what is normal: one rebuilds each channel from the others, one expects what comes next.

    A step is judged by *signs*: how far a channel is from what the other channels tell (now, and on average over a
    season) and whether it hardly moves; live, by how far it is from what was expected. How rare a sign is, held-out
    normal data say, channel by channel; the score of a step is -ln of the rarest. There is an alarm where normal steps
    would be so strange only in a stated share of cases.

    Options are the fields of `elman.settings.channels.AnomalySettings`, by name. Channels come as a wide table, a
    column each, or as a long one; as a file, a data frame or a `Panel`. What it learns from should be normal; a few
    anomalies do little harm.

    Sources: rebuilding: Malhotra et al., "LSTM-based encoder-decoder for multi-sensor anomaly detection", 2016, here
    without a look at the channel itself; expecting: Malhotra et al., "Long short term memory networks for anomaly
    detection in time series", ESANN 2015.

    >>> import numpy as np, pandas as pd
    >>> hours = pd.date_range("2024-01-01", periods=800, freq="h")
    >>> heat = np.sin(np.arange(800) * 2 * np.pi / 24)
    >>> table = pd.DataFrame({"ds": hours, "inside": heat, "outside": 2 * heat})
    >>> model = AnomalyDetector(steps=2, window=32, hidden_size=4).fit(table)
    >>> list(model.predict(table).columns)
    ['ds', 'score', 'alarm', 'channel', 'because', 'value', 'should']
    """

    task = "anomalies"
    Settings = AnomalySettings

    def _to_learn(self, data: Any, asked: AnomalySettings) -> tuple[Panel, AnomalySettings]:
        whole = as_panel(data, asked.data)
        if asked.alarm.labels is None and (labels := _labels_in(whole, asked.data.target)) is not None:
            told = (
                f"Column '{labels}' is taken to say which steps are anomalies, and is no channel; if not, say --target."
            )
            whole = replace(whole, notes=(*whole.notes, told))
            asked = replace(asked, alarm=replace(asked.alarm, labels=labels))
        return _channels(whole, asked.alarm.labels), asked

    def _found(self, trained: Trained) -> tuple[ChannelReport, dict[str, Any]]:
        usual = self._usual(*trained.held_out)
        return of_usual(usual, trained.settings.alarm.false_alarms), {"model": usual}

    def _usual(self, values: Floats, steps: NDArray[np.int64]) -> dict[str, Any]:
        """What held-out data, taken as normal, look like to the model."""
        alarms = self.model.alarms
        assert alarms is not None
        signs, _ = self.model.signs(values, steps, alarms.width)
        judged = alarms.judge(signs)
        off = np.nanmean(signs["value"], 0)
        return {
            "steps": len(values),
            "alarms": int(judged.alarm.sum()),
            "false_alarms": float(judged.alarm.mean()),
            "stretches": len(runs_of(judged.alarm)),
            "limit": alarms.limits[0],
            "usual_error": dict(zip(self.model.codec.names, off.tolist(), strict=True)),
        }

    # To say something --------------------------------------------------------------------------------------

    def judge(self, data: Any, *, live: bool = False) -> Found:
        """What is said of each step.

        Args:
            data: Channels, as for `fit`.
            live: Go by the past of each step alone, as a `stream` does; else by all that came before and after.

        Raises `DataError` where channels are missing.
        """
        model, alarms = self.model, self.model.alarms
        assert alarms is not None
        values, steps = model.codec.matrix(_channels(self.panel(data), None))
        signs, should = (model.live_signs if live else model.signs)(values, steps, alarms.width)
        because = tuple((LIVE_SIGNS if live else SIGNS).values())
        return Found(
            model.codec.frequency.times(steps), model.codec.unscaled(values), model.codec.unscaled(should),
            alarms.judge(signs), because, alarms.limits[live],
        )  # fmt: skip

    def predict(self, data: Any, *, live: bool = False) -> pd.DataFrame:
        """A row for each step: its time, score and alarm, the strangest channel, what is strange, what it should be."""
        import pandas as pd

        found = self.judge(data, live=live)
        judged, rows = found.judgement, np.arange(len(found.times))
        names = np.array(self.model.codec.names, object)
        return pd.DataFrame(
            {
                self.model.codec.columns.time or "ds": found.times,
                "score": judged.score,
                "alarm": judged.alarm,
                "channel": names[judged.channel],
                "because": np.array(found.because, object)[judged.sign],
                "value": found.values[rows, judged.channel],
                "should": found.should[rows, judged.channel],
            }
        )

    def stretches(self, found: Found) -> list[Stretch]:
        """The alarms of `judge` as stretches, the strangest first; a single step between two of them does not count."""
        alarm = found.judgement.alarm.copy()
        alarm[1:-1] |= alarm[:-2] & alarm[2:]
        names, result = self.model.codec.names, []
        for run in runs_of(alarm):
            top = run.start + int(found.judgement.score[run].argmax())
            channel = int(found.judgement.channel[top])
            result.append(
                Stretch(
                    found.times[run.start], found.times[run.stop - 1], run.stop - run.start,
                    float(found.judgement.score[top]), names[channel], found.because[found.judgement.sign[top]],
                    float(found.values[top, channel]), float(found.should[top, channel]),
                )
            )  # fmt: skip
        return sorted(result, key=lambda each: -each.score)

    def evaluate(self, data: Any, labels: str | NDArray[Any] | None = None, *, live: bool = False) -> ChannelReport:
        """How well alarms meet what is known: see `elman.metrics.anomalies.figures`.

        Args:
            data: Channels, as for `fit`.
            labels: What is known of each step: a column of the table (by default the option ``labels``), or an array
                (steps,), true or not 0 where there is an anomaly.
            live: As for `judge`.

        Raises `DataError` where labels do not fit.
        """
        if isinstance(labels, np.ndarray):
            truth = labels
        else:
            column = labels or self.settings.alarm.labels
            if column is None:
                raise UsageError("evaluate needs to know which steps are anomalies: say the column by labels.")
            truth = _truth(data, self.settings.data, self.model.codec.columns, column)
        found = self.judge(data, live=live)
        if truth.shape != found.times.shape:
            raise DataError(f"expected a label for each of {len(found.times)} steps, found {truth.shape}.")
        marked = np.nan_to_num(truth.astype(float)) != 0
        return of_alarms(figures(found.judgement.score, found.judgement.alarm, marked), self.plot(found))

    def stream(self, start: Any = None) -> AlarmStream:
        """A live session that judges rows as they come, the first one at the time ``start``."""
        return AlarmStream(self.model, start)

    def subject(self, data: Any, *, steps: int = 250, batch: int = 4) -> Subject:
        """The network that expects, and stretches of these channels, for `elman.diagnostics`.

        `elman.tasks.channel_subject` says what is looked at, and what is raised.
        """
        from elman.tasks import channel_subject

        return channel_subject.subject(self.model, _channels(self.panel(data), None), steps, batch, self.task)

    def plot(self, found: Found) -> Figure:
        """The channels with what they should be, alarms marked, and the score below."""
        from elman.plots.anomalies import timeline

        return timeline(
            found.times, found.values, found.should, self.model.codec.names, found.judgement.score,
            found.judgement.alarm, found.judgement.channel, found.limit,
        )  # fmt: skip


def _channels(panel: Panel, labels: str | None) -> Panel:
    """The panel without the column that says what is an anomaly."""
    kept = [number for number, name in enumerate(panel.ids) if name != labels]
    found = panel if len(kept) == len(panel) else panel.take(kept)
    target = tuple(name for name in found.columns.target if name != labels)
    return replace(found, columns=replace(found.columns, target=target))


def _labels_in(panel: Panel, asked: Sequence[str]) -> str | None:
    """The column that tells anomalies, by its name and as it is 0 and 1; None where ``asked`` says the channels."""
    for number, name in enumerate(() if asked else panel.ids):
        values = panel.series(number)
        if name.strip().lower() in LABELS and bool(np.isin(values[~np.isnan(values)], (0, 1)).all()):
            return name
    return None


def _truth(data: Any, settings: Any, columns: PanelColumns, column: str) -> NDArray[Any]:
    """What a column says of each step of the clock of all columns."""
    channels = columns.target if columns.layout == "wide" else settings.target
    panel = as_panel(data, replace(settings, target=(*channels, column) if channels else ()))
    if column not in panel.ids:
        raise DataError(f"there is no column '{column}' of numbers, only {', '.join(panel.ids)}.")
    return panel.matrix()[:, panel.ids.index(column)]
