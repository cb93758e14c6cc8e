from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from elman.baselines.window import WindowNetwork
from elman.errors import DataError, SettingsError
from elman.metrics import perplexity
from tolerances import FLOAT32_RECURRENCE, SAMPLING


def small(vocabulary: int = 4, context: int = 3) -> WindowNetwork:
    return WindowNetwork(vocabulary, context, embedding_size=8, hidden_size=16)


def test_learns_what_lies_in_the_window_and_nothing_beyond() -> None:
    # The last symbol of each group repeats its first, three steps back: seen by a window of 3, not by one of 2.
    first = np.random.default_rng(0).integers(0, 2, 600)
    text = [np.stack([first, np.full(600, 2), np.full(600, 3), first], axis=1).reshape(-1)]
    perplexities = [perplexity(*small(context=k).fit(text, steps=250).nats(text)) for k in (3, 2)]
    assert perplexities[0] == pytest.approx(2 ** (1 / 4), rel=SAMPLING)
    assert perplexities[1] == pytest.approx(2 ** (2 / 4), rel=SAMPLING)


def test_the_seed_decides() -> None:
    text = [np.random.default_rng(0).integers(0, 4, 200)]
    one, two, other = (small().fit(text, steps=5, seed=seed).nats(text)[0] for seed in (1, 1, 2))
    assert one == two != other


def test_every_symbol_but_the_first_is_scored_from_its_own_document() -> None:
    network = small()
    documents = [np.array([1, 2, 3, 0, 1]), np.array([2]), np.array([3, 3])]
    together, count = network.nats(documents)
    assert count == 5
    assert together == pytest.approx(sum(network.nats([document])[0] for document in documents), rel=FLOAT32_RECURRENCE)


def test_a_window_by_hand() -> None:
    network = small(context=3)
    total, _ = network.nats([np.array([1, 2, 0])])
    windows = torch.tensor([[1, 4, 4], [2, 1, 4]])  # newest first; 4 stands before the start
    surprise = -torch.log_softmax(network(windows).detach(), dim=1)[[0, 1], [2, 0]].sum()
    assert total == pytest.approx(float(surprise), rel=FLOAT32_RECURRENCE)


def test_time_ends_the_training() -> None:
    text = [np.arange(4)]
    assert math.isfinite(small().fit(text, seconds=0.01, steps=10**9).nats(text)[0])


def test_impossible_requests() -> None:
    with pytest.raises(SettingsError, match="seconds or steps"):
        small().fit([np.arange(4)])
    with pytest.raises(DataError, match="found no symbol"):
        small().fit([], steps=1)
