from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

import label_networks
import tolerances
from elman.data import SequenceBatch
from elman.errors import DataError, SettingsError
from elman.nn import CRFHead
from elman.nn.labels import LabelNetwork
from elman.nn.own_encoder import as_function
from elman.shapes import LabelShape

LENGTHS = torch.tensor([9, 4, 1])


def shape(**changes: Any) -> LabelShape:
    return LabelShape(**{
        "head": "softmax", "outputs": 3, "cell": "gru", "hidden_sizes": (5, 4), "symbols": (9, 4),
        "embedding_sizes": (3, 2), "pooling": ("mean", "max", "last", "attention"), **changes,
    })  # fmt: skip


SHAPES: dict[str, dict[str, Any]] = label_networks.SHAPES | {
    "tags": {"pooling": (), "bidirectional": True},
    "crf": {"pooling": (), "head": "crf"},
}


def close(found: Tensor, expected: Tensor) -> None:
    rtol, atol = tolerances.FLOAT32_STEP["rtol"], tolerances.FLOAT32_STEP["atol"]
    torch.testing.assert_close(found, expected, rtol=rtol, atol=atol)


def inputs(of: LabelShape, batch: int = 3, time: int = 9) -> Tensor:
    if of.symbols:
        return torch.stack([torch.randint(count, (batch, time)) for count in of.symbols], 2)
    return torch.randn(batch, time, *of.frame)


def sequences(of: LabelShape, **changes: Any) -> SequenceBatch:
    torch.manual_seed(0)
    return SequenceBatch(**{
        "inputs": inputs(of), "lengths": LENGTHS, "static": torch.rand(3, of.bag) if of.bag else None,
        "elapsed": torch.rand(3, 9) + 0.5, **changes,
    })  # fmt: skip


def network(of: LabelShape, **options: Any) -> LabelNetwork:
    torch.manual_seed(1)
    # Compiling takes its time, and that compiled layers are equal is tested with them: one kind of network is enough.
    backend = "compiled" if of.bidirectional and not of.pooling else "reference"
    made = LabelNetwork(of, **{"backend": backend, **options})
    for name, value in made.named_parameters():
        if name.startswith(("bag", "head")):
            value.data.normal_()
    return made.eval()


@pytest.mark.parametrize("changes", SHAPES.values(), ids=SHAPES)
def test_the_parameters_are_those_of_the_shape(changes: dict[str, Any]) -> None:
    of = shape(**changes)
    found = {name: tuple(value.shape) for name, value in network(of).state_dict().items()}
    assert found == of.parameter_shapes()


@pytest.mark.parametrize("changes", SHAPES.values(), ids=SHAPES)
def test_rows_in_a_batch_score_as_each_alone(changes: dict[str, Any]) -> None:
    of = shape(**changes)
    made, batch = network(of), sequences(of)
    together = made(batch)
    for row, length in enumerate(LENGTHS.tolist()):
        alone = SequenceBatch(
            inputs=batch.inputs[row : row + 1, :length],
            elapsed=None if batch.elapsed is None else batch.elapsed[row : row + 1, :length],
            static=None if batch.static is None else batch.static[row : row + 1],
        )
        expected = together[row] if of.pooling else together[row, : of.kept(length) if of.head == "ctc" else length]
        close(made(alone)[0], expected)


@pytest.mark.parametrize("changes", SHAPES.values(), ids=SHAPES)
def test_padding_changes_neither_loss_nor_gradient(changes: dict[str, Any]) -> None:
    of = shape(**changes)
    made = network(of).train()
    targets = torch.tensor([0, 2, 1]) if of.pooling else torch.randint(3, (3, 9))
    if of.head == "ctc":
        targets = torch.tensor([[0, 1], [1, -1], [-1, -1]])
    batch = sequences(of, targets=targets)
    other = batch.inputs.clone()
    for row, length in enumerate(LENGTHS.tolist()):
        other[row, length:] = 0 if of.symbols else torch.nan
    found = []
    for values in (batch.inputs, other):
        made.zero_grad()
        again = sequences(of, targets=targets, inputs=values)
        loss = made.loss(made(again), again)
        loss.backward()  # type: ignore[no-untyped-call]
        found.append([loss.detach(), *(p.grad.clone() for p in made.parameters() if p.grad is not None)])
    assert len(found[0]) == 1 + len(list(made.parameters()))
    for one, two in zip(*found, strict=True):
        close(one, two)


def test_the_other_strand_scores_the_same() -> None:
    of = shape(**label_networks.STRANDS)
    made, batch = network(of), sequences(of)
    other = (3 - batch.inputs).clone()
    for row, length in enumerate(LENGTHS.tolist()):
        other[row, :length] = other[row, :length].flip(0)
    close(made(sequences(of, inputs=other)), made(batch))


def test_the_last_step_is_that_of_each_direction() -> None:
    of = shape(pooling=("last",), hidden_sizes=(5,), bidirectional=True)
    made, batch = network(of), sequences(of)
    embedded = made.encoded(batch.inputs, LENGTHS, None)[0]
    outputs, _ = made.recurrent(embedded, lengths=LENGTHS)
    ends = torch.cat([outputs[torch.arange(3), LENGTHS - 1, :5], outputs[:, 0, 5:]], 1)
    torch.testing.assert_close(made(batch), made.head(ends))


def test_a_bag_adds_its_scores_dense_or_sparse() -> None:
    of = shape(bag=7)
    made, batch = network(of), sequences(of)
    assert batch.static is not None
    assert made.bag is not None
    whole, alone = made(batch), made.recurrent_alone(batch)
    torch.testing.assert_close(whole - alone, batch.static @ made.bag.weight.T + made.bag.bias)
    torch.testing.assert_close(made(batch, batch.static.to_sparse()), whole)
    with pytest.raises(DataError, match="takes a bag of 7 features"):
        made(sequences(of, static=None))


