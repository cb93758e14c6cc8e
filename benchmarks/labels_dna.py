"""DNA is classified: splice junctions, promoters of E. coli left out one by one, promoters of Arabidopsis.

The settings are those that the package takes by itself, and they were found on the training part of the splice
junctions; `PROMOTERS` alone are given, for the few E. coli promoters: found on draws of as many splice junctions.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import elman
from benchmarks.harness import Data, Figure, commit
from benchmarks.kept_runs import KeptRuns
from benchmarks.label_runs import Problem, Run, figures
from benchmarks.label_runs import measure as measure_problems
from elman.data.arrays import from_arrays
from elman.data.examples import Examples
from elman.data.sources import read_examples
from elman.data.splits import Parts, split
from elman.settings import DataSettings

SPLICE_TRAIN = 2_000

#: For about a hundred sequences, by 105 splice junctions drawn from the first 2,000 and tested on others of them: with
#: so few more passes teach the recurrent part nothing, and what a tenth of them held out says gives the bag its share.
PROMOTERS: dict[str, Any] = {"epochs": 20}


def splice(data: Path, run: int) -> Parts:
    """Splice junctions, divided as in StatLog."""
    examples = read_examples(data / "dna_splice" / "splice_statlog.tsv", DataSettings(), "class")
    train, test = (examples.take(range(*rows)) for rows in ((0, SPLICE_TRAIN), (SPLICE_TRAIN, len(examples))))
    return split(train, DataSettings(), run, None, test)


def arabidopsis(data: Path, run: int) -> Parts:
    """TATA promoters and pieces of genes, divided at random: 70, 10 and 20 per cent."""
    folder = data / "dna_cnnprom_eukaryote"
    examples = read_examples(
        [folder / f"Arabidopsis_{name}.fa.gz" for name in ("tata", "non_prom")], DataSettings(), "class"
    )
    return split(examples, DataSettings(test_share=0.2), run)


def promoters(data: Path) -> Examples:
    """106 pieces of E. coli, half of them promoters."""
    lines = (data / "dna_uci_promoters" / "promoters.data").read_text(encoding="ascii").splitlines()
    rows = [line.split(",") for line in lines if line.strip()]
    return from_arrays(
        [row[2].strip().upper() for row in rows],
        ["promoter" if row[0] == "+" else "other" for row in rows],
        answer="class",
        kind="dna",
    )


LEFT_OUT = Problem(
    "E. coli promoters left out one by one", "classify", splice, range(5), "errors", 8.0, PROMOTERS,
    better="lower", unit="of 106", source="KBANN 4, back-propagation 8 (Towell et al. 1990)",
)  # fmt: skip

PROBLEMS = (
    Problem("splice junctions", "classify", splice, range(5), goal=95.9,
            source="radial basis functions 95.9, the best of StatLog"),
    Problem("Arabidopsis TATA promoters", "classify", arabidopsis, range(5), "matthews", 0.91, unit="correlation",
            source="CNNProm 0.91 (Umarov & Solovyev 2017)"),
)  # fmt: skip


@dataclass(frozen=True)
class LeftOut:
    """Whether a model that learnt from all other promoters was right about the one in this row."""

    seed: int
    row: int
    right: bool
    seconds: float


def leave_one_out(data: Data) -> list[Figure]:
    """The promoters: a run is one seed, and each of its 106 models is kept as a line by itself."""
    kept = KeptRuns("labels_promoters", LeftOut)
    done = {(each.seed, each.row) for each in kept.runs}
    examples = promoters(data.path("."))
    everything = range(len(examples))
    for seed, row in ((seed, row) for seed in LEFT_OUT.runs for row in everything):
        if (seed, row) in done:
            continue
        began = time.perf_counter()
        others, left = examples.take([each for each in everything if each != row]), examples.take([row])
        model = elman.Classifier(seed=seed, **PROMOTERS).fit_parts(split(others, DataSettings(), seed))
        said = str(model.predict(left)[0])
        kept.add(LeftOut(seed, row, said == left.targets[0], time.perf_counter() - began))  # type: ignore[index]
    runs = []
    for seed in LEFT_OUT.runs:
        mine = [each for each in kept.runs if each.seed == seed]
        if len(mine) == len(examples):
            errors = float(sum(not each.right for each in mine))
            seconds = max(each.seconds for each in mine)
            runs.append(Run(LEFT_OUT.name, seed, errors, None, None, None, seconds, seconds, 0, commit()))
    return figures(LEFT_OUT, runs)


def measure(data: Data) -> Sequence[Figure]:
    """Run what is missing, then tell all."""
    return [*measure_problems(PROBLEMS, data, "labels_dna"), *leave_one_out(data)]
