"""Options of what a table of time series holds: shared by forecasts, anomalies and the filling of gaps."""

from __future__ import annotations

from dataclasses import dataclass

from elman.settings.machinery import AUTO, Auto, option


@dataclass(frozen=True, kw_only=True)
class PanelSettings:
    """Which columns of a table are series and what goes with them; all that is not said is found by looking."""

    target: tuple[str, ...] = option(
        (), "Column of a series; may be repeated. Without it y, or all columns of numbers that are nothing else."
    )
    id_column: str | None = option(
        None, "Long tables: column that says which series a row belongs to, as unique_id; several are joined by +."
    )
    time_column: str | None = option(
        None, "Column of the time of a row, as ds; columns of its parts are joined by +, as year+month+day."
    )
    past: tuple[str, ...] = option((), "Column that is known only up to the present; may be repeated.")
    future: tuple[str, ...] = option(
        (), "Column that is known in advance too, such as a plan or a holiday; may be repeated."
    )
    static: tuple[str, ...] = option(
        (), "Long tables: column that is the same in all rows of a series; may be repeated."
    )
    frequency: str = option(AUTO, "Step of time: h, 15min, D, B, W, MS, ... as in pandas, 1 for rows; auto infers it.")
    season: int | Auto = option(
        AUTO, "Steps after which a pattern comes again; auto goes by the frequency, or by what repeats.", at_least=1
    )
    encoding: str = option(AUTO, "Encoding of text files; auto takes UTF-8, or cp1252 for what is not UTF-8.")
