from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

import pair_networks
import tolerances
from elman import cells
from elman.cells.cell import STATISTICS
from elman.data import SequenceBatch
from elman.errors import DataError
from elman.nn import TorchOps
from elman.nn.pairs import PairNetwork
from elman.shapes import PairShape

LENGTHS = torch.tensor([7, 3, 5])
TARGETS = torch.tensor([[3, 4, 2, 8], [5, 8, -1, -1], [1, 2, 8, -1]])
LOOPS = [name for name, changes in pair_networks.DECODERS.items() if changes.get("input_feeding", True)]
AT_ONCE = [name for name in pair_networks.DECODERS if name not in LOOPS and "coverage" not in name]


def close(found: Any, expected: Any) -> None:
    torch.testing.assert_close(found, expected, **tolerances.NUMPY_AGAINST_TORCH)


def pairs(of: PairShape, **changes: Any) -> SequenceBatch:
    torch.manual_seed(0)
    inputs = torch.randint(of.encoder.symbols, (3, 7))
    return SequenceBatch(**{"inputs": inputs, "lengths": LENGTHS, "targets": TARGETS, **changes})


def network(of: PairShape, **options: Any) -> PairNetwork:
    made = PairNetwork(of, **{"backend": "reference", **options})
    made.load_state_dict({name: torch.from_numpy(value) for name, value in pair_networks.tensors(of).items()})
    return made


def gradients(made: PairNetwork, loss: Tensor) -> list[Tensor]:
    return list(torch.autograd.grad(loss, list(made.parameters())))


@pytest.mark.parametrize("changes", pair_networks.DECODERS.values(), ids=pair_networks.DECODERS)
@pytest.mark.parametrize("shared", [False, True])
def test_the_parameters_are_those_of_the_shape(changes: dict[str, Any], shared: bool) -> None:
    of = pair_networks.shape(shared=shared, **changes)
    found = {name: tuple(value.shape) for name, value in PairNetwork(of).state_dict().items()}
    assert found == of.parameter_shapes()


@pytest.mark.parametrize("changes", pair_networks.DECODERS.values(), ids=pair_networks.DECODERS)
def test_padding_changes_neither_loss_nor_gradient(changes: dict[str, Any]) -> None:
    of = pair_networks.shape(**changes)
    made, batch = network(of), pairs(of)
    loss = made.loss(made(batch), batch)
    rows = []
    for row in range(3):
        alone = SequenceBatch(
            inputs=batch.inputs[row : row + 1, : LENGTHS[row]],
            targets=TARGETS[row : row + 1, : 4 - int((TARGETS[row] < 0).sum())],
        )
        rows.append(made.loss(made(alone), alone) * (TARGETS[row] >= 0).sum())
    expected = torch.stack(rows).sum() / (TARGETS >= 0).sum()
    close(loss, expected)
    close(gradients(made, loss), gradients(made, expected))


@pytest.mark.parametrize("name", AT_ONCE)
def test_all_steps_at_once_are_those_of_the_loop(name: str) -> None:
    of = pair_networks.shape(**pair_networks.DECODERS[name])
    made, batch = network(of), pairs(of)
    found, expected = made(batch), made(batch, sampling=1e-9)
    close(tuple(found), tuple(expected))
    close(gradients(made, made.loss(found, batch)), gradients(made, made.loss(expected, batch)))


def test_a_step_is_the_equations_of_the_shape() -> None:
    of = pair_networks.shape(attention="additive", coverage=True)
    made, batch = network(of), pairs(of)
    weights = made.decoder.state_dict()
    memory = made.encoder(batch.inputs[:1], LENGTHS[:1])[0]
    cell, ops = cells.make("gru", 10, 6), TorchOps()
    params = {name: weights[f"asking.{name}_l0"] for name in cell.parameters()}
    hidden = torch.tanh(weights["first.weight"] @ memory.mean(0) + weights["first.bias"])[None]
    before, seen = torch.zeros(5), torch.zeros(7)
    for step, symbol in enumerate([8, 3, 4, 2]):
        x = torch.cat([weights["embedding.weight"][symbol], before])[None]
        hidden = cell.step(ops, x, {"hidden": hidden}, params)["hidden"]
        inner = memory @ weights["attention.key.weight"].T + weights["attention.key.bias"]
        inner = torch.tanh(inner + weights["attention.query.weight"] @ hidden[0])
        alpha = (inner @ weights["attention.score.weight"][0] + weights["attention.coverage"] * seen).softmax(0)
        seen = seen + alpha
        both = torch.cat([hidden[0], alpha @ memory])
        before = torch.tanh(weights["attentional.weight"] @ both + weights["attentional.bias"])
        written = made(batch)
        close(written.attention[0, step], alpha)
        close(written.features[0, step], before)


