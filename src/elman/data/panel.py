"""Files of time series: tables, long or wide, as one `Panel`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from elman.codecs.calendar import Frequency
from elman.codecs.panel import Panel, PanelColumns
from elman.codecs.panel_frames import IDS, panel_of
from elman.data.sources.files import gather
from elman.data.sources.table import MISSING, Table, join, read_table
from elman.errors import DataError
from elman.settings.panel import PanelSettings

__all__ = ["Panel", "panel_of", "read_panel"]

#: The column of names where each file is a series.
_FILE = "unique_id"


def read_panel(
    paths: Path | str | Iterable[Path | str],
    settings: PanelSettings | None = None,
    *,
    known: Panel | tuple[PanelColumns, Frequency] | None = None,
) -> Panel:
    """The series in CSV, TSV, JSON and Parquet files, folders and archives of them; arguments as for `panel_of`.

    Several files are one long table where they have an id column; else each is a series of its own, named by its file.
    Raises `DataError`.
    """
    settings = settings or PanelSettings()
    files = gather(paths)
    tables: list[Table] = []
    for file in files:
        table = read_table(file, settings.encoding)
        if table is None:
            raise DataError(f"{file.name}: expected a table of series with a time in each row, found something else.")
        tables.append(table)
    table = join(tables, files.asked)
    columns = None if known is None else (known.columns if isinstance(known, Panel) else known[0])
    by_file = columns.id == _FILE if columns else len(tables) > 1 and not _named(table, settings)
    return panel_of(_frame(table, by_file, settings), settings, known=known, name=table.name, place=table.place)


def _named(table: Table, settings: PanelSettings) -> bool:
    """Whether a column says which series a row is of."""
    return settings.id_column is not None or any(_is_name(column, settings) for column in table.columns)


def _is_name(column: str, settings: PanelSettings) -> bool:
    return column in (settings.id_column or "").split("+") or column.strip().lower() in IDS


def _is_truth(cells: list[Any]) -> bool:
    """Whether every cell says whether something is so."""
    return all(isinstance(cell, (str, bool)) and str(cell).strip().lower() in ("true", "false") for cell in cells)


def _frame(table: Table, by_file: bool, settings: PanelSettings) -> Any:
    """A table as a data frame whose columns of numbers are numbers; with the name of the file of each row if wanted."""
    import pandas as pd

    columns: dict[str, Any] = {}
    for name, cells in table.columns.items():
        if _is_name(name, settings) and name not in (
            *settings.target,
            *settings.past,
            *settings.future,
            *settings.static,
        ):
            columns[name] = cells
        elif _is_truth(cells):
            columns[name] = np.array([str(cell).strip().lower() == "true" for cell in cells])
        elif table.is_numeric(name):
            columns[name] = table.numbers(name)
        else:
            columns[name] = [None if isinstance(cell, str) and cell.lower() in MISSING else cell for cell in cells]
    if by_file and _FILE not in columns:
        columns[_FILE] = [file.path.stem for file in table.files]
    return pd.DataFrame(columns)
