from __future__ import annotations

from itertools import pairwise, product

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from elman.errors import DataError
from elman.nn import CRFHead
from tolerances import FLOAT64_RECURRENCE


def example(labels: int) -> CRFHead:
    head = CRFHead(4, labels).double()
    for parameter in head.parameters():
        torch.nn.init.normal_(parameter)
    return head


def scores_of_all(head: CRFHead, features: torch.Tensor) -> dict[tuple[int, ...], float]:
    """The score of every sequence of labels for one row (time, features)."""
    w = {name: value.detach().numpy() for name, value in head.named_parameters()}
    at_steps = features.numpy() @ w["linear.weight"].T + w["linear.bias"]
    return {
        y: w["start"][y[0]]
        + sum(at_steps[t, label] for t, label in enumerate(y))
        + sum(w["transitions"][pair] for pair in pairwise(y))
        + w["end"][y[-1]]
        for y in product(range(len(w["start"])), repeat=len(features))
    }


@given(data=st.data(), batch=st.integers(1, 3), time=st.integers(1, 5), labels=st.integers(1, 3))
@settings(max_examples=25, deadline=None, derandomize=True)
def test_loss_and_labels_are_those_of_enumeration(data: st.DataObject, batch: int, time: int, labels: int) -> None:
    head, features = example(labels), torch.randn(batch, time, 4, dtype=torch.float64)
    lengths = data.draw(st.lists(st.integers(1, time), min_size=batch, max_size=batch))
    targets, nats = torch.randint(labels, (batch, time)), 0.0
    decoded = head.decode(features, torch.tensor(lengths))
    for row, length in enumerate(lengths):
        every = scores_of_all(head, features[row, :length])
        nats += np.logaddexp.reduce([*every.values()]) - every[tuple(targets[row, :length].tolist())]
        best = max(every, key=lambda y: every[y])
        assert decoded[row].tolist() == list(best)
    found = head.loss(features, targets, torch.tensor(lengths))
    assert found.item() == pytest.approx(nats / sum(lengths), rel=FLOAT64_RECURRENCE, abs=FLOAT64_RECURRENCE)


def test_a_fresh_head_is_a_softmax_at_every_step() -> None:
    head, features = CRFHead(4, 3), torch.randn(2, 5, 4)
    targets = torch.randint(3, (2, 5))
    expected = functional.cross_entropy(head(features).flatten(0, 1), targets.flatten())
    torch.testing.assert_close(head.loss(features, targets), expected)


def test_forbidden_transitions_have_no_probability() -> None:
    """Minus infinity takes sequences out; what is left sums to 1, and gradients are finite."""
    head, features = example(2), torch.randn(1, 3, 4, dtype=torch.float64)
    with torch.no_grad():
        head.transitions[1, 0] = -torch.inf
    allowed = [(0, 0, 0), (0, 0, 1), (0, 1, 1), (1, 1, 1)]
    losses = [head.loss(features, torch.tensor([labels])) for labels in allowed]
    assert sum(torch.exp(-3 * value).item() for value in losses) == pytest.approx(1, rel=FLOAT64_RECURRENCE)
    losses[0].backward()
    assert all(parameter.grad.isfinite().all() for parameter in head.parameters() if parameter.grad is not None)


def test_long_rows_do_not_overflow() -> None:
    head = CRFHead(4, 3)
    value = head.loss(1e3 * torch.randn(1, 500, 4), torch.zeros(1, 500, dtype=torch.int64))
    assert value.isfinite()


def test_decoding_looks_at_no_padding() -> None:
    head, features = example(3), torch.randn(2, 5, 4, dtype=torch.float64)
    features[1, 2:] = torch.nan
    assert [len(labels) for labels in head.decode(features, torch.tensor([5, 2]))] == [5, 2]
    with pytest.raises(DataError, match="lengths must be 2 whole numbers from 1 to 5"):
        head.decode(features, torch.tensor([0, 5]))
