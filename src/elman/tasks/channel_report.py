"""What was found of a model of channels, in sentences and as rows of a table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

import numpy as np

from elman.plots import style
from elman.plots.page import Page, Picture, Section, Text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from elman.tasks.anomalies import AnomalyDetector
    from elman.tasks.impute import Imputer

#: Digits of a number that is written.
DIGITS = 6


@final
@dataclass(frozen=True)
class ChannelReport:
    """What was found, for programs (`figures`), the terminal (`lines`) and a folder (`write`).

    Attributes:
        figures: By part of the data: ``held_out`` after a training, ``data`` of other data.
        sentences: The same for a reader.
        title: One line above.
        picture: Drawn of the data; None where there is nothing to see.
    """

    figures: Mapping[str, Any]
    sentences: tuple[str, ...]
    title: str = "What was found of channels"
    picture: Figure | None = None

    def lines(self) -> list[str]:
        """What the terminal shows."""
        return list(self.sentences)

    def write(self, folder: str | Path) -> Path:
        """Write the sentences, and the picture where there is one; returns the page. Raises `SaveError`."""
        home = Path(folder)
        home.mkdir(parents=True, exist_ok=True)
        blocks: list[Any] = [Text("\n".join(self.sentences), verbatim=True)]
        if self.picture is not None:
            style.save(self.picture, home / "alarms")
            blocks.append(Picture.of(self.picture, "Channels with their alarms, and the score below."))
        return Page(self.title, [Section("What was found", blocks)]).write(home / "report.html")


def of_fillings(figures: Mapping[str, Any], part: str, where: str) -> ChannelReport:
    """What is said of how well gaps are filled."""
    rows = figures["channels"]
    if not rows:
        return ChannelReport({part: figures}, (f"No stretch of {where} is long enough to hide a part of it.",))
    width = max(len(name) for name in rows)
    lines = [f"{where}: stretches hidden and filled, mean absolute error beside a straight line over the gap"]
    lines += [
        f"  {name:<{width}}  {_short(each['mae'])}, the line {_short(each['linear'])}  ({_change(each['ratio'])})"
        for name, each in rows.items()
    ]
    lines.append(f"Errors are {_change(figures['ratio'])} those of the line, on average of the channels.")
    return ChannelReport({part: figures}, tuple(lines))


def of_usual(figures: Mapping[str, Any], false_alarms: float) -> ChannelReport:
    """What is said of held-out data, taken as normal."""
    steps, alarms = figures["steps"], figures["alarms"]
    few: tuple[str, ...] = ()
    if false_alarms * steps < 1:
        few = (f"So few steps cannot show so small a share: the limit follows from the tail of {steps:,} steps.",)
    return ChannelReport(
        {"held_out": figures},
        (
            f"Held-out data, taken as normal: an alarm at {alarms:,} of {steps:,} steps ({alarms / steps:.3%}; "
            f"asked for {false_alarms:.3%}), in {figures['stretches']:,} stretches.",
            *few,
        ),
    )


def of_alarms(figures: Mapping[str, Any], picture: Figure | None) -> ChannelReport:
    """What is said of how well alarms meet what is known."""
    lines = (
        f"{figures['anomalous']:,} of {figures['steps']:,} steps are anomalies.",
        f"Average precision {figures['average_precision']:.3f} (by chance "
        f"{figures['anomalous'] / max(1, figures['steps']):.3f}).",
        f"At the threshold: precision {figures['precision']:.3f}, recall {figures['recall']:.3f}, F1 "
        f"{figures['f1']:.3f}; an alarm at {figures['false_alarms']:.3%} of the normal steps.",
        f"F1 where one step of an anomaly finds it all (point-adjusted, kind): {figures['f1_point_adjusted']:.3f}.",
    )
    return ChannelReport({"data": figures}, lines, "Alarms", picture)


def alarm_rows(model: AnomalyDetector, data: Any, *, every_step: bool, live: bool) -> Iterator[dict[str, Any]]:
    """A row for each step, or for each stretch in alarm, the strangest first."""
    if every_step:
        for row in model.predict(data, live=live).to_dict("records"):
            yield {str(name): _plain(value) for name, value in row.items()}
        return
    for stretch in model.stretches(model.judge(data, live=live)):
        yield {name: _plain(value) for name, value in stretch._asdict().items()}


def filled_rows(model: Imputer, data: Any, *, every_step: bool) -> Iterator[dict[str, Any]]:
    """A row for each step with all channels, or for each value that was missing."""
    if every_step:
        for row in model.transform(data).to_dict("records"):
            yield {str(name): _plain(value) for name, value in row.items()}
        return
    for when, channel, value in model.gaps(data):
        yield {"time": _plain(when), "channel": channel, "value": _plain(value)}


def _plain(value: Any) -> Any:
    """A value for CSV and JSON."""
    if hasattr(value, "isoformat"):
        return value.isoformat(sep=" ")
    if isinstance(value, np.datetime64):
        return str(value.astype("M8[s]")).replace("T", " ")
    if isinstance(value, (float, np.floating)):
        return float(f"{value:.{DIGITS}g}") if np.isfinite(value) else None
    return value.item() if isinstance(value, np.generic) else value


def _short(value: float) -> str:
    return f"{value:.4g}"


def _change(ratio: float) -> str:
    """A ratio of errors in words.

    >>> _change(0.76), _change(1.0)
    ('24% under', 'as large as')
    """
    if abs(ratio - 1) < 0.005:
        return "as large as"
    return f"{abs(1 - ratio):.0%} {'under' if ratio < 1 else 'over'}"
