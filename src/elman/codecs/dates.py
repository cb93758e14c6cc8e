"""Cells as times: dates in the orders and signs that people write, whole numbers that are dates, and what is none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

#: Day and month, or month and day, before a year; a time may follow.
_PARTS = r"^\s*(\d{1,2})([./-])(\d{1,2})\2(\d{4}|\d{2})(?:[\sT,]+(\S.*))?$"
#: A week of ISO 8601; a time of day with dots; a zone behind a time.
_WEEK, _DOTTED, _ZONE = (
    r"(\d{4})-?W(\d{1,2})$",
    r"^\d{1,2}\.\d{2}(?:\.\d{2})?$",
    r".*\d:\d\d.*\d\s*(?:Z|[+-]\d{2}:?\d{2})$",
)
#: Years of two digits from here on are of the century before.
_CENTURY = 69
#: Years of whole numbers that are dates, such as 20240131 or 202401.
_YEARS = range(1800, 2200)


def times_of(cells: pd.Series[Any], day_first: bool | None = None) -> NDArray[Any] | None:
    """A column of times as datetime64[ns], NaT where a cell is empty or no time; or whole numbers; or None for others.

    Time zones are brought to UTC. ``day_first`` says how ``03.02.2024`` is meant, None lets `is_day_first` look. Whole
    numbers that are dates all of them, such as 20240131 and 202401, are dates.
    """
    import pandas as pd

    if cells.dtype.kind == "M" or isinstance(cells.dtype, pd.DatetimeTZDtype):
        return _plain(pd.DatetimeIndex(cells))
    if isinstance(cells.dtype, pd.PeriodDtype):
        return _plain(pd.PeriodIndex(cells).to_timestamp())
    numbers = pd.to_numeric(cells, errors="coerce")
    if cells.dtype.kind in "fiu" or bool(numbers.notna().all()):
        whole = bool(numbers.notna().all()) and bool((numbers == numbers.round()).all())
        return _whole(numbers.to_numpy().astype(np.int64)) if whole else None
    stamps = pd.to_datetime(cells, errors="coerce", format="ISO8601", utc=True)
    if bool((stamps.isna() & cells.notna()).any()):
        stamps = pd.to_datetime(_in_order(cells, day_first), errors="coerce", format="mixed", utc=True)
    return _plain(pd.DatetimeIndex(stamps))


def stamps_of(cells: pd.Series[Any], day_first: bool | None = None) -> NDArray[Any] | None:
    """`times_of`, or None where a cell that is not empty is no time."""
    found = times_of(cells, day_first)
    if found is None or (found.dtype.kind == "M" and bool((np.isnat(found) & cells.notna().to_numpy()).any())):
        return None
    return found


def is_day_first(cells: pd.Series[Any]) -> bool | None:
    """Whether dates such as ``03/02/2024`` have the day first; None where the column has none of that kind.

    A number above 12 tells. Where none is, the order is taken in which times are more evenly apart; and where both are
    the same, day first with dots and month first otherwise.

    >>> import pandas as pd
    >>> is_day_first(pd.Series(["30.01.2024", "31.01.2024", "01.02.2024"]))
    True
    >>> is_day_first(pd.Series(["01/01/2024", "02/01/2024", "03/01/2024", "04/01/2024"]))
    True
    >>> is_day_first(pd.Series(["2024-01-01"])) is None
    True
    """
    parts = _parts(cells)
    if parts is None:
        return None
    parts = parts.dropna(subset=[0]).drop_duplicates(subset=[0, 2, 3])
    one, other = parts[0].astype(int), parts[2].astype(int)
    if bool((one > 12).any()) or bool((other > 12).any()):
        return bool((one > 12).mean() >= (other > 12).mean())
    years = _years(parts[3])
    apart = [_unevenness(years, month, day) for month, day in ((other, one), (one, other))]
    return bool(parts[1].iloc[0] == ".") if apart[0] == apart[1] else apart[0] < apart[1]


def has_zone(cells: pd.Series[Any]) -> bool:
    """Whether times tell their zone, by their type or as text such as ``2024-01-31T12:00+01:00``."""
    if getattr(cells.dtype, "tz", None) is not None:
        return True
    texts = _texts(cells.head(200))
    return texts is not None and _matches(texts, _ZONE)


def is_time_of_day(cells: pd.Series[Any], mark: str = ":") -> bool:
    """Whether cells are times without a date, such as ``18:30``; ``[:.]`` as ``mark`` takes ``18.30.00`` too."""
    texts = _texts(cells.head(200))
    return texts is not None and _matches(texts.str.strip(), rf"\d{{1,2}}{mark}\d{{2}}(?:{mark}\d{{2}})?$")


def with_colons(cells: pd.Series[Any]) -> pd.Series[Any]:
    """Times of a day with colons in place of dots."""
    return cells.astype(str).str.strip().str.replace(_DOTTED, lambda found: found[0].replace(".", ":"), regex=True)


def _texts(cells: pd.Series[Any]) -> pd.Series[Any] | None:
    """The cells that are not empty, where all of them are text and there is one."""
    known = cells.dropna()
    return known if len(known) and known.map(lambda cell: isinstance(cell, str)).all() else None


def _matches(texts: pd.Series[Any], pattern: str) -> bool:
    return bool(texts.str.match(pattern).all())


def _parts(cells: pd.Series[Any]) -> pd.DataFrame | None:
    """The fields of `_PARTS`, NaN where a cell is none; None where the first texts are none."""
    if _texts(cells.head(50)) is None:
        return None
    texts = cells.astype("str")
    if not texts.head(50).str.match(_PARTS).any():
        return None
    parts = texts.str.extract(_PARTS)
    return parts if int(parts[0].notna().sum()) else None


def _years(texts: pd.Series[Any]) -> pd.Series[Any]:
    years = texts.astype(int)
    return years + (texts.str.len() == 2) * (1900 + 100 * (years < _CENTURY))


def _unevenness(years: pd.Series[Any], months: pd.Series[Any], days: pd.Series[Any]) -> float:
    """The deviation of the logarithms of how many days times are apart; infinite where one is no date."""
    import pandas as pd

    stamps = pd.to_datetime(pd.DataFrame({"year": years, "month": months, "day": days}), errors="coerce")
    if bool(stamps.isna().any()):
        return float("inf")
    gaps = np.diff(np.unique(stamps.to_numpy().astype("M8[D]").astype(np.int64)))
    return float(np.std(np.log(gaps))) if len(gaps) else 0.0


def _in_order(cells: pd.Series[Any], day_first: bool | None) -> pd.Series[Any]:
    """Dates with the year first, weeks as their Mondays; what is neither as it is."""
    cells = _mondays(cells)
    parts = _parts(cells)
    if parts is None:
        return cells
    if day_first is None:
        day_first = is_day_first(cells)
    known = parts[0].notna()
    found = parts[known]
    month, day = (found[2], found[0]) if day_first else (found[0], found[2])
    time = found[4].fillna("00:00")
    whole = _years(found[3]).astype(str) + "-" + month.str.zfill(2) + "-" + day.str.zfill(2) + " " + with_colons(time)
    mended = cells.astype(object).copy()
    mended[known] = whole
    return mended


def _mondays(cells: pd.Series[Any]) -> pd.Series[Any]:
    """Weeks such as ``2024-W05`` as the dates of their Mondays."""
    import pandas as pd

    texts = _texts(cells.head(50))
    if texts is None or not _matches(texts.str.strip(), _WEEK):
        return cells
    parts = cells.astype("str").str.strip().str.extract(_WEEK)
    return pd.to_datetime(parts[0] + "-" + parts[1].str.zfill(2) + "-1", format="%G-%V-%u", errors="coerce")


def _whole(numbers: NDArray[np.int64]) -> NDArray[Any]:
    """Whole numbers, as dates where all of them are some such as 20240131, or 202401."""
    if not len(numbers):
        return numbers
    for pattern, unit in ((10_000, "D"), (100, "M")):
        if numbers.min() // pattern not in _YEARS or numbers.max() // pattern not in _YEARS:
            continue
        years = numbers // pattern
        months, days = (numbers // 100 % 100, numbers % 100) if unit == "D" else (numbers % 100, np.ones_like(numbers))
        if months.min() < 1 or months.max() > 12 or days.min() < 1:
            continue
        begins = ((years - 1970) * 12 + months - 1).astype("M8[M]")
        if bool((days <= ((begins + 1).astype("M8[D]") - begins.astype("M8[D]")).astype(np.int64)).all()):
            return (begins.astype("M8[D]") + (days - 1)).astype("M8[ns]")
    return numbers


def _plain(stamps: pd.DatetimeIndex) -> NDArray[Any]:
    utc = stamps if stamps.tz is None else stamps.tz_convert("UTC").tz_localize(None)
    return utc.to_numpy().astype("M8[ns]")
