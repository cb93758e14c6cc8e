from __future__ import annotations

import numpy as np
import pytest

from cells.scans import parallel_scan, problem, step_by_step
from elman.cells import initialise, make
from elman.errors import SettingsError
from tolerances import ROUNDING, SAMPLING

CLOSE = {"rtol": ROUNDING, "atol": ROUNDING}


def halves(matrix: np.ndarray) -> np.ndarray:
    """A complex matrix from its real and its imaginary rows."""
    real, imaginary = np.split(matrix, 2)
    return real + 1j * imaginary


def eigenvalues(weights: dict[str, np.ndarray]) -> np.ndarray:
    return np.exp(-np.exp(weights["log_decay"]) + 1j * np.exp(weights["log_phase"]))


def test_it_is_a_complex_diagonal_recurrence() -> None:
    cell = make("lru", 3, 4)
    params, inputs, first = problem(cell)
    given = np.exp(params["log_gain"]) * (inputs @ halves(params["weight_ih"]).T)
    keep = np.broadcast_to(eigenvalues(params), given.shape)
    states = parallel_scan(keep, given, first["real"] + 1j * first["imaginary"])
    found = step_by_step(cell, params, inputs, first)
    np.testing.assert_allclose(found["real"] + 1j * found["imaginary"], states, **CLOSE)
    read = (states @ halves(params["weight_ho"]).conj().T).real + inputs @ params["weight_io"].T
    np.testing.assert_allclose(found["hidden"], read, **CLOSE)


def test_first_eigenvalues_fill_the_ring_evenly() -> None:
    cell = make("lru", 2, 2000, r_min=0.5, r_max=0.9, max_phase=np.pi / 10)
    weights = initialise(cell, np.random.default_rng(0))
    values = eigenvalues(weights)
    areas = (abs(values) ** 2 - 0.25) / (0.81 - 0.25)
    angles = np.angle(values) / (np.pi / 10)
    for shares in (areas, angles):
        assert 0 <= shares.min() <= shares.max() <= 1
        np.testing.assert_allclose(np.histogram(shares, 4)[0], 500, rtol=2 * SAMPLING)
    np.testing.assert_allclose(np.exp(2 * weights["log_gain"]) + abs(values) ** 2, 1, **CLOSE)


def test_states_have_the_variance_of_the_inputs_at_first() -> None:
    cell = make("lru", 50, 100, r_min=0.8, r_max=0.95)
    weights = initialise(cell, np.random.default_rng(0))
    first = {name: np.zeros((1, size)) for name, size in cell.state_sizes.items()}
    inputs = np.random.default_rng(1).standard_normal((4000, 1, 50))
    found = step_by_step(cell, weights, inputs, first)
    assert (found["real"] ** 2 + found["imaginary"] ** 2).mean() == pytest.approx(1, rel=SAMPLING)


def test_a_known_memory_spreads_the_time_scales() -> None:
    decay = np.exp(initialise(make("lru", 2, 300), np.random.default_rng(0), memory=1000)["log_decay"])
    assert 1 <= 1 / decay.max() < 1 / decay.min() <= 999
    assert np.mean(1 / decay) == pytest.approx(500, rel=2 * SAMPLING)


@pytest.mark.parametrize("wrong", [{"r_min": 0.9, "r_max": 0.5}, {"r_max": 1.1}, {"r_min": -0.1}, {"max_phase": 0.0}])
def test_impossible_rings_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(SettingsError, match="the ring needs 0 <= r_min < r_max <= 1"):
        make("lru", 2, 3, **wrong)
