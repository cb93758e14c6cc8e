"""Tables with a series in each row: columns that count, as ``V1, V2, ...``, or that are dates, as ``2024-01-31``."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from elman.codecs.calendar import Frequency
from elman.codecs.dates import stamps_of
from elman.codecs.panel import Panel

if TYPE_CHECKING:
    import pandas as pd

#: So many numbers in a row, in columns that count, are a series.
_STEPS_IN_ROW = 10


def columns_of_steps(frame: pd.DataFrame) -> tuple[list[str], NDArray[Any]] | None:
    """The columns that are steps of the series in the rows, and the time of each; None where columns are no steps.

    Names that count behind the same letters are steps, ``V2, V3, ...``; whole numbers in order, such as years, and
    dates are where a column of texts names the rows.
    """
    numeric = [str(name) for name in frame.columns if frame[name].dtype.kind in "fiu"]
    enough = max(_STEPS_IN_ROW, len(frame.columns) / 2)
    counted = [name for name in numeric if re.search(r"\D\d+$", name) and not re.search(r"\d\D\d+$", name)]
    stems = Counter(re.sub(r"\d+$", "", name) for name in counted)
    if stems and max(stems.values()) >= enough:
        return numeric, np.arange(len(numeric))
    if names_of_rows(frame, numeric) is None:
        return None
    counting = [name for name in numeric if re.fullmatch(r"\d+", name)]
    if len(counting) >= enough:
        numbers = stamps_of(_series(counting))
        return (counting, numbers) if numbers is not None and _rising(numbers) else None
    dates = [name for name in numeric if re.match(r"\D{0,4}\d", name) and _are_dates([name])]
    if len(dates) >= enough:
        stamps = stamps_of(_series(dates))
        return (dates, stamps) if stamps is not None and _rising(stamps) else None
    return None


def names_of_rows(frame: pd.DataFrame, steps: list[str]) -> str | None:
    """The first columns of text that name the rows, joined by +: each row has a name of its own. None without any."""
    texts = [str(name) for name in frame.columns if name not in steps and frame[name].dtype.kind == "O"]
    for count in range(1, len(texts) + 1):
        names = frame[texts[:count]].fillna("")
        if not names.duplicated().any() and not (names == "").all(axis=1).any():
            return "+".join(texts[:count])
    return None


def clock_of(times: NDArray[Any], asked: str | None, season: int | None) -> Frequency:
    """The clock of the columns: as asked, or as their names are apart."""
    if asked is not None:
        return Frequency.named(asked, times, season)
    if len(times) < 2:
        return Frequency.named("1", season=season)
    return Frequency.infer([times], season)[0]


def panel_in_rows(ids: list[str], clock: Frequency, times: NDArray[Any], values: NDArray[np.float64]) -> Panel:
    """The panel of ``values`` (series, steps), whose columns are at ``times``; NaN where nothing was measured."""
    if clock.unit != "step" and times.dtype.kind != "M":
        times = clock.times(np.arange(len(times)))
    steps = clock.steps(times)
    grid = np.full((len(values), int(steps[-1] - steps[0]) + 1), np.nan)
    grid[:, steps - steps[0]] = values
    return Panel.of(dict(zip(ids, grid, strict=True)), clock, start=clock.times(steps[:1])[0])


def _series(names: list[str]) -> pd.Series[Any]:
    import pandas as pd

    return pd.Series(names)


def _are_dates(names: list[str]) -> bool:
    stamps = stamps_of(_series(names))
    return stamps is not None and stamps.dtype.kind == "M"


def _rising(times: NDArray[Any]) -> bool:
    return bool((np.diff(times.astype(np.int64)) > 0).all())
