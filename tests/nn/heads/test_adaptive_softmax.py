from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from elman.errors import SettingsError
from elman.nn import AdaptiveSoftmaxHead
from tolerances import FLOAT64_RECURRENCE


def test_log_probabilities_are_those_of_two_levels() -> None:
    head = AdaptiveSoftmaxHead(6, 7, [3, 5], shrink=2).double()
    features = torch.randn(2, 4, 6, dtype=torch.float64)
    found = head(features)
    assert found.shape == (2, 4, 7)
    torch.testing.assert_close(found.exp().sum(-1), torch.ones(2, 4, dtype=torch.float64))
    w = head.softmax
    top = (features @ w.head.weight.T + w.head.bias).log_softmax(-1)
    parts = [top[..., :3]]
    for cluster, (shrink, grow) in enumerate(w.tail):
        inside = (features @ shrink.weight.T @ grow.weight.T).log_softmax(-1)
        parts.append(top[..., 3 + cluster, None] + inside)
    torch.testing.assert_close(found, torch.cat(parts, -1), rtol=FLOAT64_RECURRENCE, atol=FLOAT64_RECURRENCE)


def test_the_loss_is_that_of_the_log_probabilities() -> None:
    head = AdaptiveSoftmaxHead(6, 7, [3, 5], shrink=2).double()
    features, targets = torch.randn(2, 4, 6, dtype=torch.float64), torch.tensor([[0, 6, 3, -1], [4, 2, -1, 5]])
    expected = functional.cross_entropy(head(features).flatten(0, 1), targets.flatten(), ignore_index=-1)
    torch.testing.assert_close(head.loss(features, targets), expected)


def test_without_any_target_the_loss_is_zero() -> None:
    head = AdaptiveSoftmaxHead(6, 7, [3], shrink=2)
    assert head.loss(torch.randn(1, 2, 6), torch.tensor([[-1, -1]])) == 0


@pytest.mark.parametrize("cutoffs", [[], [0, 3], [3, 3], [5, 3], [7]])
def test_cutoffs_that_do_not_rise(cutoffs: list[int]) -> None:
    with pytest.raises(SettingsError, match="cutoffs must rise from at least 1 to at most 6 for 7 symbols"):
        AdaptiveSoftmaxHead(64, 7, cutoffs)


def test_clusters_need_features() -> None:
    with pytest.raises(SettingsError, match=r"with shrink 4\.0 they need 16 features, found 8"):
        AdaptiveSoftmaxHead(8, 100, [10, 30])
