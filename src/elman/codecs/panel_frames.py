"""From a table to a `Panel`: which columns are what, one clock for all rows, gaps and duplicates mended and told of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from elman.codecs.calendar import Frequency
from elman.codecs.dates import has_zone, is_day_first, is_time_of_day, stamps_of, times_of, with_colons
from elman.codecs.panel import Covariate, Floats, Panel, PanelColumns, Whole
from elman.codecs.panel_grid import Origin, about_copies, about_gaps, gridded, seasonality
from elman.codecs.panel_rows import clock_of, columns_of_steps, names_of_rows, panel_in_rows
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
#: Columns of the time of a day, beside one of dates.
_OF_DAY = ("time", "hour", "clock", "uhrzeit")
#: Words of tables of watched machines for whether something is wrong, where numbers are asked for.
WRONG = dict.fromkeys(("normal", "benign", "ok", "no", "false"), 0) | dict.fromkeys(
    ("anomaly", "anomalous", "abnormal", "attack", "fault", "faulty", "outlier", "yes", "true"), 1
)
#: More different values than these are no categories.
_MOST_CATEGORIES = 50
#: A column of which this share is numbers, or times, is meant as such: what is something else is an error.
_MEANT = 0.5


def panel_of(
    frame: Any,
    settings: PanelSettings | None = None,
    *,
    known: Panel | tuple[PanelColumns, Frequency] | None = None,
    name: str = "the data frame",
    place: Callable[[int], str] | None = None,
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
    frame = _with_index(frame).rename(columns=str)
    twice = frame.columns[frame.columns.duplicated()]
    if len(twice):
        raise DataError(f"{name}: two columns are called '{twice[0]}'. Give each a name of its own.")
    place = place or (lambda row: f"{name}, row {row + 1}")
    if isinstance(known, Panel):
        known = known.columns, known.frequency
    return _Reader(frame, settings, Origin(name, place, len(frame)), known).panel()


def _with_index(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with its index as a column where that has times."""
    import pandas as pd

    if not isinstance(frame.index, (pd.DatetimeIndex, pd.PeriodIndex)):
        return frame
    name = str(frame.index.name or "ds")
    return frame if name in frame.columns else frame.rename_axis(index=name).reset_index()


