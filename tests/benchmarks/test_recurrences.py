from __future__ import annotations

import numpy as np
import pytest
import torch

from benchmarks.mingru import log_space_scan, loop
from benchmarks.recurrences import BYTES, Given, Projected
from elman.cells import NumpyOps, initialise
from tolerances import FLOAT32_RECURRENCE, FLOAT64_RECURRENCE, ROUNDING


@pytest.mark.parametrize("name", ["mingru", "sru", "rg_lru"])
def test_it_is_the_cell_on_products_that_are_there(name: str) -> None:
    cell = Projected.of(name, 4)
    rng = np.random.default_rng(0)
    params = initialise(cell.within, rng)
    x = rng.standard_normal((2, cell.within.input_size))
    state = {each: rng.standard_normal((2, size)) for each, size in cell.state_sizes.items()}
    expected = cell.within.step(NumpyOps(), x, state, params)
    found = cell.step(NumpyOps(), x @ params["weight_ih"].T, state, params)
    for each, value in expected.items():
        np.testing.assert_allclose(found[each], value, rtol=ROUNDING, atol=ROUNDING)


def test_bytes_are_counted_once() -> None:
    """Forward 2 products read and a state written; backward a gradient, both products and a state read, 2 written."""
    assert Projected.of("mingru", 16).least_bytes() == BYTES * 16 * (2 + 1 + 1 + 2 + 1 + 2)
    # Four products; the output is written and not read again.
    assert Projected.of("sru", 16).least_bytes() == BYTES * 16 * (4 + 2 + 1 + 4 + 1 + 4)


def test_the_rivals_compute_the_same() -> None:
    given = Given.of(Projected.of("mingru", 5), 2, 30, start=0.5)
    products, before = given.products.detach().double(), given.state["hidden"].double()
    exact = loop(products, before)
    torch.testing.assert_close(
        log_space_scan(products, before), exact, rtol=FLOAT64_RECURRENCE, atol=FLOAT64_RECURRENCE
    )
    given.params["bias_ih"].data.zero_()
    outputs = given.training(Projected.of("mingru", 5), "compiled")()[0]
    torch.testing.assert_close(outputs.double(), exact, rtol=FLOAT32_RECURRENCE, atol=FLOAT32_RECURRENCE)
