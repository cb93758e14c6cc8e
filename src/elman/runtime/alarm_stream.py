"""One live session that watches channels: rows come one by one, and each is judged by the rows before it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, final

import numpy as np
from numpy.typing import NDArray

from elman.errors import DataError, UsageError
from elman.runtime.alarms import LIVE_SIGNS, MEASURED, still
from elman.runtime.session import Arrays, Session

if TYPE_CHECKING:
    from elman.runtime.channel_model import ChannelModel


class Watched(NamedTuple):
    """What is said of a row.

    Attributes:
        score: -ln of how rare it is; larger is stranger.
        alarm: Whether that is beyond the limit.
        channel: The name of the channel that is strangest.
        because: What is strange about it, in words.
        expected: What was expected of each channel, (channels,), as it is measured; NaN at the first row.
    """

    score: float
    alarm: bool
    channel: str
    because: str
    expected: NDArray[np.float64]


@final
class AlarmStream(Session):
    """A live session with a model of anomalies: `push` each row when it comes. Memory stays the same however long.

    What it says is what the model says of the whole table by its live signs. It knows nothing of what comes later, so
    it misses faults that only the whole series shows; see `elman.tasks.anomalies.AnomalyDetector`.

    Args:
        model: What was learnt, with alarms.
        start: The time of the first row, needed where the calendar is read.

    Raises `UsageError` where the start is missing.
    """

    format = {"format": "elman-alarm-stream", "version": "1"}  # noqa: RUF012 - never changed
    own = ("kept.",)

    def __init__(self, model: ChannelModel, start: Any = None) -> None:
        frequency = model.codec.frequency
        if start is None and frequency.cycles():
            raise UsageError("This model reads the calendar: say by start when the first row is.")
        self._model = model
        kind = np.int64 if frequency.unit == "step" else "M8[ns]"
        self._first = 0 if start is None else int(frequency.steps(np.array([start], kind))[0])
        self.reset()

    @property
    def lookahead(self) -> int:
        """Rows after one that must be known to judge it."""
        return 0

    @property
    def rows(self) -> int:
        """Rows that came."""
        return int(self._kept["kept.rows"][0])

    def push(self, row: Sequence[float] | Mapping[str, float]) -> Watched:
        """Judge the next row: a number for each channel, in the order of training or by name; NaN where unknown.

        Raises `DataError` for other channels than the model watches.
        """
        model, codec, kept = self._model, self._model.codec, self._kept
        values = codec.scaled(self._values(row)[None])
        expected = kept["kept.coming"]
        off = np.abs(values[0] - expected) / codec.change
        moved = np.abs(values[0] - kept["kept.before"])
        number = self.rows
        place = number % model.alarms.width if model.alarms is not None else 0
        kept["kept.off"][place], kept["kept.moved"][place] = off, moved
        begun = number >= len(kept["kept.off"])
        signs = {
            "surprise": off[None],
            "surprises": _mean(kept["kept.off"]),
            "stillness": still(_mean(kept["kept.moved"], MEASURED)) if begun else np.full_like(values, np.nan),
        }
        step = np.array([self._first + number], np.int64)
        frames, held = codec.to_expect(values, step, kept["kept.held"])
        scores, self._state = model.engine("expecting").read(frames, self._state)
        assert scores is not None
        assert model.alarms is not None
        kept["kept.coming"] = (held + scores * codec.change)[0]
        kept["kept.before"], kept["kept.held"] = values[0], held[0]
        kept["kept.rows"] = np.array([number + 1])
        judged = model.alarms.judge(signs)
        because = list(LIVE_SIGNS.values())[int(judged.sign[0])]
        return Watched(
            float(judged.score[0]), bool(judged.alarm[0]), codec.names[int(judged.channel[0])], because,
            codec.unscaled(expected[None])[0],
        )  # fmt: skip

    def _values(self, row: Sequence[float] | Mapping[str, float]) -> NDArray[np.float64]:
        names = self._model.codec.names
        if isinstance(row, Mapping):
            missing = [name for name in names if name not in row]
            if missing:
                raise DataError(f"expected a number for each of {', '.join(names)}; {', '.join(missing)} missing.")
            row = [row[name] for name in names]
        values = np.asarray(row, np.float64)
        if values.shape != (len(names),):
            raise DataError(f"expected {len(names)} numbers, one for each of {', '.join(names)}; found {values.shape}.")
        return values

    # What is remembered ------------------------------------------------------------------------------------

    def _initial_state(self) -> Arrays:
        return self._model.engine("expecting").initial_state()

    def _begin(self) -> None:
        channels = len(self._model.codec.names)
        assert self._model.alarms is not None
        unknown = np.full(channels, np.nan)
        windows = np.full((self._model.alarms.width, channels), np.nan)
        self._kept: Arrays = {
            "kept.rows": np.zeros(1, np.int64),
            "kept.coming": unknown.copy(),
            "kept.before": unknown.copy(),
            "kept.held": np.zeros(channels),
            "kept.off": windows.copy(),
            "kept.moved": windows.copy(),
        }

    def _held(self) -> tuple[Arrays, dict[str, str]]:
        return {name: value.copy() for name, value in self._kept.items()}, {"first": str(self._first)}

    def _take(self, arrays: Arrays, texts: Mapping[str, str]) -> None:
        self._kept = {name: np.array(value) for name, value in arrays.items()}
        self._first = int(texts["first"])


def _mean(window: NDArray[np.float64], least: float = 0.0) -> NDArray[np.float64]:
    """The mean of what is known of each channel, (1, channels); NaN where that is a share below ``least``."""
    known = np.isfinite(window)
    found: NDArray[np.float64] = np.where(known, window, 0).sum(0) / np.maximum(known.sum(0), 1)
    return np.where(known.mean(0) < least, np.nan, found)[None]