class _Reader:
    """One reading of one table."""

    def __init__(
        self,
        frame: pd.DataFrame,
        settings: PanelSettings,
        origin: Origin,
        known: tuple[PanelColumns, Frequency] | None,
    ) -> None:
        self.frame, self.settings, self.origin = frame, settings, origin
        self.name, self.place, self.notes = origin.name, origin.place, origin.notes
        self.clock = None if known is None else known[1]
        self.fresh = known is None
        self.averaging = settings.frequency != AUTO or not self.fresh
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
            past, future, same = (self._covariates(role) for role in ("past", "future", "static"))
            columns = replace(columns, past=past, future=future, static=same)
        past_features, future_features = self._features(columns.past), self._features(columns.future)
        static = self._features(columns.static)
        targets = [self._numbers(column) for column in columns.target]
        if len(targets) > 1:
            several = columns.layout == "long" and columns.id is not None
            ids = [f"{one}/{target}" if several else target for target in columns.target for one in ids]
            groups = int(codes.max()) + 1
            codes = np.concatenate([codes + groups * number for number in range(len(targets))])
            steps, static = np.tile(steps, len(targets)), np.tile(static, (len(targets), 1))
            past_features = np.tile(past_features, (len(targets), 1))
            future_features = np.tile(future_features, (len(targets), 1))
        panel = gridded(
            ids, clock, codes, steps, np.concatenate(targets), past_features, future_features, static, self.origin,
            self.averaging,
        )  # fmt: skip
        panel = self._seasoned(replace(panel, columns=replace(columns, day_first=self.columns.day_first)))
        return replace(panel, notes=(*self.notes, *about_copies(panel), *about_gaps(panel)))

    # ---- which column is what

    def _find_columns(self) -> PanelColumns:
        frame, asked = self.frame, self.settings
        named = {
            "target": asked.target, "past": asked.past, "future": asked.future, "static": asked.static,
            "id-column": () if asked.id_column is None else tuple(asked.id_column.split("+")),
            "time-column": () if asked.time_column is None else tuple(asked.time_column.split("+")),
        }  # fmt: skip
        roles = {option: tuple(self._find(name, option) for name in names) for option, names in named.items()}
        time = "+".join(roles["time-column"]) or self._guess_time()
        if time is None and not any(roles.values()) and (found := columns_of_steps(frame)) is not None:
            self.notes.append("A row is a series, its columns are steps.")
            names = names_of_rows(frame, found[0])
            unused = [name for name in frame.columns if name not in {*found[0], *(names or "").split("+")}]
            if unused:
                self.notes.append(f"Not used: {', '.join(unused[:8])}.")
            return PanelColumns("rows", (), names, None)
        identity = "+".join(roles["id-column"]) or self._guess_id(time)
        taken = {
            *(time or "").split("+"),
            *(identity or "").split("+"),
            *roles["past"],
            *roles["future"],
            *roles["static"],
        }
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
                f"{', ...' if len(target) > 8 else ''}; to take some of them say --target COLUMN."
            )
        past, future, same = (tuple(map(Covariate, roles[role])) for role in ("past", "future", "static"))
        return PanelColumns(layout, target, identity, time, past, future, same)

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
        joined = [name for each in (columns.id, columns.time) if each is not None for name in each.split("+")]
        covariates = [each.name for each in (*columns.past, *columns.future, *columns.static)]
        needed = [*joined, *covariates, *columns.target]
        missing = [name for name in needed if name not in self.frame.columns]
        if missing:
            raise DataError(
                f"{self.name}: the model was trained with the columns {', '.join(needed)}; '{missing[0]}' is missing"
                f" among {', '.join(self.frame.columns[:20])}."
            )
        return columns

    def _guess_time(self) -> str | None:
        plain = {column.strip().lower(): column for column in self.frame.columns}
        if {"year", "month"} <= plain.keys():
            return "+".join(plain[part] for part in _PARTS if part in plain)
        for name in TIMES:
            if name in plain and _mostly_times(self.frame[plain[name]]) and not is_time_of_day(self.frame[plain[name]]):
                return self._with_time_of_day(str(plain[name]), plain)
        for number, name in enumerate(self.frame.columns):
            cells = self.frame[name].head(200)
            text = cells.dtype.kind == "O" and bool(cells.map(lambda cell: isinstance(cell, str)).all())
            if not (
                (text and _has_digits(cells)) or cells.dtype.kind == "M" or (number == 0 and cells.dtype.kind in "fiu")
            ):
                continue
            stamps = stamps_of(cells)
            if stamps is not None and stamps.dtype.kind == "M" and not is_time_of_day(cells):
                return self._with_time_of_day(str(name), plain)
        return None

    def _with_time_of_day(self, date: str, plain: dict[str, str]) -> str:
        """The column of dates, and that of the times of day beside it if there is one."""
        beside = [plain[name] for name in _OF_DAY if name in plain and plain[name] != date]
        return next((f"{date}+{name}" for name in beside if is_time_of_day(self.frame[name], "[:.]")), date)

    def _guess_id(self, time: str | None) -> str | None:
        """The column that names the series; several where only together they tell rows of one time apart."""
        plain = {column.strip().lower(): column for column in self.frame.columns}
        named = [str(plain[name]) for name in IDS if name in plain and plain[name] != time]
        if named and named[0].lower() == IDS[0]:
            return named[0]
        if time is None:
            return None
        named = [name for name in named if bool(self.frame[name].duplicated().any())]
        for count in range(1, len(named) + 1):
            if not self.frame.duplicated([*named[:count], *time.split("+")]).any():
                return "+".join(named[:count])
        return named[0] if named else self._guess_telling(time.split("+"))

    def _guess_telling(self, times: list[str]) -> str | None:
        """Where times repeat, the first column of texts that tells their rows apart."""
        if not self.frame.duplicated(times).any():
            return None
        for name in self.frame.columns:
            cells = self.frame[name]
            alike = name not in times and (cells.dtype.kind == "O" or str(name).strip().lower().endswith("id"))
            if alike and not cells.isna().any() and not self.frame.duplicated([name, *times]).any():
                self.notes.append(f"Column '{name}' says which series a row is of; if not, say --id-column.")
                return str(name)
        return None

    def _guess_target(self, taken: set[Any], identity: str | None) -> tuple[str, ...]:
        free = [name for name in self.frame.columns if name not in taken and name.lower() not in _INDEX]
        numeric = [name for name in free if self.frame[name].dtype.kind in "fiu"]
        if "y" in free:
            return ("y",)
        for name in free:
            if name not in numeric and _mostly_numbers(self.frame[name]):
                self._numbers(name)
        empty = [name for name in free if self.frame[name].isna().all()]
        if not numeric and empty:
            raise DataError(f"{self.name}: expected numbers, but in column '{empty[0]}' every cell is empty.")
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

    # ---- cells

    def _codes(self) -> tuple[list[str], Whole]:
        """The names of the series in the order in which they begin, and the number of the series of each row."""
        import pandas as pd

        if self.columns.id is None:
            name = self.columns.target[0] if len(self.columns.target) == 1 else ""
            return [name], np.zeros(len(self.frame), np.int64)
        parts = [self.frame[name] for name in self.columns.id.split("+")]
        whole = parts[0]
        if len(parts) > 1:
            whole = pd.concat(parts, axis=1).astype(object).map(str).agg("/".join, axis=1)
        codes, names = pd.factorize(whole)
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
        elif {name.lower() for name in names} <= set(_PARTS) and all(
            self.frame[name].dtype.kind in "fiu" for name in names
        ):
            parts = self.frame[names].rename(columns=str.lower)
            cells = pd.to_datetime(parts if "day" in parts else parts.assign(day=1), errors="coerce")
        else:
            cells = self.frame[names[0]].astype(str)
            for name in names[1:]:
                cells = cells + " " + with_colons(self.frame[name])
        stamps = self._stamps(cells)
        if stamps.dtype.kind == "i" and (unit := _since_1970(stamps)):
            self.notes.append(f"Times are read as {'seconds' if unit == 's' else 'milliseconds'} since 1970.")
            stamps = stamps.astype(f"M8[{unit}]").astype("M8[ns]")
        if has_zone(cells):
            self.notes.append("Times with a zone are read, and forecast, in UTC.")
        if self.clock is not None and (self.clock.unit == "step") != (stamps.dtype.kind == "i"):
            expected, found = ("numbers", "dates") if self.clock.unit == "step" else ("dates", "numbers")
            raise DataError(f"{self.name}: the model was trained with times that are {expected}, found {found}.")
        return stamps

    def _stamps(self, cells: pd.Series[Any]) -> NDArray[Any]:
        """The time in each cell. Raises `DataError` at the first that has none."""
        if self.fresh and (first := is_day_first(cells)) is not None:
            order, columns = "day, month, year" if first else "month, day, year", self.columns
            self.notes.append(f"Dates such as {cells.dropna().iloc[0]} are read as {order}.")
            self.columns = replace(columns, day_first=first)
        stamps = times_of(cells, self.columns.day_first)
        if stamps is None:
            wrong = ~_whole_numbers(cells)
        else:
            wrong = np.isnat(stamps) if stamps.dtype.kind == "M" else np.zeros(len(stamps), bool)
        if wrong.any():
            row = int(wrong.argmax())
            found = "nothing" if cells.isna().iloc[row] else f"'{cells.iloc[row]}'"
            raise DataError(
                f"{self.place(row)}: expected a date or a whole number in column '{self.columns.time}', found {found}."
                " Correct it, name another column with --time-column, or leave the column out to count rows."
            )
        assert stamps is not None, "what is no time has a row"
        return stamps

    def _clock(self, times: NDArray[Any], codes: Whole) -> Frequency:
        asked, season = self.settings.frequency, self.settings.season
        lasting = None if season == AUTO else int(season)
        if asked != AUTO:
            if (times.dtype.kind == "M") == asked.isdigit():
                found = "dates" if times.dtype.kind == "M" else "numbers"
                raise DataError(f"{self.name}: times are {found}, which have no --frequency {asked}.")
            return Frequency.named(asked, times, lasting)
        if len(np.unique(times)) < 2:
            raise DataError(
                f"{self.name}: the step of a series needs at least two times, found one. Say it with --frequency."
            )
        order = np.lexsort((times, codes))
        cuts = np.flatnonzero(np.diff(codes[order])) + 1
        each = [part for part in np.split(times[order], cuts) if len(part) > 1]
        clock, irregular = Frequency.infer(each or [np.sort(times)], lasting)
        if irregular:
            self.averaging = True
            self.notes.append(irregular[0].upper() + irregular[1:] + ".")
        return clock

    def _numbers(self, column: str) -> Floats:
        cells = self.frame[column]
        if cells.dtype.kind in "fiub":
            values = cells.to_numpy(np.float64)
        else:
            import pandas as pd

            values = pd.to_numeric(cells, errors="coerce").to_numpy(np.float64)
            lost = np.flatnonzero(np.isnan(values) & (cells.notna() & (cells != "")).to_numpy())
            if len(lost) and (told := self._told(column)) is not None:
                values = told
            elif len(lost):
                raise DataError(
                    f"{self.place(int(lost[0]))}: expected a number in column '{column}', found"
                    f" '{cells.iloc[int(lost[0])]}'. Leave the cell empty where nothing was measured."
                )
        if np.isinf(values).any():
            row = int(np.isinf(values).argmax())
            raise DataError(f"{self.place(row)}: column '{column}' is infinite. Leave the cell empty instead.")
        return values

    def _told(self, column: str) -> Floats | None:
        """0 and 1 where all cells of a column are words for whether something is wrong; else None."""
        cells = self.frame[column]
        words = cells.where(cells.notna(), "").astype(str).str.strip().str.lower()
        found = sorted(set(words) - {""})
        if not found or not set(found) <= WRONG.keys():
            return None
        self.notes.append(f"Column '{column}' is read as {', '.join(f'{word}: {WRONG[word]}' for word in found)}.")
        return np.asarray(words.map(WRONG), np.float64)

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
        found = columns_of_steps(self.frame)
        if found is None:
            raise DataError(f"{self.name}: the model was trained with a series in each row; found no columns of steps.")
        steps, times = found
        names = self.columns.id.split("+") if self.columns.id else []
        values = np.stack([self._numbers(column) for column in steps], axis=1)
        parts = self.frame[names].astype(object)
        ids = ["/".join(str(cell) for cell in row if not _is_empty(cell)) for row in parts.itertuples(index=False)]
        ids = ids if names else [str(row + 1) for row in range(len(values))]
        empty = np.isnan(values).all(1)
        if empty.any():
            raise DataError(f"{self.place(int(empty.argmax()))}: the series in this row is empty.")
        asked = self.settings
        clock = self.clock or clock_of(
            times,
            None if asked.frequency == AUTO else asked.frequency,
            None if asked.season == AUTO else int(asked.season),
        )
        panel = replace(panel_in_rows(ids, clock, times, values), columns=self.columns)
        panel = self._seasoned(panel)
        return replace(panel, notes=(*self.notes, *about_copies(panel), *about_gaps(panel)))

    def _seasoned(self, panel: Panel) -> Panel:
        """With the season that its values show, where the clock has none or one that is not seen twice."""
        known = panel.frequency.season
        if not self.fresh or self.settings.season != AUTO:
            return panel
        if panel.frequency.unit == "step":
            return self._with_season(panel)
        if known > 1 and 2 * known > int(panel.history.max()):
            self.notes.append(f"The usual season of {known:,} steps is not seen twice, and not taken.")
            return self._with_season(panel)
        return panel

    def _with_season(self, panel: Panel) -> Panel:
        season = seasonality(panel)
        if season > 1:
            self.notes.append(f"A pattern comes again after {season} steps; if not, say --season.")
        return replace(panel, frequency=panel.frequency.with_season(season))


