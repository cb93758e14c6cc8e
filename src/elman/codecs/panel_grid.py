"""Rows in any order as series on one clock: gaps filled with nothing, rows of one step averaged, seasons found."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, final

import numpy as np

from elman.codecs.calendar import Frequency
from elman.codecs.panel import Floats, Panel, Whole
from elman.errors import DataError

#: A share of duplicates beyond which they are no accident, and how much longer than the rows a clock may run.
_DUPLICATES, _STRETCH = 0.1, 20
#: Where nothing says the season, lags whose autocorrelation of changes is at least this, and so many of its standard
#: deviations for noise, are one.
_CLEAR_SEASON, _CLEAR_DEVIATIONS = 0.3, 3.0


@final
@dataclass(frozen=True)
class Origin:
    """Where rows come from.

    Attributes:
        name: Of the table.
        place: Where a row stands, for messages.
        rows: How many there are.
        notes: Sentences on what was found, to which are added.
    """

    name: str
    place: Callable[[int], str]
    rows: int
    notes: list[str] = field(default_factory=list)


def said(when: Any) -> str:
    """A time, of a midnight its day, or the number of a step, for a sentence.

    >>> said(np.datetime64("2024-01-31T00:00")), said(np.datetime64("2024-01-31T18:00"))
    ('2024-01-31', '2024-01-31 18:00:00')
    """
    if not isinstance(when, np.datetime64):
        return f"step {when}"
    return str(when.astype("M8[s]")).replace("T", " ").removesuffix(" 00:00:00")


def gridded(
    ids: Sequence[str],
    clock: Frequency,
    codes: Whole,
    steps: Whole,
    target: Floats,
    past: Floats,
    future: Floats,
    static: Floats,
    origin: Origin,
    averaging: bool = False,
) -> Panel:
    """Rows in any order as one row for each step of each series; rows of the same step become their mean.

    Raises `DataError` where many rows are of the same step, unless ``averaging`` says that they may.
    """
    measured = ~np.isnan(target)
    big = np.iinfo(np.int64)
    first, last, end = (np.full(len(ids), fill) for fill in (big.max, big.min, big.min))
    np.minimum.at(first, codes[measured], steps[measured])
    np.maximum.at(last, codes[measured], steps[measured])
    np.maximum.at(end, codes, steps)
    kept = np.flatnonzero(last >= first)
    if not len(kept):
        raise DataError(f"{origin.name}: no step of a series was measured.")
    if len(kept) < len(ids):
        gone = [ids[number] for number in range(len(ids)) if last[number] < first[number]]
        origin.notes.append(f"{len(gone)} series without any number are left out: {', '.join(gone[:5])}.")
    end = end if future.shape[1] else last
    lengths = np.where(last >= first, end - first + 1, 0)
    if lengths.sum() > _STRETCH * len(codes):
        worst = int((lengths / np.maximum(np.bincount(codes, minlength=len(ids)), 1)).argmax())
        times = clock.times(np.array([first[worst], end[worst]]))
        raise DataError(
            f"{origin.name}: series '{ids[worst]}' would have {int(lengths[worst]):,} steps of {clock.step_name} from"
            f" {said(times[0])} to {said(times[1])}, nearly all of them empty. Correct its times, or say --frequency."
        )
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    inside = (last >= first)[codes] & (steps >= first[codes]) & (steps <= end[codes])
    at = (offsets[codes] + steps - first[codes])[inside]
    counts = np.bincount(at, minlength=int(offsets[-1]))
    twice = int((counts > 1).sum())
    if twice:
        more = len(at) - int((counts > 0).sum())
        _told_of_duplicates(origin, twice, codes, steps, averaging or more <= _DUPLICATES * len(codes))
    rows = int(offsets[-1])
    table = np.concatenate([target[:, None], past, future], axis=1)[inside]
    grid = _scattered(table, at, rows, twice > 0)
    place = np.arange(rows) - np.repeat(offsets[:-1], lengths)
    grid[place >= np.repeat(last - first + 1, lengths), 1 : 1 + past.shape[1]] = np.nan
    same = _constant(static, codes, len(ids), origin)
    return Panel(
        tuple(ids[int(number)] for number in kept), clock, np.concatenate([[0], np.cumsum(lengths[kept])]), first[kept],
        (last - first + 1)[kept], grid[:, 0].copy(), grid[:, 1 : 1 + past.shape[1]].copy(),
        grid[:, 1 + past.shape[1] :].copy(), same[kept],
    )  # fmt: skip


def _told_of_duplicates(origin: Origin, twice: int, codes: Whole, steps: Whole, expected: bool) -> None:
    """A note on ``twice`` steps with several rows; `DataError` where they are not ``expected``."""
    order = np.lexsort((steps, codes))
    same = (np.diff(codes[order]) == 0) & (np.diff(steps[order]) == 0)
    row = int(order[1:][same].min()) % origin.rows
    if not expected:
        raise DataError(
            f"{origin.place(row)}: has the time of an earlier row of its series, as {twice:,} steps do. Say with"
            " --id-column which rows are one series, or with --frequency how long a step is."
        )
    origin.notes.append(f"{twice:,} steps have several rows, such as {origin.place(row)}; their mean is taken.")


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


def _constant(static: Floats, codes: Whole, count: int, origin: Origin) -> Floats:
    """What is the same in all rows of each of ``count`` series where known. Raises `DataError` where it is not."""
    found = np.full((count, static.shape[1]), np.nan)
    for column, values in enumerate(static.T):
        known = np.flatnonzero(~np.isnan(values))[::-1]  # the first of each series is written last
        found[codes[known], column] = values[known]
    different = np.flatnonzero(((static != found[codes]) & ~np.isnan(static)).any(1))
    if len(different):
        row = int(different[0])
        raise DataError(
            f"{origin.place(row % origin.rows)}: a --static column is not what it was in an earlier row of the same"
            " series. Name it with --past or --future."
        )
    return found


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


def same_numbers(panel: Panel) -> list[tuple[str, str]]:
    """Series that are copies of an earlier one, each with that one: the same numbers at the same steps.

    >>> same_numbers(Panel.of({"a": [1, 2, 3], "b": [1, 2, 4], "c": [1, 2, 3]}))
    [('c', 'a')]
    """
    seen: dict[tuple[int, bytes], str] = {}
    copies = []
    for number, name in enumerate(panel.ids):
        first = seen.setdefault((int(panel.first[number]), panel.series(number).tobytes()), name)
        if first != name:
            copies.append((name, first))
    return copies


def about_copies(panel: Panel) -> list[str]:
    """A sentence where series are the same numbers."""
    copies = same_numbers(panel)
    if not copies:
        return []
    one, other = copies[0]
    return [f"{len(copies):,} of {len(panel):,} series have the very numbers of another, such as '{one}' of '{other}'."]


def about_gaps(panel: Panel) -> list[str]:
    """A sentence on how many steps were not measured, and on the longest gap."""
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
        f"{int(missing.sum()):,} steps ({missing.sum() / inside.sum():.1%}) were not measured; of {len(lengths):,}"
        f" gaps the longest{of} has {int(lengths[longest]):,}, from {said(when)}."
    ]
