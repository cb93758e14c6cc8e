"""Networks that forecast: what they read, what they must not, and their loss."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from elman.nn.forecast import ForecastNetwork, Smoothing, seasons_before
from elman.shapes.forecast import ForecastShape
from forecast_networks import COMMON, SHAPES, as_tensors, network, windows
from tolerances import NUMPY_AGAINST_TORCH

ALL = pytest.mark.parametrize("name", SHAPES)


@ALL
def test_parameters_are_those_of_the_shape(name: str) -> None:
    shape = SHAPES[name]
    found = {key: tuple(value.shape) for key, value in ForecastNetwork(shape).state_dict().items()}
    assert found == shape.parameter_shapes()


@ALL
def test_the_loss_falls_along_its_gradient(name: str) -> None:
    shape = SHAPES[name]
    made, batch = network(shape).train(), as_tensors(windows(shape, targets=True))
    torch.manual_seed(0)
    loss = made.loss(batch)
    loss.backward()
    gradients = {key: value.grad for key, value in made.named_parameters()}
    assert all(gradient is not None and bool(gradient.isfinite().all()) for gradient in gradients.values())
    with torch.no_grad():
        for parameter in made.parameters():
            assert parameter.grad is not None
            parameter -= 1e-3 * parameter.grad
    torch.manual_seed(0)
    assert made.loss(batch) < loss


@ALL
@torch.no_grad()
def test_missing_targets_do_not_count(name: str) -> None:
    shape = SHAPES[name]
    made, batch = network(shape), windows(shape, targets=True)
    assert batch.targets is not None
    batch.targets[:, 3] = np.nan
    loss = made.loss(as_tensors(batch))
    assert torch.isfinite(loss)
    rows = [made.loss(as_tensors(type(batch)(*(None if e is None else e[[r]] for e in batch)))) for r in range(4)]
    if not shape.autoregressive:  # there the number of known values differs between rows
        assert float(loss) == pytest.approx(float(torch.stack(rows).mean()), rel=1e-5)


@pytest.mark.parametrize("name", [name for name in SHAPES if name.startswith("autoregressive")])
def test_nothing_of_the_future_is_read_value_by_value(name: str) -> None:
    shape = SHAPES[name]
    levels = torch.tensor([0.3]) if shape.distribution == "implicit-quantile" else None
    batch = as_tensors(windows(shape, targets=True))
    made, step = network(shape), 3
    before = made(batch, levels)[:, : shape.context + step + 1]
    changed = batch.targets.clone()
    changed[:, step:] += 5
    after = made(batch._replace(targets=changed), levels)
    torch.testing.assert_close(after[:, : shape.context + step + 1], before, rtol=0, atol=0)
    assert not torch.equal(after[:, shape.context + step + 1 :], made(batch, levels)[:, shape.context + step + 1 :])


def test_a_series_of_one_pattern_is_smoothed_away() -> None:
    pattern = np.array([3.0, -1.0, -2.0], np.float32)
    values = torch.from_numpy(np.tile(pattern, 6)[None] + 10)
    left, ahead = Smoothing(0, (3,))(values, None, 4)
    np.testing.assert_allclose(left.detach(), np.zeros((1, 18)), **NUMPY_AGAINST_TORCH)
    np.testing.assert_allclose(ahead.detach(), [10 + np.tile(pattern, 2)[:4]], **NUMPY_AGAINST_TORCH)


def test_smoothing_of_a_level_by_hand() -> None:
    """Without a pattern that moves: l = l + alpha (y - l), alpha = 1/2."""
    smoothing = Smoothing(1, (2,))
    with torch.no_grad():
        smoothing.get_parameter("level").copy_(torch.tensor([-1.0, 1.0]))  # sigmoid(0)
        smoothing.get_parameter("season0").copy_(torch.tensor([-100.0, 0.0]))
    _, ahead = smoothing(torch.tensor([[4.0, 4.0, 8.0, 8.0]]), torch.tensor([1]), 2)
    # The first pattern is the mean of both seasons, (6 - 6, 6 - 6) about the first season's mean: 2 and 2, less 2.
    np.testing.assert_allclose(ahead.detach(), [[7.0, 7.0]], **NUMPY_AGAINST_TORCH)


def test_the_linear_map_begins_with_the_seasons_before() -> None:
    weight = seasons_before(6, 4, 3)
    np.testing.assert_allclose(weight @ torch.tensor([1.0, 2, 3, 5, 6, 7]), [3.0, 4, 5, 3])
    assert not seasons_before(6, 4, 0).any()


def test_series_without_a_vector_of_their_own_read_that_of_unknown_ones() -> None:
    shape = ForecastShape("direct", "normal", segment=3, series=2, embedding=2, **COMMON)
    made = ForecastNetwork(shape, dropout=0.0).train()
    batch = as_tensors(windows(shape, batch=256, targets=True))._replace(series=torch.full((256,), 2))
    torch.manual_seed(0)
    made.loss(batch).backward()
    gradient = made.series.weight.grad
    assert gradient is not None
    assert (gradient.abs().sum(1) > 0).tolist() == [True, False, True]