def _since_1970(numbers: NDArray[Any]) -> str:
    """The unit of whole numbers that are times of 1990 to 2100 if any: ``s``, ``ms`` or none."""
    low, high = int(numbers.min()), int(numbers.max())
    return next((unit for unit, size in (("s", 1), ("ms", 1000)) if 631e6 * size < low <= high < 4.1e9 * size), "")


def _mostly_times(cells: pd.Series[Any]) -> bool:
    """Whether a column is times, all but a few cells, which are to be told of."""
    found = times_of(cells.head(200))
    return found is not None and (found.dtype.kind != "M" or float(np.mean(~np.isnat(found))) > _MEANT)


def _mostly_numbers(cells: pd.Series[Any]) -> bool:
    import pandas as pd

    known = cells.dropna()
    return len(known) > 0 and float(pd.to_numeric(known, errors="coerce").notna().mean()) > _MEANT


def _whole_numbers(cells: pd.Series[Any]) -> NDArray[Any]:
    import pandas as pd

    numbers = pd.to_numeric(cells, errors="coerce")
    return np.asarray(numbers == numbers.round())


def _is_empty(cell: Any) -> bool:
    return cell is None or cell != cell or cell == ""


def _has_digits(cells: pd.Series[Any]) -> bool:
    return bool(cells.head(200).str.contains(r"\d", regex=True).all())
