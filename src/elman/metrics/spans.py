"""Tags that mark spans of steps (slots, entities): which spans were found."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from elman.errors import DataError
from elman.metrics.labels import Counts


class Span(NamedTuple):
    """Steps ``first`` to ``after`` - 1 that belong together, and what they are."""

    first: int
    after: int
    kind: str


def are_spans(tags: Iterable[str]) -> bool:
    """Whether a set of tags marks spans: ``O``, ``B-kind`` and ``I-kind``, maybe also ``E-kind`` and ``S-kind``.

    >>> are_spans(["O", "B-city", "I-city"]), are_spans(["NOUN", "VERB"])
    (True, False)
    """
    given = set(tags)
    marks = given - {"O"}
    return bool(marks) and all(tag[:2] in ("B-", "I-", "E-", "S-") for tag in marks)


def find_spans(tags: Sequence[str]) -> list[Span]:
    """The spans that tags mark, as the CoNLL-2000 scorer reads them.

    A span begins at ``B-`` and ``S-``, and at ``I-`` or ``E-`` where no span of that kind goes on; it ends before the
    next one, before ``O``, and after ``E-`` and ``S-``.

    >>> find_spans(["B-city", "I-city", "O", "I-day", "B-day"])
    [Span(first=0, after=2, kind='city'), Span(first=3, after=4, kind='day'), Span(first=4, after=5, kind='day')]
    """
    found: list[Span] = []
    first, kind, is_open = 0, "", False
    for step, tag in enumerate([*tags, "O"]):
        mark, _, name = tag.partition("-")
        goes_on = is_open and mark in ("I", "E") and name == kind
        if is_open and not goes_on:
            found.append(Span(first, step, kind))
        if mark != "O" and not goes_on:
            first, kind = step, name
        is_open = mark in ("B", "I")
        if mark in ("E", "S"):
            found.append(Span(first, step + 1, kind))
    return found


def span_counts(truth: Sequence[Sequence[str]], given: Sequence[Sequence[str]]) -> tuple[list[str], Counts]:
    """The kinds of spans, and for each sequence how many of each were found, invented and missed, (n, kinds).

    A span counts as found where its ends and its kind are right (Tjong Kim Sang & Buchholz 2000, "Introduction to the
    CoNLL-2000 shared task: chunking"). Raises `DataError` where a sequence has not as many tags as its truth.
    """
    pairs = []
    for number, (true, tags) in enumerate(zip(truth, given, strict=True)):
        if len(true) != len(tags):
            raise DataError(f"Sequence {number + 1} has {len(true)} true tags but {len(tags)} were given.")
        pairs.append((set(find_spans(true)), set(find_spans(tags))))
    kinds = sorted({span.kind for pair in pairs for found in pair for span in found})
    column = {kind: index for index, kind in enumerate(kinds)}
    sums = np.zeros((3, len(pairs), len(kinds)))
    for row, (true_spans, given_spans) in enumerate(pairs):
        parts = (true_spans & given_spans, given_spans - true_spans, true_spans - given_spans)
        for part, found in enumerate(parts):
            for span in found:
                sums[part, row, column[span.kind]] += 1
    return kinds, Counts(*sums)
