from __future__ import annotations

import json
import math

import numpy as np
import pytest
import torch

from diagnostics.linear import linear, mixed, of
from elman import plots
from elman.diagnostics.lyapunov import lyapunov, plot_spectra
from elman.errors import DataError, SettingsError
from elman.nn import Recurrent
from tolerances import LONG_RUN


@pytest.mark.parametrize("eigenvalues", [[0.8], [1.02], [0.95, 0.7, -0.4, 0.1]])
def test_exponents_of_a_linear_network_are_its_eigenvalues(eigenvalues: list[float]) -> None:
    found = lyapunov(linear(mixed(eigenvalues), time=300, batch=1))
    np.testing.assert_allclose(found.exponents, np.log(np.abs(eigenvalues)), atol=LONG_RUN)
    top = math.log(eigenvalues[0])
    assert found.half_life == pytest.approx(math.inf if top > 0 else math.log(2) / -top, rel=LONG_RUN)


def test_a_turning_pair_has_one_exponent_twice() -> None:
    turn = 0.9 * np.array([[math.cos(1), -math.sin(1)], [math.sin(1), math.cos(1)]])
    stretch = np.diag([1.0, 3.0])
    found = lyapunov(linear(stretch @ turn @ np.linalg.inv(stretch), time=2000, batch=1))
    np.testing.assert_allclose(found.exponents, math.log(0.9), atol=LONG_RUN)


def test_what_is_forgotten_at_once_has_an_exponent_of_minus_infinity() -> None:
    found = lyapunov(linear(np.array([[0.5, 1.0], [0.0, 0.0]])))
    assert found.exponents.tolist() == [pytest.approx(math.log(0.5)), -math.inf]
    assert found.to_dict()["exponents"][1] is None


def test_the_largest_ones_of_many_are_the_same() -> None:
    torch.manual_seed(0)
    subject = of(Recurrent("gru", 3, 10), time=200)
    all_of_them, some = lyapunov(subject), lyapunov(subject, directions=2)
    assert (all_of_them.size, len(some.exponents)) == (10, 2)
    np.testing.assert_allclose(some.exponents, all_of_them.exponents[:2], atol=0.02)
    assert (all_of_them.exponents.diff() <= 0).all()


def test_it_is_told_drawn_and_written() -> None:
    found = lyapunov(linear(np.array([[0.5]])))
    assert "-0.6931 per step" in str(found)
    assert "after 1 step" in str(found)
    assert "do not fade" in str(lyapunov(linear(np.array([[1.0]]))))
    assert json.loads(json.dumps(found.to_dict(), allow_nan=False))["half_life"] == pytest.approx(1.0)
    assert plots.png(plot_spectra(found, lyapunov(linear(np.diag([1.0, 0.0])))))


def test_short_sequences_and_too_many_directions_are_refused() -> None:
    with pytest.raises(DataError, match="at least 10 steps, found 9"):
        lyapunov(linear(np.eye(2), time=9))
    with pytest.raises(SettingsError, match="from 1 to the 2 numbers"):
        lyapunov(linear(np.eye(2)), directions=3)
