"""The words of a query are tagged with the slots they fill, and queries with all slot types that are in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from benchmarks.harness import Data, Figure
from benchmarks.label_runs import Problem
from benchmarks.label_runs import measure as measure_problems
from elman.data.examples import Examples
from elman.data.sources import read_examples
from elman.data.splits import Parts, split
from elman.settings import DataSettings


def slots(name: str, data: Path, run: int) -> Parts:
    """Queries with a tag for every word; the folder holds one for each part."""
    return split(read_examples(data / name, DataSettings(), "tags"), DataSettings(), run)


def slot_types(name: str, data: Path, run: int) -> Parts:
    """Queries with the set of slot types that are in them."""
    examples = read_examples(data / name, DataSettings(), "tags")
    return split(_types(examples), DataSettings(), run)


def _types(examples: Examples) -> Examples:
    targets = [frozenset(tag[2:] for tag in tags if tag != "O") for tags in examples.targets or ()]
    return replace(examples, targets=targets)


PROBLEMS = (
    Problem("ATIS slots", "tag", partial(slots, "atis"), (0, 1, 2), figure="span_f1", goal=95.0, options={"crf": True},
            source="Elman and Jordan RNN 95.06 (Mesnil et al. 2015)"),
    Problem("ATIS slot types", "classify", partial(slot_types, "atis"), (0, 1), figure="micro_f1", above_bag=True),
    Problem("SNIPS slots", "tag", partial(slots, "snips"), (0, 1), figure="span_f1", goal=90.0, options={"crf": True},
            source="slot-gated BiLSTM 88.8 (Goo et al. 2018)"),
)  # fmt: skip


def measure(data: Data) -> Sequence[Figure]:
    """Run what is missing, then tell all."""
    return measure_problems(PROBLEMS, data, "labels_tags")
