"""From a table to a `Panel`: which columns are what, one clock for all rows, gaps and duplicates mended and told of."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from elman.codecs.calendar import Frequency, stamps_of
from elman.codecs.panel import Covariate, Floats, Panel, PanelColumns, Whole
from elman.errors import DataError, nearest
from elman.settings import AUTO
from elman.settings.panel import PanelSettings

if TYPE_CHECKING:
    import pandas as pd

#: What columns are called that say which series a row is of, and when it was.
IDS = ("unique_id", "series_id", "item_id", "id", "series", "item", "store", "sensor", "symbol", "ticker", "name")
TIMES = ("ds", "date", "datetime", "timestamp", "time", "month", "day", "week", "quarter", "year", "hour", "t", "step")
#: Numbers of rows, which pandas and others write along.
_INDEX = ("", "index", "unnamed: 0", "row", "row_id", "no", "column 0")
_PARTS = ("year", "month", "day", "hour", "minute", "second")
#: So many numbers in a row, in columns that count, are a series.
_STEPS_IN_ROW = 10
#: More different values than these are no categories.
_MOST_CATEGORIES = 50
#: A share of duplicates beyond which they are no accident, and how much longer than the rows a clock may run.
_DUPLICATES, _STRETCH = 0.1, 20
#: Where nothing says the season, lags whose autocorrelation of changes is at least this, and so many of its standard
#: deviations for noise, are one.
_CLEAR_SEASON, _CLEAR_DEVIATIONS = 0.3, 3.0

Place = Callable[[int], str]


def panel_of(
    frame: Any,
    settings: PanelSettings | None = None,
    *,
    known: Panel | tuple[PanelColumns, Frequency] | None = None,
    name: str = "the data frame",
    place: Place | None = None,
) -> Panel:
    """The series of a pandas or polars data frame: long with unique_id, ds, y or what they are called, or wide.

    Args:
        frame: The table.
        settings: What its columns are; all that is not said is found by looking.
        known: A panel, or its columns and frequency, like which this one is read: that of the training.
        name: What messages call the table.
        place: Where a row stands, for messages.

    Raises:
        DataError: It cannot be told what is a series, a cell is not what its column is, or times make no clock.
    """
    settings = settings or PanelSettings()
    if hasattr(frame, "to_pandas") and not hasattr(frame, "iloc"):
        frame = frame.to_pandas()
    if not len(frame):
        raise DataError(f"{name}: holds no rows.")
    frame = frame.rename(columns=str)
    place = place or (lambda row: f"{name}, row {row + 1}")
    if isinstance(known, Panel):
        known = known.columns, known.frequency
    reader = _Reader(frame, settings, name, place, known)
    return reader.panel()


class _Reader:
    """One reading of one table."""

    def __init__(
        self,
        frame: pd.DataFrame,
        settings: PanelSettings,
        name: str,
        place: Place,
        known: tuple[PanelColumns, Frequency] | None,
    ) -> None:
        self.frame, self.settings, self.name, self.place = frame, settings, name, place
        self.notes: list[str] = []
        self.clock = None if known is None else known[1]
        self.fresh = known is None
        self.columns = self._find_columns() if known is None else self._checked(known[0])

    def panel(self) -> Panel:
        """The panel."""
        if self.columns.layout == "rows":
            return self._of_rows()
        columns = self.columns
        ids, codes = self._codes()
        times = self._times(codes)
        clock = self.clock or self._clock(times, codes)
        steps = clock.steps(times)
        if self.fresh:
            columns = replace(columns, **{role: self._covariates(role) for role in ("past", "future", "static")})
        numbers = [self._features(columns.past), self._features(columns.future)]
        static = self._features(columns.static)
        targets = [self._numbers(column) for column in columns.target]
        if len(targets) > 1:
            several = columns.layout == "long" and columns.id is not None
            ids = [f"{one}/{target}" if several else target for target in columns.target for one in ids]
            groups = int(codes.max()) + 1
            codes = np.concatenate([codes + groups * number for number in range(len(targets))])
            steps, static = np.tile(steps, len(targets)), np.tile(static, (len(targets), 1))
            numbers = [np.tile(each, (len(targets), 1)) for each in numbers]
        panel = _gridded(ids, clock, codes, steps, np.concatenate(targets), *numbers, static, self)
        panel = replace(panel, columns=columns)
        if self.fresh and clock.unit == "step" and self.settings.season == AUTO:
            panel = self._with_season(panel)
        return replace(panel, notes=(*self.notes, *self._about_gaps(panel)))

    # ---- which column is what

    def _find_columns(self) -> PanelColumns:
        frame, asked = self.frame, self.settings
        named = {
            "target": asked.target, "past": asked.past, "future": asked.future, "static": asked.static,
            "id-column": () if asked.id_column is None else (asked.id_column,),
            "time-column": () if asked.time_column is None else tuple(asked.time_column.split("+")),
        }  # fmt: skip
        roles = {option: tuple(self._find(name, option) for name in names) for option, names in named.items()}
        time = "+".join(roles["time-column"]) or self._guess_time()
        identity = roles["id-column"][0] if roles["id-column"] else self._guess_id(time)
        if time is None and not roles["target"] and identity is None and self._series_in_rows():
            self.notes.append("A row is a series, its columns are steps.")
            return PanelColumns("rows", (), self._names_of_rows(), None)
        taken = {*(time or "").split("+"), identity, *roles["past"], *roles["future"], *roles["static"]}
        target = roles["target"] or self._guess_target(taken, identity)
        layout: Literal["long", "wide"] = "wide" if identity is None else "long"
        if layout == "wide" and roles["static"]:
            raise DataError(f"{self.name}: --static needs series that --id-column tells apart.")
        left = [name for name in frame.columns if name not in {*taken, *target} and name.lower() not in _INDEX]
        if left:
            shown = ", ".join(left[:8]) + (", ..." if len(left) > 8 else "")
            self.notes.append(f"Not used: {shown}. A column is used where --past, --future or --static names it.")
        if len(target) > 1:
            self.notes.append(
                f"{len(target)} columns are series of one model: {', '.join(target[:8])}"
                f"{', ...' if len(target) > 8 else ''}; to forecast some of them say --target COLUMN."
            )
        covariates = {role: tuple(map(Covariate, roles[role])) for role in ("past", "future", "static")}
        return PanelColumns(layout, target, identity, time, **covariates)

    def _find(self, name: str, option: str) -> str:
        for column in self.frame.columns:
            if column == name or column.strip().lower() == name.strip().lower():
                return str(column)
        shown = ", ".join(self.frame.columns[:30])
        raise DataError(
            f"{self.name}: --{option} names the column '{name}', but the columns are {shown}."
            f"{nearest(name, self.frame.columns)}"
        )

    def _checked(self, columns: PanelColumns) -> PanelColumns:
        """Columns known from training: what has to be there is. A target that is missing has nothing measured."""
        if columns.layout == "rows":
            return columns
        times = () if columns.time is None else tuple(columns.time.split("+"))
        covariates = [each.name for each in (*columns.past, *columns.future, *columns.static)]
        needed = [*([] if columns.id is None else [columns.id]), *times, *covariates, *columns.target]
        missing = [name for name in needed if name not in self.frame.columns]
        if missing:
            raise DataError(
                f"{self.name}: the model was trained with the columns {', '.join(needed)}; '{missing[0]}' is missing"
                f" among {', '.join(self.frame.columns[:20])}."
            )
        return columns

    def _guess_time(self) -> str | None:
        plain = {column.strip().lower(): column for column in self.frame.columns}
        if {"year", "month", "day"} <= plain.keys():
            return "+".join(plain[part] for part in _PARTS if part in plain)
        for name in TIMES:
            if name in plain and stamps_of(self.frame[plain[name]]) is not None:
                return str(plain[name])
        first = self.frame.columns[0]
        cells = self.frame[first]
        text = cells.dtype.kind == "O" and bool(cells.head(200).map(lambda cell: isinstance(cell, str)).all())
        if cells.dtype.kind == "M" or (text and _has_digits(cells) and stamps_of(cells.head(200)) is not None):
            return str(first)
        return None

    def _guess_id(self, time: str | None) -> str | None:
        plain = {column.strip().lower(): column for column in self.frame.columns}
        for name in IDS:
            column = plain.get(name)
            if column is None or column == time:
                continue
            repeated = self.frame[column].duplicated()
            if (time is not None and bool(repeated.any())) or name == "unique_id":
                return str(column)
        return None

    def _guess_target(self, taken: set[Any], identity: str | None) -> tuple[str, ...]:
        free = [name for name in self.frame.columns if name not in taken and name.lower() not in _INDEX]
        numeric = [name for name in free if self.frame[name].dtype.kind in "fiu"]
        if "y" in free:
            return ("y",)
        if not numeric:
            raise DataError(
                f"{self.name}: expected a column of numbers that is a series, found {', '.join(free) or 'none'}."
                " Say which with --target COLUMN."
            )
        if identity is not None and len(numeric) > 1:
            raise DataError(
                f"{self.name}: which of {', '.join(numeric[:10])} is to be forecast? Say it with --target COLUMN; name"
                " others that help with --past, --future or --static."
            )
        return tuple(map(str, numeric))

    def _series_in_rows(self) -> bool:
        """Whether the columns count, as V1, V2, ... of M4, and the rows are not steps."""
        numeric = [name for name in self.frame.columns if self.frame[name].dtype.kind in "fiu"]
        stems = Counter(re.sub(r"\d+$", "", name) for name in numeric if re.search(r"\D\d+$", name))
        return bool(stems) and max(stems.values()) >= max(_STEPS_IN_ROW, len(self.frame.columns) / 2)

    def _names_of_rows(self) -> str | None:
        first = self.frame.columns[0]
        text = self.frame[first].dtype.kind == "O"
        return str(first) if text and not bool(self.frame[first].duplicated().any()) else None

    # ---- cells

    def _codes(self) -> tuple[list[str], Whole]:
        """The names of the series in the order in which they begin, and the number of the series of each row."""
        import pandas as pd

        if self.columns.id is None:
            name = self.columns.target[0] if len(self.columns.target) == 1 else ""
            return [name], np.zeros(len(self.frame), np.int64)
        codes, names = pd.factorize(self.frame[self.columns.id])
        if (codes < 0).any():
            row = int(np.flatnonzero(codes < 0)[0])
            raise DataError(f"{self.place(row)}: column '{self.columns.id}', which says the series, is empty.")
        return [str(name) for name in names], codes.astype(np.int64)

    def _times(self, codes: Whole) -> NDArray[Any]:
        """The time of each row; its number within its series where there is none."""
        import pandas as pd

        if self.columns.time is None:
            self.notes.append("There is no column of times: rows are steps in their order.")
            return pd.Series(codes).groupby(codes).cumcount().to_numpy(np.int64)
        names = self.columns.time.split("+")
        if len(names) == 1:
            cells = self.frame[names[0]]
        elif {name.lower() for name in names} <= set(_PARTS):
            parts = self.frame[names].apply(pd.to_numeric, errors="coerce").rename(columns=str.lower)
            cells = pd.to_datetime(parts, errors="coerce")
        else:
            cells = self.frame[names].astype(str).agg(" ".join, axis=1)
        stamps = stamps_of(cells)
        if stamps is None or (stamps.dtype.kind == "M" and bool(np.isnat(stamps).any())):
            row = next(row for row in range(len(cells)) if _no_time(cells.iloc[row : row + 1]))
            raise DataError(
                f"{self.place(row)}: expected a date or a whole number in column '{self.columns.time}', found"
                f" '{cells.iloc[row]}'. Name another column with --time-column, or leave the column out to count rows."
            )
        if getattr(cells.dtype, "tz", None) is not None:
            self.notes.append("Times with a zone are read, and forecast, in UTC.")
        return stamps

    def _clock(self, times: NDArray[Any], codes: Whole) -> Frequency:
        asked, season = self.settings.frequency, self.settings.season
        lasting = None if season == AUTO else int(season)
        if asked != AUTO:
            if (times.dtype.kind == "M") == asked.isdigit():
                found = "dates" if times.dtype.kind == "M" else "numbers"
                raise DataError(f"{self.name}: times are {found}, which have no --frequency {asked}.")
            return Frequency.named(asked, times, lasting)
        order = np.lexsort((times, codes))
        cuts = np.flatnonzero(np.diff(codes[order])) + 1
        each = [part for part in np.split(times[order], cuts) if len(part) > 1]
        clock, irregular = Frequency.infer(each or [np.sort(times)], lasting)
        if irregular:
            self.notes.append(irregular[0].upper() + irregular[1:] + ".")
        return clock

    def _numbers(self, column: str) -> Floats:
        cells = self.frame[column]
        if cells.dtype.kind in "fiub":
            values = cells.to_numpy(np.float64)
        else:
            import pandas as pd

            values = pd.to_numeric(cells, errors="coerce").to_numpy(np.float64)
            lost = np.flatnonzero(np.isnan(values) & cells.map(lambda cell: cell not in (None, "")).to_numpy())
            lost = [row for row in lost if cells.iloc[row] == cells.iloc[row]]
            if len(lost):
                raise DataError(
                    f"{self.place(int(lost[0]))}: expected a number in column '{column}', found"
                    f" '{cells.iloc[lost[0]]}'. Leave the cell empty where nothing was measured."
                )
        if np.isinf(values).any():
            row = int(np.isinf(values).argmax())
            raise DataError(f"{self.place(row)}: column '{column}' is infinite. Leave the cell empty instead.")
        return values

    def _covariates(self, role: str) -> tuple[Covariate, ...]:
        """The covariates of a role, with their categories where they are not numbers."""
        found: list[Covariate] = []
        for covariate in getattr(self.columns, role):
            cells = self.frame[covariate.name]
            if cells.dtype.kind in "fiub":
                found.append(covariate)
                continue
            values = sorted({str(cell) for cell in cells.dropna()} - {""})
            if len(values) > _MOST_CATEGORIES:
                raise DataError(
                    f"{self.name}: column '{covariate.name}' has {len(values)} different values, such as"
                    f" '{values[0]}'. Expected numbers, or at most {_MOST_CATEGORIES} categories."
                )
            found.append(Covariate(covariate.name, tuple(values)))
        return tuple(found)

    def _features(self, covariates: Sequence[Covariate]) -> Floats:
        """Numbers as they are, categories as 0 and 1, (rows, features)."""
        blocks = [np.empty((len(self.frame), 0))]
        for covariate in covariates:
            if covariate.categories:
                cells = self.frame[covariate.name].astype(object).map(str).to_numpy()
                blocks.append((cells[:, None] == np.array(covariate.categories, object)).astype(np.float64))
                unknown = {cell for cell in set(cells) - set(covariate.categories) if cell not in ("nan", "None", "")}
                if unknown:
                    self.notes.append(
                        f"Column '{covariate.name}': {', '.join(sorted(unknown)[:5])} is new, and read as none."
                    )
            else:
                blocks.append(self._numbers(covariate.name)[:, None])
        return np.concatenate(blocks, axis=1)

    # ---- the other layout, the season, and what is told

    def _of_rows(self) -> Panel:
        """A series in each row: what is empty at its end is not there."""
        names = self.columns.id
        numeric = [name for name in self.frame.columns if name != names]
        values = np.stack([self._numbers(name) for name in numeric], axis=1)
        ids = [str(cell) for cell in self.frame[names]] if names else [str(row + 1) for row in range(len(values))]
        empty = np.isnan(values).all(1)
        if empty.any():
            raise DataError(f"{self.place(int(empty.argmax()))}: the series in this row is empty.")
        asked = self.settings
        clock = self.clock or Frequency.named(
            "1" if asked.frequency == AUTO else asked.frequency,
            season=None if asked.season == AUTO else int(asked.season),
        )
        panel = Panel.of(dict(zip(ids, values, strict=True)), clock, start=0)
        panel = replace(panel, columns=self.columns)
        if self.fresh and clock.unit == "step" and asked.season == AUTO:
            panel = self._with_season(panel)
        return replace(panel, notes=(*self.notes, *self._about_gaps(panel)))

    def _with_season(self, panel: Panel) -> Panel:
        season = seasonality(panel)
        if season > 1:
            self.notes.append(f"A pattern comes again after {season} steps; if not, say --season.")
        return replace(panel, frequency=panel.frequency.with_season(season))

    def _about_gaps(self, panel: Panel) -> list[str]:
        place = np.arange(len(panel.target)) - np.repeat(panel.offsets[:-1], panel.lengths)
        inside = place < np.repeat(panel.history, panel.lengths)
        missing = np.isnan(panel.target) & inside
        if not missing.any():
            return []
        edges = np.diff(np.concatenate([[0], missing.astype(np.int8), [0]]))
        lengths = np.flatnonzero(edges == -1) - np.flatnonzero(edges == 1)
        longest = int(lengths.argmax())
        row = int(np.flatnonzero(edges == 1)[longest])
        series = int(np.searchsorted(panel.offsets, row, "right")) - 1
        when = panel.frequency.times(np.array([panel.first[series] + row - panel.offsets[series]]))[0]
        of = f" of '{panel.ids[series]}'" if len(panel) > 1 else ""
        return [
            f"{int(missing.sum()):,} steps ({missing.sum() / inside.sum():.1%}) were not measured, in {len(lengths):,}"
            f" gaps; the longest is {int(lengths[longest]):,} steps{of} from {_said(when)}."
        ]


def _no_time(cell: pd.Series[Any]) -> bool:
    stamp = stamps_of(cell)
    return stamp is None or (stamp.dtype.kind == "M" and bool(np.isnat(stamp).any()))


def _has_digits(cells: pd.Series[Any]) -> bool:
    return bool(cells.head(200).str.contains(r"\d", regex=True).all())


def _said(when: Any) -> str:
    return str(when.astype("M8[s]")).replace("T", " ") if isinstance(when, np.datetime64) else f"step {when}"


def _gridded(
    ids: Sequence[str],
    clock: Frequency,
    codes: Whole,
    steps: Whole,
    target: Floats,
    past: Floats,
    future: Floats,
    static: Floats,
    reader: _Reader,
) -> Panel:
    """Rows in any order as one row for each step of each series; rows of the same step become their mean."""
    measured = ~np.isnan(target)
    big = np.iinfo(np.int64)
    first, last, end = (np.full(len(ids), fill) for fill in (big.max, big.min, big.min))
    np.minimum.at(first, codes[measured], steps[measured])
    np.maximum.at(last, codes[measured], steps[measured])
    np.maximum.at(end, codes, steps)
    kept = np.flatnonzero(last >= first)
    if not len(kept):
        raise DataError(f"{reader.name}: no step of a series was measured.")
    if len(kept) < len(ids):
        gone = [ids[number] for number in range(len(ids)) if last[number] < first[number]]
        reader.notes.append(f"{len(gone)} series without any number are left out: {', '.join(gone[:5])}.")
    end = end if future.shape[1] else last
    lengths = np.where(last >= first, end - first + 1, 0)
    if lengths.sum() > _STRETCH * len(codes):
        worst = int((lengths / np.maximum(np.bincount(codes, minlength=len(ids)), 1)).argmax())
        times = clock.times(np.array([first[worst], end[worst]]))
        raise DataError(
            f"{reader.name}: series '{ids[worst]}' would have {int(lengths[worst]):,} steps of {clock.step_name} from"
            f" {_said(times[0])} to {_said(times[1])}, nearly all of them empty. Correct its times, or say --frequency."
        )
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    inside = (last >= first)[codes] & (steps >= first[codes]) & (steps <= end[codes])
    at = (offsets[codes] + steps - first[codes])[inside]
    counts = np.bincount(at, minlength=int(offsets[-1]))
    twice = int((counts > 1).sum())
    if twice:
        _told_of_duplicates(reader, twice, len(codes), codes, steps)
    rows = int(offsets[-1])
    table = np.concatenate([target[:, None], past, future], axis=1)[inside]
    grid = _scattered(table, at, rows, twice > 0)
    place = np.arange(rows) - np.repeat(offsets[:-1], lengths)
    grid[place >= np.repeat(last - first + 1, lengths), 1 : 1 + past.shape[1]] = np.nan
    _, heads = np.unique(codes, return_index=True)
    _constant(static, codes, heads, reader)
    return Panel(
        tuple(ids[number] for number in kept), clock, np.concatenate([[0], np.cumsum(lengths[kept])]), first[kept],
        (last - first + 1)[kept], grid[:, 0].copy(), grid[:, 1 : 1 + past.shape[1]].copy(),
        grid[:, 1 + past.shape[1] :].copy(), static[heads][kept],
    )  # fmt: skip


def _told_of_duplicates(reader: _Reader, twice: int, rows: int, codes: Whole, steps: Whole) -> None:
    """A note on rows of the same step; `DataError` where they are too many to be an accident."""
    order = np.lexsort((steps, codes))
    same = (np.diff(codes[order]) == 0) & (np.diff(steps[order]) == 0)
    row = int(order[1:][same].min()) % len(reader.frame)
    irregular = any("averaged" in note for note in reader.notes)
    if twice > _DUPLICATES * rows and not irregular:
        raise DataError(
            f"{reader.place(row)}: has the time of an earlier row of its series, as {twice:,} steps do. Say with"
            " --id-column which rows are one series, or with --frequency how long a step is."
        )
    reader.notes.append(f"{twice:,} steps have several rows, such as {reader.place(row)}; their mean is taken.")


def _scattered(table: Floats, at: Whole, rows: int, average: bool) -> Floats:
    """``table`` (n, columns) at the rows ``at`` of a larger one, NaN elsewhere."""
    found = np.full((rows, table.shape[1]), np.nan)
    if not average:
        found[at] = table
        return found
    for column, values in enumerate(table.T):
        known = ~np.isnan(values)
        counts = np.bincount(at[known], minlength=rows)
        sums = np.bincount(at[known], weights=values[known], minlength=rows)
        np.divide(sums, counts, out=found[:, column], where=counts > 0)
    return found


def _constant(static: Floats, codes: Whole, heads: Whole, reader: _Reader) -> None:
    """Raise `DataError` where what should be the same in all rows of a series is not."""
    different = np.flatnonzero(((static != static[heads][codes]) & ~np.isnan(static)).any(1))
    if len(different):
        row = int(different[0])
        raise DataError(
            f"{reader.place(row % len(reader.frame))}: a --static column is not what it was in the first row of the"
            " same series. Name it with --past or --future."
        )


def seasonality(panel: Panel) -> int:
    """The lag after which the changes of series are most alike, at most a third of their length; 1 where none is.

    The autocorrelation of the differences is averaged over up to 100 series; of lags near its largest peak the smallest
    is taken, since twice a season is one too.

    >>> seasonality(Panel.of([np.tile([0.0, 1, 5, 2, 0, 0, 1], 20)]))
    7
    """
    sums: list[Floats] = []
    for number in np.linspace(0, len(panel) - 1, min(100, len(panel))).astype(int):
        changes = np.diff(panel.series(number)[-5000:])
        changes = np.where(np.isnan(changes), 0.0, changes - (0 if np.isnan(changes).all() else np.nanmean(changes)))
        if len(changes) < 12 or not changes.any():
            continue
        spectrum = np.fft.rfft(changes, 2 * len(changes))
        correlation = np.fft.irfft(spectrum * spectrum.conj())[: len(changes) // 3 + 2]
        sums.append(correlation / correlation[0])
    if not sums:
        return 1
    width = max(len(each) for each in sums)
    mean = np.nanmean([np.pad(each, (0, width - len(each)), constant_values=np.nan) for each in sums], axis=0)
    peaks = [lag for lag in range(2, width - 1) if mean[lag] > mean[lag - 1] and mean[lag] >= mean[lag + 1]]
    largest = max((mean[lag] for lag in peaks), default=0.0)
    if largest < max(_CLEAR_SEASON, _CLEAR_DEVIATIONS / np.sqrt(3 * sum(map(len, sums)))):
        return 1
    return next(lag for lag in peaks if mean[lag] >= 0.9 * largest)
