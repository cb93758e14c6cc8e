"""Metrics of texts that were written: BLEU and chrF by sacrebleu, error rates by jiwer.

Every sentence has one reference or several, each of which is right.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from elman.errors import DataError
from elman.metrics.intervals import bootstrap
from elman.metrics.transcripts import Unit, errors

Floats = NDArray[np.float64]


class TextScore(NamedTuple):
    """A figure of many sentences.

    Attributes:
        value: From 0 to 100 for BLEU and chrF; errors per symbol of the references, from 0 on, for error rates.
        interval: That holds the true value 95 times in 100.
        signature: How it was computed, in the form in which sacrebleu says it; empty for error rates.
    """

    value: float
    interval: tuple[float, float]
    signature: str = ""


def bleu(
    hypotheses: Sequence[str],
    references: Sequence[Sequence[str]],
    *,
    tokenizer: str = "13a",
    lowercase: bool = False,
) -> TextScore:
    r"""BLEU of a corpus, computed by sacrebleu.

    .. math::
        \text{BLEU} = 100 \, \min(1, e^{1 - r / h}) \left(\prod_{n=1}^4 p_n\right)^{1/4}

    where p_n is the share of the hypotheses' n-grams that a reference has, h the length of all hypotheses and r that of
    the references nearest in length.

    Args:
        hypotheses: What was written, (n,).
        references: What is right, (n,) of one text or several each.
        tokenizer: As sacrebleu knows it: ``13a``, ``intl``, ``zh``, ``char``, or ``none`` for text in tokens already.
        lowercase: Whether case does not count.

    Raises:
        DataError: There are not as many references as hypotheses, or none.

    Sources: Papineni et al., "BLEU", ACL 2002; Post, "A call for clarity in reporting BLEU scores", WMT 2018.

    >>> score = bleu(["a b c d e"], [["a b c d f"]], tokenizer="none")
    >>> round(score.value, 2), score.signature.split("|")[3]
    (66.87, 'tok:none')
    """
    from sacrebleu.metrics.bleu import BLEU

    columns = _columns(hypotheses, references)
    metric = BLEU(tokenize=tokenizer, lowercase=lowercase, force=True)
    score = metric.corpus_score(list(hypotheses), columns)
    of_sentence = BLEU(tokenize=tokenizer, lowercase=lowercase, force=True, effective_order=True)
    rows = []
    for hypothesis, known in zip(hypotheses, references, strict=True):
        found = of_sentence.sentence_score(hypothesis, list(known))
        rows.append([*found.counts, *found.totals, found.sys_len, found.ref_len])
    return TextScore(score.score, bootstrap(np.array(rows), _bleu_of_sums), str(metric.get_signature()))


def chrf(hypotheses: Sequence[str], references: Sequence[Sequence[str]]) -> TextScore:
    """chrF2 of a corpus, computed by sacrebleu: the F-score of n-grams of characters, recall counting twice.

    Arguments and errors as for `bleu`; the interval is not computed.

    Source: Popovic, "chrF: character n-gram F-score for automatic MT evaluation", WMT 2015.
    """
    from sacrebleu.metrics.chrf import CHRF

    metric = CHRF()
    score = metric.corpus_score(list(hypotheses), _columns(hypotheses, references)).score
    return TextScore(score, (score, score), str(metric.get_signature()))


def error_rate(hypotheses: Sequence[str], references: Sequence[Sequence[str]], unit: Unit = "words") -> TextScore:
    """Substituted, inserted and left-out symbols per symbol of the references; of several references the nearest.

    Arguments and errors as for `bleu`. The nearest reference is the one with the fewest errors, the longest of these.

    >>> error_rate(["T AH M EY T OW"], [["T AH M EY T OW", "T AH M AA T OW"]]).value
    0.0
    >>> round(error_rate(["K AE", "D AO G Z"], [["K AE T"], ["D AO G"]]).value, 3)
    0.333
    """
    _columns(hypotheses, references)
    rows = np.array([nearest_errors(*pair, unit) for pair in zip(hypotheses, references, strict=True)])
    wrong, symbols = rows.sum(0)
    return TextScore(float(wrong / symbols), bootstrap(rows, lambda sums: sums[:, 0] / sums[:, 1]))


def nearest_errors(hypothesis: str, references: Sequence[str], unit: Unit = "words") -> tuple[int, int]:
    """How many symbols are wrong against the nearest reference, and how many it has. Raises `DataError` on empty ones.

    >>> nearest_errors("K AA T", ["K AE T S", "K AE T"])
    (1, 3)
    """
    found = []
    for reference in references:
        counted = errors([reference], [hypothesis], unit)
        symbols = int(counted.lengths[0])
        if not symbols:
            raise DataError("expected references to score against, found an empty one.")
        found.append((int(counted.wrong[0]), -symbols))
    wrong, negative = min(found)
    return wrong, -negative


def exact(hypotheses: Sequence[str], references: Sequence[Sequence[str]]) -> NDArray[np.bool_]:
    """Which hypotheses are one of their references, (n,), white space at the ends aside.

    >>> exact(["a b", "c"], [["a b", "b a"], ["d"]]).tolist()
    [True, False]
    """
    _columns(hypotheses, references)
    pairs = zip(hypotheses, references, strict=True)
    return np.array([hypothesis.strip() in [each.strip() for each in known] for hypothesis, known in pairs])


def _columns(hypotheses: Sequence[str], references: Sequence[Sequence[str]]) -> list[list[Any]]:
    """References as sacrebleu takes them: a column for the first of all sentences, one for the second, and so on."""
    if len(hypotheses) != len(references) or not len(hypotheses) or not all(references):
        raise DataError(
            f"expected one sentence at least and a reference for each, found {len(hypotheses)} hypotheses and "
            f"{sum(map(bool, references))} with references."
        )
    longest = max(map(len, references))
    return [[known[place] if place < len(known) else None for known in references] for place in range(longest)]


def _bleu_of_sums(sums: Floats) -> Floats:
    """BLEU of sums over sentences, (resamples, 10): right n-grams, all n-grams, both lengths."""
    right, all_of, written, expected = sums[:, :4], sums[:, 4:8], sums[:, 8], sums[:, 9]
    with np.errstate(divide="ignore", invalid="ignore"):
        precision = np.log(right / all_of).mean(1)
        brevity = np.minimum(0.0, 1 - expected / written)
    return np.asarray(100 * np.exp(np.nan_to_num(precision + brevity, nan=-np.inf)))
