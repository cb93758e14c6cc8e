from __future__ import annotations

import numpy as np
import pytest
import torch

import label_networks
from elman.baselines.linear import LinearModel
from elman.runtime.answers import ClassAnswers
from elman.tasks.labelled_training import Encoded, _join, build, scores_and_loss


@pytest.mark.parametrize("known", [True, False])
def test_the_bag_is_put_beside_the_network_and_leaves_its_answers_alone(known: bool) -> None:
    of = label_networks.shape(bag=7)
    network = build(of, label_networks.tensors(of)).eval()
    rng = np.random.default_rng(0)
    steps = [label_networks.steps(of, length) for length in (3, 5, 4)]
    bags = rng.normal(size=(3, 7)).astype(np.float32)
    beside = LinearModel(rng.normal(size=(3, 7)).astype(np.float32), np.array([9.0, -5, 0], np.float32))
    targets = [np.array(label) for label in (0, 1, 2)]
    encoded = Encoded(label_networks.model()[1], steps, targets, np.zeros_like(bags))
    with torch.no_grad():
        for tensor in network.bag.parameters():  # type: ignore[union-attr]
            tensor.zero_()
    before = np.stack(scores_and_loss(network, encoded)[0])
    held_out = Encoded(encoded.examples, steps, targets, bags)
    _join(network, beside, ClassAnswers(("a", "b", "c")), held_out if known else None)
    together = np.stack(scores_and_loss(network, held_out)[0])
    with torch.no_grad():
        added = network.bag(torch.from_numpy(bags)).numpy()  # type: ignore[misc]
    alone = together - added
    share = float((alone * before).sum() / (before * before).sum())
    assert share >= 0
    np.testing.assert_allclose(alone, share * before, rtol=1e-3, atol=1e-4)
    assert share > 0 or known
