from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import label_networks
import transducers
from elman.codecs.sequence import Steps
from elman.data import SequenceBatch
from elman.decoding import GreedyTransducer, TransducerBeam, transducer_loss
from elman.errors import BundleError
from elman.nn.transducer import TransducerNetwork
from elman.runtime.transducer import TransducerEngine
from tolerances import NUMPY_AGAINST_TORCH

SAID = [2, 0, 1]


@pytest.mark.parametrize("backend", ["compiled", "reference"])
@pytest.mark.parametrize("changes", transducers.SHAPES.values(), ids=transducers.SHAPES)
def test_it_says_what_the_torch_network_says(changes: dict[str, Any], backend: str) -> None:
    engine = transducers.engine(backend=backend, **changes)
    made = TransducerNetwork(engine.shape).eval()
    weights = transducers.tensors(engine.shape)
    made.load_state_dict({name: torch.from_numpy(value) for name, value in weights.items()})
    several = [label_networks.steps(engine.shape.encoder, length) for length in (9, 1, 12)]
    for steps, frames in zip(several, engine.frames(several), strict=True):
        batch = SequenceBatch(inputs=torch.from_numpy(steps.values)[None], targets=torch.tensor([SAID]))
        expected = made.log_probabilities(made(batch), batch)[0].detach().numpy()
        found = engine.lattice(frames, SAID)
        np.testing.assert_allclose(found, expected, **NUMPY_AGAINST_TORCH)
        loss = made.loss(made(batch), batch).item() * len(SAID)
        assert transducer_loss(found, SAID).nats == pytest.approx(loss, rel=NUMPY_AGAINST_TORCH["rtol"])


@pytest.mark.parametrize("backend", ["compiled", "reference"])
def test_hypotheses_side_by_side_are_those_alone(backend: str) -> None:
    engine = transducers.engine(backend=backend, hidden_sizes=(5, 4))
    steps = label_networks.steps(engine.shape.encoder, 1)
    ((frame,),) = engine.frames([steps])
    many = engine.read([engine.start()] * 3, np.array(SAID))
    together = engine.join(frame, many)
    for symbol, state, row in zip(SAID, many, together, strict=True):
        (alone,) = engine.read([engine.start()], np.array([symbol]))
        np.testing.assert_allclose(alone.features, state.features, **NUMPY_AGAINST_TORCH)
        np.testing.assert_allclose(engine.join(frame, [alone])[0], row, **NUMPY_AGAINST_TORCH)
        if backend == "compiled":
            np.testing.assert_array_equal(engine.join(frame, [alone])[0], row)


ENGINE = transducers.engine(encoder=label_networks.CONVOLVED, backend="compiled")


@given(
    seed=st.integers(0, 2**32),
    length=st.integers(0, 24),
    cuts=st.lists(st.integers(0, 24), max_size=5),
    beam=st.integers(1, 4),
)
@settings(max_examples=25, deadline=None, derandomize=True)
def test_finished_text_is_the_same_for_any_cuts(seed: int, length: int, cuts: list[int], beam: int) -> None:
    """From the first step through convolution, recurrence and search, greedy or with a beam: same text, same score."""
    values = np.random.default_rng(seed).normal(0, 3, (length, 4)).astype(np.float32)
    greedy, search = GreedyTransducer(ENGINE, most=3), TransducerBeam(ENGINE, beam=beam, most=3)
    frames = [np.zeros((0, 6), np.float32)] if not length else ENGINE.frames([Steps(values)])
    expected = greedy.push(frames[0])
    greedy.flush()
    search.push(frames[0])
    whole = search.flush(3)
    state, said = ENGINE.encoder.initial_state(), []
    for begin, end in pairwise(sorted({0, length, *(min(cut, length) for cut in cuts)})):
        new, state = ENGINE.encoder.read(Steps(values[begin:end]), state)
        assert new is not None
        said += greedy.push(new)
        agreed = search.agreed()
        search.push(new)
        assert search.agreed()[: len(agreed)] == agreed
    assert said == expected
    assert search.flush(3) == whole


def test_tensors_that_do_not_fit() -> None:
    of = transducers.shape()
    weights = transducers.tensors(of)
    with pytest.raises(BundleError, match=r"'joint\.output\.bias' has shape \(3,\)"):
        TransducerEngine(of, {**weights, "joint.output.bias": np.zeros(3, np.float32)})
    del weights["encoder.head.weight"]
    with pytest.raises(BundleError, match=r"'head\.weight' is missing"):
        TransducerEngine(of, weights)


def test_it_says_what_runs_it() -> None:
    assert transducers.engine(backend="reference").explain().startswith("reference: asked for by name")
