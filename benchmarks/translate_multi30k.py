"""Descriptions of pictures (Multi30k, task 1) between English, German and French.

English to German is learnt with no option but the path, the others in less time. The parts are those of the data:
29,000 pairs to train, 1,014 held out, the test of 2016. The model reads and writes plain cased text. It is scored
twice: in the tokens of sacremoses, lower-cased, as papers do; and as it stands.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.harness import Data, Figure
from benchmarks.pair_runs import Goal, Problem
from benchmarks.pair_runs import measure as measure_problems
from elman.data.examples import Examples
from elman.data.sources import read_examples
from elman.data.splits import Parts
from elman.metrics.texts import bleu, chrf
from elman.settings import DataSettings

#: Of the directions for which nothing is asked.
SHORT = "20m"


def parts(source: str, target: str, data: Path, run: int) -> Parts:
    """Parallel files from one language to another."""

    def read(part: str) -> Examples:
        files = [data / "multi30k" / f"{part}.{language}.gz" for language in (source, target)]
        return read_examples(files, DataSettings(), "text")

    return Parts(read("train"), read("val"), read("test_2016_flickr"))


def score(language: str, texts: Sequence[str], truth: Sequence[Sequence[str]]) -> Mapping[str, float]:
    """BLEU of lower-cased tokens; BLEU and chrF of the text as it stands, by sacrebleu."""
    cased = bleu(texts, truth)
    tokens = bleu(_tokens(language, texts), [_tokens(language, known) for known in truth], tokenizer="none")
    return {"tokens": tokens.value, "cased": cased.value, "chrf": chrf(texts, truth).value}


def _tokens(language: str, texts: Sequence[str]) -> list[str]:
    from sacremoses import MosesTokenizer

    tokenizer = MosesTokenizer(lang=language)
    return [tokenizer.tokenize(text, return_str=True, escape=False).lower() for text in texts]


def _problem(source: str, target: str, goal: float | None = None, papers: str | None = None, **options: Any) -> Problem:
    return Problem(
        f"Multi30k {source}-{target}",
        partial(parts, source, target),
        partial(score, target),
        (
            Goal("tokens", "BLEU, sacremoses, lower-cased, nrefs:1|tok:none|smooth:exp", "", "higher", goal, papers),
            Goal("cased", "BLEU, nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp", "", "higher"),
            Goal("chrf", "chrF, nrefs:1|case:mixed|eff:yes|nc:6|nw:0|space:no", "", "higher"),
        ),
        options=options,
        decoding=60.0,
    )


PROBLEMS = (
    _problem("en", "de", 36.0, "text-only attentive GRU 38.1 (Caglayan et al. 2017)"),
    _problem("de", "en", max_time=SHORT),
    _problem("en", "fr", max_time=SHORT),
)


def measure(data: Data) -> Sequence[Figure]:
    """Run what is missing, then tell all."""
    return measure_problems(PROBLEMS, data, "translate_multi30k")