@pytest.mark.parametrize("cell", cells.CELLS)
def test_every_cell_learns_from_pairs(cell: str) -> None:
    kinds = {each.kind for each in cells.make(cell, 5, 6).parameters().values()}
    of = pair_networks.shape(cell=cell, input_feeding=not kinds & set(STATISTICS), encoder={"hidden_sizes": (4,)},
                             hidden_sizes=(8,))  # fmt: skip
    made, batch = PairNetwork(of, backend="reference"), pairs(of)
    made.loss(made(batch), batch).backward()  # type: ignore[no-untyped-call]
    assert all(torch.isfinite(each.grad).all() for each in made.parameters() if each.grad is not None)


def test_the_compiled_backend_is_the_reference() -> None:
    of = pair_networks.shape(**pair_networks.DECODERS["additive, fed, two layers"])
    batch = pairs(of)
    compiled, reference = network(of, backend="compiled"), network(of)
    close(
        gradients(compiled, compiled.loss(compiled(batch), batch)),
        gradients(reference, reference.loss(reference(batch), batch)),
    )


def test_loss_is_cross_entropy_of_what_is_known() -> None:
    of = pair_networks.shape()
    made, batch = network(of), pairs(of)
    written = made(batch)
    scores = made.decoder.scores(written.features)
    expected = F.cross_entropy(scores[TARGETS >= 0], TARGETS[TARGETS >= 0], label_smoothing=0.1)
    close(made.loss(written, batch, smoothing=0.1), expected)


def test_dropout_acts_in_training_alone() -> None:
    of = pair_networks.shape()
    made, batch = network(of, dropout=0.5, dropout_words=0.2).eval(), pairs(of)
    assert torch.equal(made(batch).features, made(batch).features)
    made.train()
    assert not torch.equal(made(batch).features, made(batch).features)


@pytest.mark.parametrize("name", ["general, fed", "general", "additive, fed, two layers"])
def test_sampling_reads_what_the_decoder_draws(name: str) -> None:
    of = pair_networks.shape(**pair_networks.DECODERS[name])
    made, batch = network(of), pairs(of)
    with torch.no_grad():
        # Of scores so large the likeliest symbol is drawn every time.
        made.decoder.output.bias.copy_(torch.tensor([0.0] * 6 + [1e4, 0, 0]))
    sixes = replace(batch, targets=torch.full((3, 4), 6))
    close(made(batch, sampling=1.0 - 1e-9).features, made(sixes).features)
    made.eval()
    close(made(batch, sampling=1.0 - 1e-9).features, made(batch).features)


def test_without_targets_there_is_nothing_to_learn() -> None:
    of = pair_networks.shape()
    with pytest.raises(DataError, match="learns from targets"):
        PairNetwork(of)(pairs(of, targets=None))


@pytest.mark.parametrize("name", ["general, fed", "additive, two layers", "dot, fed, coverage, tied"])
def test_autocast_is_close_and_keeps_the_state_exact(name: str) -> None:
    of = pair_networks.shape(**pair_networks.DECODERS[name])
    made, batch = network(of, backend="auto"), pairs(of)
    exact = made.loss(made(batch), batch)
    with torch.autocast("cpu", torch.bfloat16):
        rounded = made.loss(made(batch), batch)
    assert rounded.item() == pytest.approx(exact.item(), rel=tolerances.BFLOAT16)
    found, expected = (torch.cat([g.flatten() for g in gradients(made, loss)]) for loss in (rounded, exact))
    assert (found - expected).norm() < tolerances.BFLOAT16 * expected.norm()