def test_dropout_acts_in_training_alone() -> None:
    of = shape()
    made, batch = network(of, dropout=0.5, dropout_input=0.3, dropout_words=0.2, weight_drop=0.1), sequences(of)
    assert torch.equal(made(batch), made(batch))
    made.train()
    assert not torch.equal(made(batch), made(batch))


def test_steps_that_are_not_hidden_keep_their_size() -> None:
    of = shape()
    made, batch, read = network(of, dropout_words=0.5), sequences(of), []
    made.recurrent.register_forward_pre_hook(lambda module, inputs: read.append(inputs[0]))
    made(batch)
    made.train()
    made(batch)
    whole, seen = read
    hidden = (seen == 0).all(2)
    assert 0 < hidden.sum() < hidden.numel()
    assert torch.equal(seen[~hidden], whole[~hidden])


def test_loss_of_classes_is_cross_entropy() -> None:
    of = shape()
    scores, targets, weights = torch.randn(3, 3), torch.tensor([0, 2, -1]), torch.tensor([1.0, 2, 3])
    found = network(of).loss(scores, sequences(of, targets=targets), weights=weights, smoothing=0.1)
    expected = F.cross_entropy(scores[:2], targets[:2], weights, label_smoothing=0.1)
    torch.testing.assert_close(found, expected)


def test_rows_count_by_their_weights() -> None:
    of = shape()
    scores, targets = torch.randn(3, 3), torch.tensor([0, 2, 1])
    found = network(of).loss(scores, sequences(of, targets=targets, weights=torch.tensor([1.0, 0, 2])))
    each = F.cross_entropy(scores, targets, reduction="none")
    torch.testing.assert_close(found, (each[0] + 2 * each[2]) / 3)


def test_loss_of_tags_takes_the_valid_steps() -> None:
    of = shape(pooling=())
    scores, targets = torch.randn(3, 9, 3), torch.randint(3, (3, 9))
    inside = torch.arange(9) < LENGTHS[:, None]
    found = network(of).loss(scores, sequences(of, targets=targets))
    torch.testing.assert_close(found, F.cross_entropy(scores[inside], targets[inside]))


def test_loss_of_a_crf_is_that_of_its_head() -> None:
    of = shape(pooling=(), head="crf")
    made = network(of)
    features, targets = torch.randn(3, 9, 4), torch.randint(3, (3, 9))
    assert isinstance(made.head, CRFHead)
    found = made.loss(made.head(features), sequences(of, targets=targets))
    torch.testing.assert_close(found, made.head.loss(features, targets, LENGTHS))


def test_loss_of_several_labels_is_binary_and_unknown_ones_do_not_count() -> None:
    of = shape(head="sigmoid")
    scores, targets = torch.randn(3, 3), torch.tensor([[1.0, 0, 1], [0, torch.nan, 0], [1, 1, 1]])
    known, weights = ~targets.isnan(), torch.tensor([1.0, 2, 3])
    found = network(of).loss(scores, sequences(of, targets=targets), weights=weights, smoothing=0.2)
    each = F.binary_cross_entropy_with_logits(
        scores, targets.nan_to_num() * 0.8 + 0.1, reduction="none", pos_weight=weights
    )
    torch.testing.assert_close(found, each[known].mean())


@pytest.mark.parametrize("pooling", [("mean",), ()])
def test_loss_of_numbers_is_squared(pooling: tuple[str, ...]) -> None:
    of = shape(head="linear", pooling=pooling)
    scores, targets = (torch.randn(*([3, 3] if pooling else [3, 9, 3])) for _ in range(2))
    known = torch.ones(3, 3, dtype=torch.bool) if pooling else torch.arange(9) < LENGTHS[:, None]
    found = network(of).loss(scores, sequences(of, targets=targets))
    torch.testing.assert_close(found, ((scores - targets)[known] ** 2).mean())


def test_an_encoder_of_ones_own_takes_valid_frames_and_is_trained_along() -> None:
    of = shape(symbols=(), embedding_sizes=(), frame=(6, 5, 2), encoder=7)
    encoder = nn.Sequential(nn.Conv2d(2, 1, 3), nn.Flatten(), nn.Linear(12, 7))
    made, batch = network(of, encoder=encoder), sequences(of, targets=torch.tensor([0, 2, 1]))
    made.loss(made(batch), batch).backward()  # type: ignore[no-untyped-call]
    assert all(parameter.grad is not None for parameter in encoder.parameters())
    expected = encoder(batch.inputs[1, :4].movedim(-1, 1))
    close(made.encoded(batch.inputs, LENGTHS, None)[0][1, :4], expected)
    close(torch.from_numpy(as_function(encoder)(batch.inputs[1, :4].numpy())), expected)


def test_an_encoder_that_does_not_fit_is_refused() -> None:
    of = shape(symbols=(), embedding_sizes=(), frame=(4,), encoder=7)
    with pytest.raises(SettingsError, match="give it as encoder"):
        LabelNetwork(of)
    with pytest.raises(SettingsError, match="leave encoder out"):
        LabelNetwork(shape(), encoder=nn.Linear(4, 7))
    with pytest.raises(DataError, match=r"must make \(n, 7\)"):
        network(of, encoder=nn.Linear(4, 6))(sequences(of))


def test_a_loss_needs_targets() -> None:
    of = shape()
    with pytest.raises(DataError, match="needs targets"):
        network(of).loss(torch.zeros(3, 3), sequences(of))
