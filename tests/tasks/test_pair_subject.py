from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

import pair_networks
import tolerances
from elman.data.examples import Examples
from elman.diagnostics.inspection import inspect
from elman.errors import DataError
from elman.tasks.pair_subject import START, subject

SOURCES, TARGETS = ["abcab", "bca", "cabba"], ["yzzyx", "zxy", "xyzx"]
EXAMPLES = Examples("text", SOURCES, TARGETS, ["one", "two", "three"])


@pytest.mark.parametrize("name", pair_networks.DECODERS)
def test_at_every_step_it_says_what_the_model_says(name: str) -> None:
    made = pair_networks.model(name)
    of = subject(made, EXAMPLES, steps=4, batch=1, title="model")
    outputs, _, _ = of.run()
    (told,) = made.engine(backend="reference").told([made.read(SOURCES[0])], [made.learn(TARGETS[0])])
    expected = -told.log_probabilities[:4]
    np.testing.assert_allclose(of.loss_of(outputs)[0].detach(), expected, **tolerances.NUMPY_AGAINST_TORCH)
    assert of.labels[0] == [START, "y", "z", "z"]


def test_targets_are_cut_to_the_shortest_and_end() -> None:
    of = subject(pair_networks.model(), EXAMPLES, steps=10, batch=3, title="model")
    assert (of.batch, of.time) == (3, 4)
    assert [of.answers[symbol] for symbol in of.targets[2]] == ["z", "x", "y", "<end>"]
    assert of.title == "model, gru 6"


def test_one_of_several_targets_is_read() -> None:
    several = replace(EXAMPLES, targets=[("yz", "zz"), ("zxy",), ("xyzx",)])
    assert subject(pair_networks.model(), several, steps=9, batch=3, title="model").time == 3


def test_every_diagnosis_knows_it() -> None:
    torch.manual_seed(0)
    long = Examples("text", SOURCES, ["yzzyxzyxzzyxyxzzyxzzyxyx" * 2] * 3, ["one", "two", "three"])
    found = inspect(subject(pair_networks.model(), long, steps=40, batch=2, title="model"))
    # What was found in the source differs from place to place, so no input comes twice.
    assert set(found.left_out) <= {"same_input"}


def test_pairs_without_targets_are_refused() -> None:
    with pytest.raises(DataError, match="of which the target is known"):
        subject(pair_networks.model(), replace(EXAMPLES, targets=None), steps=4, batch=1, title="model")
    with pytest.raises(DataError, match="at least one symbol"):
        subject(pair_networks.model(), replace(EXAMPLES, targets=["", "", ""]), steps=4, batch=3, title="model")
