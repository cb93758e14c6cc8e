from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.sparse
import torch
from torch import nn

import label_networks
import tolerances
from elman import cells
from elman.codecs.sequence import Steps
from elman.data import scores_of
from elman.errors import BundleError, DataError, UsageError
from elman.nn.labels import LabelNetwork
from elman.nn.own_encoder import as_function
from elman.runtime import labels as module
from elman.runtime.labels import LabelEngine

LENGTHS = (9, 1, 4, 12, 0)
ONE_WAY = [name for name, changes in label_networks.SHAPES.items() if label_networks.shape(**changes).lookahead == 0]


def network(engine: LabelEngine) -> LabelNetwork:
    made = LabelNetwork(engine.shape)
    made.load_state_dict(
        {name: torch.from_numpy(value) for name, value in label_networks.tensors(engine.shape).items()}
    )
    return made.eval()


def sequences(engine: LabelEngine) -> list[Steps]:
    return [label_networks.steps(engine.shape, length) for length in LENGTHS]


def check_parity(engine: LabelEngine) -> None:
    several = sequences(engine)
    bags = np.random.default_rng(0).random((len(several), engine.shape.bag)) if engine.shape.bag else None
    kept = engine.shape.kept if engine.shape.head == "ctc" else int
    expected = scores_of(network(engine), several, bags=bags, kept=kept)
    for found, score in zip(engine.scores(several, bags), expected, strict=True):
        np.testing.assert_allclose(found, score, **tolerances.NUMPY_AGAINST_TORCH)


@pytest.mark.parametrize("backend", ["compiled", "reference"])
@pytest.mark.parametrize("name", label_networks.SHAPES)
def test_scores_are_those_of_the_torch_network(name: str, backend: str) -> None:
    check_parity(label_networks.engine(backend=backend, **label_networks.SHAPES[name]))


@pytest.mark.parametrize("cell", cells.CELLS)
def test_every_cell_scores_as_in_torch_in_both_directions(cell: str) -> None:
    # The equations alone: that compiled stacks of all cells are equal to them is tested with the other engine.
    changes = {**label_networks.FRAMES, "cell": cell, "hidden_sizes": (4, 3)}
    check_parity(label_networks.engine(backend="reference", bidirectional=True, **changes))


@pytest.mark.parametrize("name", ONE_WAY)
def test_reading_in_parts_gives_the_scores_of_the_whole(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ROWS_AT_ONCE", 3)
    engine = label_networks.engine(**label_networks.SHAPES[name])
    whole = label_networks.steps(engine.shape, 12)
    assert whole.elapsed is not None
    expected = engine.scores([whole])[0]
    for cuts in ([5], [1, 2, 2, 9], [11]):
        state, found = engine.initial_state(), []
        for begin, end in zip([0, *cuts], [*cuts, 12], strict=True):
            part = Steps(whole.values[begin:end], whole.elapsed[begin:end])
            scores, state = engine.read(part, state)
            found.append(scores)
        result = found[-1] if engine.shape.pooling else np.concatenate([s for s in found if s is not None])
        np.testing.assert_allclose(result, expected, **tolerances.FLOAT32_STEP)


def test_long_sequences_are_read_piece_by_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = label_networks.engine(convolutions=((6, 3, 2),))
    several = sequences(engine)
    expected = engine.scores(several)
    monkeypatch.setattr(module, "STEPS_AT_ONCE", 5)
    monkeypatch.setattr(module, "ROWS_AT_ONCE", 3)
    for found, score in zip(engine.scores(several), expected, strict=True):
        np.testing.assert_allclose(found, score, **tolerances.FLOAT32_STEP)


def test_others_in_the_batch_change_no_bit() -> None:
    for name in ("convolved, both directions", "pixels", "tags"):
        engine = label_networks.engine(backend="compiled", **label_networks.SHAPES[name])
        several = sequences(engine)
        for each, score in zip(several, engine.scores(several), strict=True):
            np.testing.assert_array_equal(engine.scores([each])[0], score)


def test_an_encoder_of_ones_own_is_called_with_frames() -> None:
    of = label_networks.shape(**{**label_networks.PIXELS, "frame_convolutions": (), "encoder": 5})
    weights = label_networks.tensors(of)
    encoder = nn.Sequential(nn.Flatten(), nn.Linear(60, 5))
    made = LabelNetwork(of, encoder=encoder, backend="reference").eval()
    made.load_state_dict({name: torch.from_numpy(value) for name, value in weights.items()}, strict=False)
    weights |= {f"encoder.{name}": value.numpy() for name, value in encoder.state_dict().items()}
    engine = LabelEngine(of, weights, backend="reference", encoder=as_function(encoder))
    several = sequences(engine)
    for found, score in zip(engine.scores(several), scores_of(made, several), strict=True):
        np.testing.assert_allclose(found, score, **tolerances.NUMPY_AGAINST_TORCH)
    with pytest.raises(UsageError, match="give it as encoder"):
        LabelEngine(of, weights)


def test_nothing_read_gives_no_score() -> None:
    engine = label_networks.engine()
    scores, state = engine.read(label_networks.steps(engine.shape, 0), engine.initial_state())
    assert scores is None
    assert int(state["steps"][0, 0]) == 0


def test_a_sparse_bag_is_a_dense_one() -> None:
    engine = label_networks.engine(bag=7)
    several = sequences(engine)
    bags = scipy.sparse.random(len(several), 7, 0.4, "csr", np.float32, random_state=0)
    for one, other in zip(engine.scores(several, bags), engine.scores(several, bags.toarray()), strict=True):
        np.testing.assert_allclose(one, other, **tolerances.FLOAT32_STEP)
    with pytest.raises(DataError, match="takes a bag of 7 features"):
        engine.scores(several)


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"bidirectional": True}, "as it reads in both directions"), (label_networks.STRANDS, "reads both strands")],
)
def test_what_needs_the_whole_sequence_cannot_be_read_in_parts(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        label_networks.engine(**changes).initial_state()


def test_steps_of_another_form_are_refused() -> None:
    with pytest.raises(DataError, match=r"must be of the shape \(2,\), found \(3,\)"):
        label_networks.engine().scores([Steps(np.zeros((4, 3), np.int64))])


def test_tensors_that_do_not_fit_are_named() -> None:
    of = label_networks.shape()
    with pytest.raises(BundleError, match=r"'head.bias' is missing"):
        LabelEngine(of, {name: value for name, value in label_networks.tensors(of).items() if name != "head.bias"})
