"""The engine of forecasts gives what the torch network gives."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from elman.errors import UsageError
from elman.nn.heads.distributions import raised
from elman.runtime.forecast import ForecastEngine, between
from forecast_networks import LEVELS, SHAPES, as_tensors, network, windows
from tolerances import NUMPY_AGAINST_TORCH, SAMPLING

ALL = pytest.mark.parametrize("name", SHAPES)
DIRECT = [name for name in SHAPES if not name.startswith("autoregressive")]


def engine_of(name: str, backend: str = "auto") -> ForecastEngine:
    tensors = {key: value.numpy() for key, value in network(SHAPES[name]).state_dict().items()}
    return ForecastEngine(SHAPES[name], tensors, backend=backend)


@pytest.mark.parametrize("backend", ["compiled", "reference"])
@pytest.mark.parametrize("name", [name for name in SHAPES if "implicit" not in name])
def test_the_engine_tells_what_the_network_tells(name: str, backend: str) -> None:
    given = windows(SHAPES[name])
    with torch.no_grad():
        expected = network(SHAPES[name])(as_tensors(given))
    found = engine_of(name, backend).told(given)
    np.testing.assert_allclose(found, expected[:, -found.shape[1] :], **NUMPY_AGAINST_TORCH)


def test_implicit_quantiles_are_those_of_the_network() -> None:
    name = "direct implicit"
    given = windows(SHAPES[name])
    with torch.no_grad():
        expected = network(SHAPES[name])(as_tensors(given), torch.tensor(LEVELS)).sort(-1).values
    np.testing.assert_allclose(engine_of(name).quantiles(given, LEVELS), expected, **NUMPY_AGAINST_TORCH)


@pytest.mark.parametrize("name", ["autoregressive normal", "autoregressive student-t", "autoregressive counts"])
def test_paths_follow_the_distributions_of_the_network(name: str) -> None:
    """The first step as the network tells it; the second after the first drawn value, which the network is given."""
    shape, given = SHAPES[name], windows(SHAPES[name], batch=1)
    engine = engine_of(name)
    drawn = engine.paths(given, 1, np.random.default_rng(5))[0, 0]
    assert drawn.shape == (shape.horizon,)
    values = np.concatenate([given.values, drawn[None, :1]], 1)[:, -shape.reach :]
    later = given._replace(
        values=values,
        observed=np.concatenate([given.observed[:, 1:], np.ones((1, 1), np.float32)], 1),
        targets=None if given.targets is None else given.targets,
    )
    # A longer context: the same network reads one step more.
    longer = type(shape)(**{**shape.__dict__, "context": shape.context + 1})
    long_values = np.concatenate([given.values, drawn[None, :1]], 1)
    long_seen = np.concatenate([given.observed, np.ones((1, 1), np.float32)], 1)
    tensors = {key: value.numpy() for key, value in network(shape).state_dict().items()}
    told = ForecastEngine(longer, tensors).told(later._replace(values=long_values, observed=long_seen))
    from elman.runtime.distributions import draw

    rng = np.random.default_rng(5)
    first = draw(shape.distribution, engine.told(given)[:, 0], rng, given.scale)
    second = draw(shape.distribution, told[:, 0], rng, given.scale)
    np.testing.assert_allclose(drawn[:2], [first[0], second[0]], rtol=1e-4, atol=1e-4)


def test_more_steps_than_in_training_can_be_drawn_value_by_value() -> None:
    paths = engine_of("autoregressive student-t").paths(
        windows(SHAPES["autoregressive student-t"]), 3, np.random.default_rng(0), 20
    )
    assert paths.shape == (4, 3, 20)
    with pytest.raises(UsageError, match="paths"):
        engine_of("autoregressive student-t").quantiles(windows(SHAPES["autoregressive student-t"]), LEVELS)


@pytest.mark.parametrize("name", [name for name in DIRECT if "implicit" not in name])
def test_draws_of_a_direct_network_have_its_quantiles(name: str) -> None:
    given, engine = windows(SHAPES[name], batch=2), engine_of(name)
    drawn = engine.paths(given, 4000, np.random.default_rng(0))
    below = (drawn <= engine.quantiles(given, (0.2, 0.8))[:, None, :, 1]).mean(1)
    least = 0.8 - SAMPLING
    assert (below >= least).all()  # of counts more may be at the quantile itself


@pytest.mark.parametrize("name", ["direct quantiles", "hybrid", "autoregressive normal"])
def test_windows_do_not_change_each_other(name: str) -> None:
    given, engine = windows(SHAPES[name]), engine_of(name)
    alone = [engine.told(type(given)(*(None if e is None else e[[row]] for e in given))) for row in range(4)]
    np.testing.assert_allclose(np.concatenate(alone), engine.told(given), **NUMPY_AGAINST_TORCH)


def test_quantiles_between_known_ones() -> None:
    found = between(np.array([0.0, 1.0, 2.0]), (0.1, 0.5, 0.9), (0.1, 0.5, 0.95))
    np.testing.assert_allclose(found, [0.0, 1.0, 1 + 1.6449 / 1.2816], rtol=1e-3)


def test_raised_quantiles_keep_their_distances() -> None:
    told = torch.tensor([[[0.0, 1.0]]])
    assert raised(told, torch.tensor([[2.0]]), "quantiles").tolist() == [[[2.0, 3.0]]]
    assert raised(told, torch.tensor([[2.0]]), "normal").tolist() == [[[2.0, 1.0]]]
