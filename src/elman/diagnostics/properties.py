"""What can be said of every step of a text or a series, for units to be compared with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from elman.codecs.incremental import LINE_END
from elman.nn.subject import Subject

VOWELS = frozenset("aeiouyAEIOUY")

#: Features of a series that have a level of their own: more are no series that somebody looks at.
MOST_FEATURES = 4


#: How labels show white space.
_BLANKS = " ␣↵"


def is_series(subject: Subject) -> bool:
    """Whether the inputs are called by numbers or times, as in a series, and not by symbols, as in a text."""
    return all(_is_number(label) for labels in subject.labels for label in labels)


def properties(subject: Subject) -> dict[str, Tensor]:
    """All properties that change over the subject's steps, (batch, time) or (batch, time, columns) each, float64."""
    if is_series(subject):
        found = series_properties(subject.inputs.detach().cpu().double())
    else:
        found = text_properties(subject.labels)
    return {name: values for name, values in found.items() if float(values.amax() - values.amin()) > 0}


def text_properties(labels: Sequence[Sequence[str]]) -> dict[str, Tensor]:
    r"""Properties of rows of symbols, as they are after each symbol was read; every row begins a line.

    Positions count from 0 after a line end or white space. Straight quotes open and close in turn, the others as they
    stand; brackets are of any kind.

    >>> found = text_properties([["a", "(", "B", ")", "\\n", "c"]])
    >>> found["position in line"].tolist(), found["steps inside brackets"].tolist()
    ([[1.0, 2.0, 3.0, 4.0, 0.0, 1.0]], [[0.0, 1.0, 2.0, 0.0, 0.0, 0.0]])
    """
    by_symbol: dict[str, Callable[[str], bool]] = {
        "vowel": VOWELS.__contains__,
        "upper case": lambda symbol: symbol.lstrip("␣")[:1].isupper(),
        "digit": str.isdigit,
    }
    by_row: dict[str, Callable[[Sequence[str]], list[int]]] = {
        "position in line": lambda row: _since(row, _ends_line),
        "position in word": lambda row: _since(row, lambda symbol: symbol[-1:] == "␣" or _ends_line(symbol)),
        "inside quotes": _inside_quotes,
        "inside brackets": lambda row: [int(depth > 0) for depth in _depths(row)],
        "bracket depth": _depths,
        "steps inside brackets": _inside_brackets,
    }
    rows = {name: [measure(row) for row in labels] for name, measure in by_row.items()}
    symbols = {name: [[int(is_so(symbol)) for symbol in row] for row in labels] for name, is_so in by_symbol.items()}
    if max(map(max, rows["bracket depth"])) < 2:
        del rows["bracket depth"]  # It says no more than whether one is inside.
    if not any(_ends_line(symbol) for row in labels for symbol in row):
        del rows["position in line"]
    if not any(symbol == "␣" for row in labels for symbol in row):
        del rows["position in word"]
    return {name: torch.tensor(values, dtype=torch.float64) for name, values in (rows | symbols).items()}


def series_properties(values: Tensor) -> dict[str, Tensor]:
    """Level and change of each feature of ``values`` (batch, time, features), and the phase of the first one.

    The phase is that of the strongest oscillation; its property has two columns, cosine and sine.
    """
    found = {}
    features = values.unbind(-1)[:MOST_FEATURES]
    for number, feature in enumerate(features):
        of = "" if len(features) == 1 else f" of feature {number}"
        found[f"level{of}"] = feature
        found[f"change{of}"] = feature.diff(dim=1, prepend=feature[:, :1])
    if values.shape[1] >= 8:
        found["phase"] = phase(features[0])
    return found


def phase(series: Tensor) -> Tensor:
    """Cosine and sine of the phase of the strongest oscillation in series (batch, time): (batch, time, 2).

    The phase is the angle of the analytic signal (Gabor 1946) of the frequencies near the strongest one.

    >>> turns = torch.arange(40, dtype=torch.float64) / 8
    >>> found = phase(torch.cos(2 * torch.pi * turns)[None])[0]
    >>> torch.allclose(found[:, 1], torch.sin(2 * torch.pi * turns))
    True
    """
    spectrum = torch.fft.fft(series - series.mean(1, keepdim=True), dim=1)
    time = series.shape[1]
    strongest = int(spectrum[:, 1 : time // 2].abs().square().sum(0).argmax()) + 1
    frequency = torch.arange(time)
    near = (frequency >= strongest / 1.5) & (frequency <= min(1.5 * strongest, time / 2))
    angle = torch.fft.ifft(torch.where(near, spectrum, 0), dim=1).angle()
    return torch.stack([angle.cos(), angle.sin()], -1)


def _is_number(label: str) -> bool:
    """Whether a label is a number, or a time such as 2015-01-01.

    >>> _is_number("1.5"), _is_number("2015-01-01T06:00"), _is_number("a")
    (True, True, False)
    """
    for kind in (float, np.datetime64):
        try:
            kind(label)
        except ValueError:
            continue
        return True
    return False


def _ends_line(symbol: str) -> bool:
    return symbol == LINE_END or symbol.endswith(r"\n")


def _since(row: Sequence[str], is_start: Callable[[str], bool]) -> list[int]:
    counts, count = [], 0
    for symbol in row:
        count = 0 if is_start(symbol) else count + 1
        counts.append(count)
    return counts


def _depths(row: Sequence[str]) -> list[int]:
    depths, depth = [], 0
    for symbol in row:
        depth = max(0, depth + sum(symbol.count(c) for c in "([{") - sum(symbol.count(c) for c in ")]}"))
        depths.append(depth)
    return depths


def _inside_brackets(row: Sequence[str]) -> list[int]:
    counts = [0]
    for before, depth in pairwise([0, *_depths(row)]):
        counts.append((counts[-1] if before else 0) + 1 if depth else 0)
    return counts[1:]


def _inside_quotes(row: Sequence[str]) -> list[int]:
    states, inside = [], int(_begins_inside("".join(row)))
    for symbol in row:
        for character in symbol:
            if character == '"':
                inside = 1 - inside
            elif character in "“«„":
                inside = 1
            elif character in "”»":
                inside = 0
        states.append(inside)
    return states


def _begins_inside(text: str) -> bool:
    """Whether the first quotation mark closes what was open: it stands after a word, and no letter follows it."""
    place = text.find('"')
    return place > 0 and text[place - 1] not in _BLANKS and not text[place + 1 : place + 2].isalnum()
