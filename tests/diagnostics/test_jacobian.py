from __future__ import annotations

import json
import math

import numpy as np
import pytest
import torch

from diagnostics.linear import linear, mixed, of
from elman import plots
from elman.diagnostics.jacobian import Product, jacobian
from elman.errors import UsageError
from elman.nn import Recurrent
from tolerances import LONG_RUN, ROUNDING


def test_a_product_of_few_matrices_is_their_product() -> None:
    generator = torch.Generator().manual_seed(0)
    matrices = torch.randn(6, 5, 5, generator=generator, dtype=torch.float64)
    matrices[2, :, 1] = 0  # a direction is lost for good
    product = Product(5)
    for matrix in matrices:
        product.multiply(matrix)
    expected = torch.linalg.multi_dot([*reversed(matrices)])
    torch.testing.assert_close(product.matrix(), expected, rtol=1e3 * ROUNDING, atol=1e3 * ROUNDING)


@pytest.mark.parametrize("scale", [0.3, 3.0])
def test_a_product_of_ten_thousand_stays_finite(scale: float) -> None:
    generator = torch.Generator().manual_seed(0)
    product = Product(4)
    draws = torch.linalg.qr(torch.randn(10_000, 4, 4, generator=generator, dtype=torch.float64))[0]
    sizes = torch.tensor([1, 0.5, 0.25, 1e-3], dtype=torch.float64)
    for matrix in draws:
        product.multiply(scale * sizes[:, None] * matrix)
    assert product.logs.isfinite().all()
    assert product.t.isfinite().all()
    # The determinant of the product is the product of the determinants.
    expected = 10_000 * (4 * math.log(scale) + float(sizes.log().sum()))
    found = float(product.logs.sum() + torch.linalg.slogdet(product.t)[1])
    assert found == pytest.approx(expected, rel=1e-6)


def test_a_zero_matrix_leaves_nothing() -> None:
    product = Product(3)
    for matrix in (torch.eye(3), torch.zeros(3, 3), torch.eye(3)):
        product.multiply(matrix.double())
    assert (product.logs == -math.inf).all()
    assert not product.matrix().any()


def test_a_linear_network_has_its_matrix_everywhere() -> None:
    matrix = mixed([0.9, -0.5, 0.2])
    found = jacobian(linear(matrix, time=200))
    for step in found.matrices.numpy():
        np.testing.assert_allclose(step, matrix, rtol=ROUNDING, atol=ROUNDING)
    np.testing.assert_allclose(found.radii, 0.9, rtol=1e3 * ROUNDING)
    np.testing.assert_allclose(found.singular_values[0], np.linalg.svd(matrix)[1], rtol=1e3 * ROUNDING)
    rates = (found.products[-1] - found.products[99]) / 100
    np.testing.assert_allclose(rates, np.log([0.9, 0.5, 0.2]), atol=LONG_RUN)
    assert found.names == ["hidden_l0[0]", "hidden_l0[1]", "hidden_l0[2]"]


def test_it_is_told_drawn_and_written() -> None:
    found = jacobian(of(Recurrent("lstm", 2, 3)))
    assert "spectral radius" in str(found)
    assert json.loads(json.dumps(found.to_dict(), allow_nan=False))["steps"] == [0, 30, 59]
    assert plots.png(found.plot())


def test_a_state_too_large_for_matrices_is_refused() -> None:
    with pytest.raises(UsageError, match=r"has 2401 numbers, but .* up to 2048 only: use lyapunov"):
        jacobian(of(Recurrent("mlstm", 1, 48), time=1, batch=1))
