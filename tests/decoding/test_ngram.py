from __future__ import annotations

import math
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from elman.codecs import TextCodec
from elman.data import read_texts
from elman.decoding.ngram import KneserNey, NGram, _discounts
from elman.errors import DataError
from elman.metrics import perplexity
from scored_texts import score
from tolerances import PUBLISHED, ROUNDING

VOCABULARY = 4
documents = st.lists(st.lists(st.integers(0, VOCABULARY - 2), max_size=30), min_size=1, max_size=3).filter(any)
histories = st.lists(st.integers(0, VOCABULARY - 1), max_size=6)
orders = st.integers(1, 4)


def arrays(lists: list[list[int]]) -> list[np.ndarray]:
    return [np.array(values, dtype=np.int64) for values in lists]


class Plain:
    """The same equations with dictionaries, one n-gram at a time."""

    def __init__(self, texts: list[list[int]], order: int) -> None:
        self.order = order
        padded = [[VOCABULARY] * (order - 1) + text for text in texts]
        grams = [tuple(text[i - order + 1 : i + 1]) for text in padded for i in range(order - 1, len(text))]
        self.counts = {order: Counter(grams)}
        for k in range(order - 1, 0, -1):
            self.counts[k] = Counter(gram[1:] for gram in self.counts[k + 1])
        self.discounts = {k: _discounts(np.array([*counts.values()])) for k, counts in self.counts.items()}
        self.followers: dict[tuple[int, ...], dict[int, int]] = defaultdict(dict)
        for counts in self.counts.values():
            for gram, count in counts.items():
                self.followers[gram[:-1]][gram[-1]] = count

    def p(self, symbol: int, history: list[int], k: int) -> float:
        if k == 0:
            return 1 / VOCABULARY
        lower = self.p(symbol, history, k - 1)
        followers = self.followers.get(tuple(history[len(history) - k + 1 :]))
        if not followers:
            return lower
        discounts = {other: self.discounts[k][min(count, 3)] for other, count in followers.items()}
        own = followers.get(symbol, 0) - discounts.get(symbol, 0)
        return float((own + sum(discounts.values()) * lower) / sum(followers.values()))


@given(texts=documents, history=histories, order=orders)
def test_equals_the_equations_written_plainly(texts: list[list[int]], history: list[int], order: int) -> None:
    plain = Plain(texts, order)
    before = [VOCABULARY] * order + history
    expected = [plain.p(symbol, before, order) for symbol in range(VOCABULARY)]
    model = KneserNey(VOCABULARY, order).fit(arrays(texts))
    np.testing.assert_allclose(model.probabilities(history), expected, rtol=ROUNDING)


@given(texts=documents, history=histories, order=orders)
def test_is_a_distribution(texts: list[list[int]], history: list[int], order: int) -> None:
    p = KneserNey(VOCABULARY, order).fit(arrays(texts)).probabilities(history)
    assert p.min() > 0
    assert math.isclose(p.sum(), 1, rel_tol=ROUNDING)


@given(texts=documents, others=documents, order=orders)
def test_nats_add_up(texts: list[list[int]], others: list[list[int]], order: int) -> None:
    model = KneserNey(VOCABULARY, order).fit(arrays(texts))
    surprises = []
    for other in others:
        for place in range(1, len(other)):
            surprises.append(-math.log(model.probabilities(other[:place])[other[place]]))
    total, count = model.nats(arrays(others))
    assert count == len(surprises)
    assert total == pytest.approx(sum(surprises), rel=ROUNDING)


def test_discounts_by_hand() -> None:
    # Ten n-grams seen once, five twice, three 3 times, two 4 times: Y = 10 / 20.
    counts = np.repeat([1, 2, 3, 4, 9], [10, 5, 3, 2, 7])
    expected = [0, 1 - 2 * 0.5 * 5 / 10, 2 - 3 * 0.5 * 3 / 5, 3 - 4 * 0.5 * 2 / 3]
    np.testing.assert_allclose(_discounts(counts), expected, rtol=ROUNDING)
    np.testing.assert_array_equal(_discounts(np.array([1, 1, 2])), [0, 0.5, 1, 1.5])


def test_longer_histories_help_on_text_that_needs_them() -> None:
    text = [np.tile([0, 0, 1, 0, 1, 1], 200)]
    perplexities = []
    for order in (1, 2, 3, 4):
        total, count = KneserNey(2, order).fit(text).nats(text)
        perplexities.append(math.exp(total / count))
    assert perplexities == sorted(perplexities, reverse=True)
    assert perplexities[0] > 1.9
    assert perplexities[-1] < 1.1


def test_empty_text() -> None:
    for empty in ([], [np.zeros(0)]):
        with pytest.raises(DataError, match="empty text"):
            KneserNey(3).fit(empty)


@pytest.mark.data
def test_penn_treebank_as_published(data_folder: Path) -> None:
    """Mikolov et al. 2011 (Empirical evaluation and combination, table 1) give 141.2 for the Kneser-Ney 5-gram."""
    train, test = read_texts([data_folder / "ptb" / f"ptb.{part}.txt.gz" for part in ("train", "test")])
    codec = TextCodec.fit("words", [train], 10_000)
    total, count = KneserNey(len(codec)).fit([codec.encode(train)]).nats([codec.encode(test)])
    assert perplexity(total, count) == pytest.approx(141.2, rel=PUBLISHED)


@given(texts=documents, text=st.lists(st.integers(0, VOCABULARY - 2), max_size=8), order=orders)
def test_a_scorer_gives_what_the_model_gives_a_text_with_its_end(
    texts: list[list[int]], text: list[int], order: int
) -> None:
    scorer = NGram(texts, VOCABULARY - 1, order)
    end = VOCABULARY - 1
    model = KneserNey(VOCABULARY, order).fit(arrays([[*each, end] for each in texts]))
    whole = [*text, end]
    expected = sum(math.log(model.probabilities(whole[:place])[symbol]) for place, symbol in enumerate(whole))
    assert score(scorer, text) == pytest.approx(expected, rel=ROUNDING)


def test_contexts_that_a_scorer_forgets_are_scored_again(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [[0, 1, 2, 0, 1], [2, 2, 1]]
    kept, forgetful = NGram(texts, 3, 3), NGram(texts, 3, 3)
    expected = [score(kept, text) for text in texts]
    monkeypatch.setattr("elman.decoding.ngram._KNOWN", 1)
    assert [score(forgetful, text) for text in texts] == expected


def test_a_text_that_was_learnt_scores_better() -> None:
    scorer = NGram([[0, 1, 0, 1, 2]] * 5, 3, 4)
    assert score(scorer, [0, 1, 0, 1, 2]) > score(scorer, [0, 2, 0, 2, 1]) + 5
