"""The report of an inspection: one page, its pictures, and its numbers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from elman.diagnostics import words
from elman.diagnostics.capacity import Capacity
from elman.diagnostics.context import Context
from elman.diagnostics.gradient_flow import GradientFlow
from elman.diagnostics.half_life import HalfLife
from elman.diagnostics.inspection import DIAGNOSES, Inspection, Result, Results
from elman.diagnostics.lyapunov import Lyapunov
from elman.diagnostics.memory import Memory
from elman.diagnostics.saturation import Saturation
from elman.diagnostics.units import Units
from elman.errors import SaveError
from elman.plots import Block, Page, Picture, Points, Section, Table, Text, png, svg

#: Names of what is written into a report's folder.
PAGE, PICTURES, NUMBERS = "index.html", "pictures", "numbers.json"


def write_report(inspection: Inspection, folder: Path, *, about: str = "") -> Path:
    """Write the page, ``pictures/NAME.png`` and ``.svg``, and the numbers as JSON into ``folder``; return the page.

    The page is one file that needs neither the others nor a network. What stands in the folder under these names is
    written over. ``about`` says which model and which data it is about. Raises `SaveError`.
    """
    files: dict[str, bytes] = {}
    for name, result in inspection.results.items():
        figure = result.plot()
        files |= {f"{PICTURES}/{name}.png": png(figure), f"{PICTURES}/{name}.svg": svg(figure)}
    numbers = json.dumps({"about": about, **inspection.to_dict()}, ensure_ascii=False, allow_nan=False)
    files[NUMBERS] = numbers.encode()
    files[PAGE] = _page(inspection, files, about).html().encode()
    for name, content in files.items():
        _write(folder / name, content)
    return folder / PAGE


def _write(path: Path, content: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    except OSError as error:
        raise SaveError(f"{path}: the report cannot be written ({error.strerror}).") from error


def _page(inspection: Inspection, files: dict[str, bytes], about: str) -> Page:
    chapters: dict[str, list[Block]] = {"What stands out": _findings(inspection)}
    glance = at_a_glance(inspection.results)
    if glance:
        chapters["At a glance"] = [Table(["Measure", "Found"], glance)]
    for name, result in inspection.results.items():
        chapter, reading, _, speaks = DIAGNOSES[name]
        # The smaller one: dots and letters by the thousand make a large SVG.
        picture = min((files[f"{PICTURES}/{name}.{kind}"] for kind in ("svg", "png")), key=len)
        said = [_said(result, inspection.title)] if speaks else []
        chapters.setdefault(chapter, []).extend([*said, Picture(picture, reading, reading)])
    if inspection.left_out:
        chapters["What was left out"] = [Points([(_heading(n), why) for n, why in inspection.left_out.items()])]
    return Page(
        f"What {inspection.title} remembers",
        [Section(title, blocks) for title, blocks in chapters.items()],
        _sentence(about),
    )


def _said(result: Result, title: str) -> Block:
    """What a result says, without the title that the page has; of many properties a table."""
    if isinstance(result, Units):
        rows = []
        for row, name in enumerate(result.properties):
            unit = result.best(name)[0]
            place = result.units.index(unit)
            correlation, p = float(result.correlations[row, place]), float(result.p[row, place])
            chance = f"< {1 / result.shifts:g}" if p <= 1 / result.shifts else f"{p:.2g}"
            rows.append((name, len(result.followers(name)), unit, f"{correlation:+.2f}", chance))
        return Table(("Property", "Units beyond chance", "Closest unit", "Correlation", "p"), rows)
    return Text(_sentence(str(result).removeprefix(f"{title}: ")))


def _sentence(text: str) -> str:
    """The text with a capital letter at its start, unless that is the name of a unit.

    >>> _sentence("half is gone"), _sentence("cell_l0[3] is high")
    ('Half is gone', 'cell_l0[3] is high')
    """
    return text[:1].upper() + text[1:] if text.partition(" ")[0].isalpha() else text


def _findings(inspection: Inspection) -> list[Block]:
    if not inspection.findings:
        return [Text("Nothing: all numbers are within the bounds of the rules.")]
    return [Points([(found.text, found.advice) for found in inspection.findings])]


def _heading(name: str) -> str:
    return name.replace("_", " ").capitalize()


def at_a_glance(results: Results) -> list[tuple[str, str]]:
    """The few numbers of a model that one asks for first, each with its name."""
    return [line for name, result in results.items() if DIAGNOSES[name].speaks for line in _glance(result)]


def _glance(result: Result) -> Iterator[tuple[str, str]]:
    match result:
        case Memory():
            yield "95% of what moves the state lies in", f"the last {result.span(0.95)} inputs"
        case HalfLife():
            yield "Half of a nudge to the state is gone after", words.steps(result.whole)
        case Context():
            yield "Usable memory", str(result.usable["cut"])
        case Capacity():
            yield "Memory capacity", f"{result.total:.1f} inputs"
        case GradientFlow():
            yield "Reach of gradients", result.shown_reach
        case Saturation():
            yield "Values at their bounds: gates, units", f"{result.gates:.0%}, {result.units:.0%}"
        case Lyapunov():
            yield "Largest Lyapunov exponent", f"{float(result.exponents[0]):+.3f} per step"
