"""What recurrent batch normalisation does in training; its evaluation is in the contract table."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from elman.cells import Cell, Parameter
from elman.errors import BackendError, SettingsError
from elman.nn import Recurrent
from elman.nn.batch_norm import LARGEST_D, LARGEST_R, MOMENTUM
from tolerances import BATCH_NORM_SETTLED, FLOAT64_RECURRENCE

SIZE = 3


@dataclass(frozen=True)
class Norm(Cell):
    """No recurrence: the output is the input after batch norm."""

    name = "norm"
    gates = ("hidden",)

    def parameters(self) -> dict[str, Parameter]:
        kinds = {"mean": "mean", "variance": "variance", "weight": "gain", "bias": "shift"}
        return {name: Parameter((self.hidden_size,), self.gates, kind) for name, kind in kinds.items()}

    def step(self, ops: Any, x: Any, state: Mapping[str, Any], params: Mapping[str, Any]) -> dict[str, Any]:
        normal = ops.batch_norm(x, params["mean"], params["variance"], params["weight"], params["bias"])
        return {"hidden": normal + 0 * state["hidden"]}


def norm() -> Recurrent:
    return Recurrent(Norm, SIZE, SIZE, backend="reference").double()


def randn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def close(one: Tensor, other: Tensor, tolerance: float = FLOAT64_RECURRENCE) -> None:
    torch.testing.assert_close(one, other, rtol=tolerance, atol=tolerance)


def test_where_the_stored_statistics_are_those_of_the_batch_it_is_torchs_batch_norm() -> None:
    """Outputs and gradients, those through mean and variance of the batch too."""
    layer, x = norm(), randn(7, 1, SIZE).requires_grad_()
    rows = x[:, 0]
    layer.mean_l0.copy_(rows.mean(0).detach())
    layer.variance_l0.copy_(rows.var(0, unbiased=False).detach())
    found = layer(x)[0][:, 0]
    expected = F.batch_norm(rows, None, None, layer.weight_l0, layer.bias_l0, training=True)
    close(found, expected)
    upstream, leaves = randn(7, SIZE, seed=1), [x, layer.weight_l0, layer.bias_l0]
    for one, other in zip(*(torch.autograd.grad((y * upstream).sum(), leaves) for y in (found, expected)), strict=True):
        close(one, other)


def test_outputs_are_those_of_evaluation_as_long_as_the_batch_is_not_far_off() -> None:
    layer, x = norm(), 1 + 2 * randn(7, 1, SIZE)
    expected = copy.deepcopy(layer).eval()(x)[0]
    close(layer(x)[0], expected)
    far, wide = x + 100, 1000 * randn(7, 1, SIZE)
    bounds = layer.weight_l0 * LARGEST_D + layer.bias_l0
    close(norm()(far)[0].mean((0, 1)), bounds)
    assert norm()(wide)[0].std((0, 1), unbiased=False).tolist() == pytest.approx([LARGEST_R] * SIZE)


def test_stored_statistics_are_moving_averages_over_the_valid_steps() -> None:
    """A tenth of the way in one call, each step as its share; the variance is that of all that was seen."""
    lengths, x = torch.tensor([4, 2, 3]), randn(3, 5, SIZE)
    layer = norm()
    layer(x.masked_fill((torch.arange(5) >= lengths[:, None])[..., None], float("nan")), lengths=lengths)
    weights, seen = [1.0], [torch.zeros(SIZE).double()]
    squares = [torch.ones(SIZE).double()]
    for t in range(4):
        rows = x[lengths > t, t]
        share = MOMENTUM * len(rows) / 9
        weights = [weight * (1 - share) for weight in weights] + [share]
        seen, squares = [*seen, rows.mean(0)], [*squares, (rows**2).mean(0)]
    mean = sum(weight * value for weight, value in zip(weights, seen, strict=True))
    close(layer.mean_l0, mean)
    close(layer.variance_l0, sum(weight * value for weight, value in zip(weights, squares, strict=True)) - mean**2)


def test_rows_beyond_their_length_change_nothing() -> None:
    layer, x = Recurrent("lstm_batch_norm", 2, SIZE).double(), randn(4, 6, 2)
    lengths, other = torch.tensor([6, 3, 5, 4]), copy.deepcopy(layer)
    padding = (torch.arange(6) >= lengths[:, None])[..., None]
    one, two = layer(x, lengths=lengths)[0], other(x.masked_fill(padding, float("nan")), lengths=lengths)[0]
    assert torch.equal(one, two)
    gradients = [torch.autograd.grad(y.sum(), list(each.parameters())) for y, each in ((one, layer), (two, other))]
    assert all(torch.equal(a, b) and a.isfinite().all() for a, b in zip(*gradients, strict=True))
    assert all(torch.equal(a, b) for a, b in zip(layer.buffers(), other.buffers(), strict=True))


def test_no_row_may_be_left_before_the_batch_ends() -> None:
    layer, x = Recurrent("lstm_batch_norm", 2, SIZE), torch.ones(2, 6, 2)
    outputs = layer(x, lengths=torch.tensor([3, 2]))[0]
    outputs.sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in layer.parameters())


def test_training_ends_in_what_is_evaluated() -> None:
    """With weights that rest, the statistics come to rest too, and both modes compute the same."""
    layer, x = Recurrent("lstm_batch_norm", 2, SIZE, bidirectional=True).double(), randn(8, 5, 2)
    for _ in range(100):
        trained = layer(x)[0]
    evaluated = layer.eval()(x)[0]
    close(trained, evaluated, BATCH_NORM_SETTLED)
    product = x @ layer.weight_ih_l0_reverse.T
    close(layer.mean_ih_l0_reverse, product.mean((0, 1)), BATCH_NORM_SETTLED)
    close(layer.variance_ih_l0_reverse, product.var((0, 1), unbiased=False), BATCH_NORM_SETTLED)


def test_statistics_are_saved_and_not_learnt() -> None:
    layer = Recurrent("lstm_batch_norm", 2, SIZE)
    layer(torch.randn(4, 5, 2))
    learnt = {name for name, _ in layer.named_parameters()}
    assert {"gain_ih_l0", "weight_hh_l0"} <= learnt
    assert set(layer.state_dict()) - learnt == {
        f"{kind}_{norm}_l0" for kind in ("mean", "variance") for norm in ("ih", "hh", "cell")
    }
    other = Recurrent("lstm_batch_norm", 2, SIZE)
    other.load_state_dict(layer.state_dict())
    x = torch.randn(4, 5, 2)
    assert torch.equal(layer.eval()(x)[0], other.eval()(x)[0])


def test_evaluation_changes_no_statistics_and_is_compiled() -> None:
    layer = Recurrent("lstm_batch_norm", 2, SIZE).eval()
    before = [value.clone() for value in layer.buffers()]
    layer(torch.randn(4, 5, 2))
    assert all(torch.equal(a, b) for a, b in zip(before, layer.buffers(), strict=True))
    assert layer.why().startswith("compiled: ")


def test_options_of_the_step_go_with_it() -> None:
    layer = Recurrent("lstm_batch_norm", 2, SIZE, 2, zoneout=0.1, recurrent_dropout=0.2, clip=1.0, weight_drop=0.1)
    layer(torch.randn(4, 5, 2))[0].sum().backward()
    assert layer.weight_hh_l1.grad is not None


def test_what_training_cannot_do_is_refused() -> None:
    with pytest.raises(BackendError, match=r"'compiled' cannot run this layer: .* in training it measures statistics"):
        Recurrent("lstm_batch_norm", 2, SIZE, backend="compiled")
    with pytest.raises(
        SettingsError, match="measures statistics in every forward run, and checkpoint_every runs twice"
    ):
        Recurrent("lstm_batch_norm", 2, SIZE, checkpoint_every=4)
