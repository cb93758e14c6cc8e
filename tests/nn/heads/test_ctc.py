from __future__ import annotations

import math
from itertools import groupby, product

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from elman.errors import DataError
from elman.nn import CTCHead
from tolerances import FLOAT64_RECURRENCE


def by_enumeration(log_probabilities: torch.Tensor, target: list[int], blank: int) -> float:
    """-log of the sum over all alignments (time, symbols + 1) that become the target."""
    total = 0.0
    for path in product(range(blank + 1), repeat=len(log_probabilities)):
        if [symbol for symbol, _ in groupby(path) if symbol != blank] == target:
            total += math.exp(sum(float(log_probabilities[t, symbol]) for t, symbol in enumerate(path)))
    return -math.log(total)


@given(data=st.data(), batch=st.integers(1, 3), time=st.integers(1, 5))
@settings(max_examples=20, deadline=None, derandomize=True)
def test_the_loss_is_the_sum_over_all_alignments(data: st.DataObject, batch: int, time: int) -> None:
    head, features = CTCHead(4, 2).double(), torch.randn(batch, time, 4, dtype=torch.float64)
    lengths = data.draw(st.lists(st.integers(1, time), min_size=batch, max_size=batch))
    fitting = [
        [t for n in range(3) for t in product(range(2), repeat=n) if n + (n == 2 and t[0] == t[1]) <= length]
        for length in lengths
    ]
    chosen = [list(data.draw(st.sampled_from(options))) for options in fitting]
    targets = torch.tensor([target + [-1] * (2 - len(target)) for target in chosen])
    counts = torch.tensor([len(target) for target in chosen])
    found = head.loss(features, targets, counts, torch.tensor(lengths))
    log_probabilities = head(features).detach()
    nats = [by_enumeration(log_probabilities[row, : lengths[row]], chosen[row], head.blank) for row in range(batch)]
    assert found.item() == pytest.approx(sum(nats) / max(1, int(counts.sum())), rel=FLOAT64_RECURRENCE)


def test_symbols_keep_their_numbers_and_the_blank_is_behind_them() -> None:
    head = CTCHead(3, 26)
    assert head.blank == 26
    probabilities = head(torch.randn(2, 5, 3)).exp()
    assert probabilities.shape == (2, 5, 27)
    torch.testing.assert_close(probabilities.sum(-1), torch.ones(2, 5))


def test_targets_that_cannot_be_aligned_are_told_by_row() -> None:
    """Equal neighbours need a blank between them: 3 symbols, 2 blanks, 4 steps."""
    head, features = CTCHead(3, 26), torch.randn(3, 6, 3)
    targets = torch.tensor([[1, 2, 3], [5, 5, 5], [4, 4, -1]])
    counts, lengths = torch.tensor([3, 3, 2]), torch.tensor([3, 4, 2])
    said = (
        r"2 of 3 rows are too short for their target, the first one row 1: 4 steps for 3 symbols and 2 blanks between "
        r"equal ones\. .* Rows: 1, 2\."
    )
    with pytest.raises(DataError, match=said):
        head.loss(features, targets, counts, lengths)
    assert head.loss(features, targets, counts, torch.tensor([3, 5, 3])).isfinite()


def test_many_short_rows_are_not_all_listed() -> None:
    with pytest.raises(DataError, match=r"Rows: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, \.\.\."):
        CTCHead(3, 4).loss(torch.zeros(12, 1, 3), torch.zeros(12, 2, dtype=torch.int64), torch.full((12,), 2))


@pytest.mark.parametrize("counts", [[-1, 2], [2, 4]])
def test_target_lengths_that_do_not_fit(counts: list[int]) -> None:
    with pytest.raises(DataError, match="target_lengths must be from 0 to 3"):
        CTCHead(3, 4).loss(torch.zeros(2, 8, 3), torch.zeros(2, 3, dtype=torch.int64), torch.tensor(counts))


def test_the_blank_is_no_target() -> None:
    with pytest.raises(DataError, match="targets must be numbers from 0 to 3, found 4 to 4"):
        CTCHead(3, 4).loss(torch.zeros(1, 8, 3), torch.tensor([[4]]), torch.tensor([1]))
