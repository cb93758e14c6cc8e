from __future__ import annotations

import numpy as np
import pytest

from elman import cells
from elman.compiler import compiled_cell
from elman.compiler.compiled_cell import CompiledCell
from tolerances import FLOAT64_RECURRENCE

CLOSE = {"rtol": FLOAT64_RECURRENCE, "atol": FLOAT64_RECURRENCE}


def draw(cell: cells.Cell, seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {name: rng.normal(0, 0.5, parameter.shape) for name, parameter in cell.parameters().items()}


@pytest.mark.parametrize("name", ["gru", "lstm_layer_norm"])
def test_short_runs_of_any_length_give_what_long_ones_do(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Longer and shorter ones in turn, other batches between them, parameters changed in place and for others."""
    cell = cells.make(name, 5, 7)
    short, long = CompiledCell(cell, "float64"), CompiledCell(cell, "float64")
    rng = np.random.default_rng(0)
    params = draw(cell, 1)
    for time, batch, change in [(3, 1, ""), (9, 1, ""), (4, 1, "place"), (6, 9, ""), (4, 1, "others"), (8, 9, "place")]:
        if change == "place":
            params["weight_hh"] *= 0.7
        elif change == "others":
            params = draw(cell, 2)
        x, first = (
            rng.normal(size=(time * batch, 5)),
            {n: rng.normal(size=(batch, s)) for n, s in cell.state_sizes.items()},
        )
        found = short.infer(x, [batch] * time, first, params)
        with monkeypatch.context() as patch:
            patch.setattr(compiled_cell, "SHORT_RUN", -1)
            expected = long.infer(x, [batch] * time, first, params)
        for state, value in expected.items():
            np.testing.assert_allclose(found[state], value, **CLOSE, err_msg=f"{state}, {time} steps of {batch}")
    assert len(short._desks) == 2
    assert not long._desks


def test_what_a_run_gave_stays_as_it_is() -> None:
    cell = cells.make("rnn", 2, 3)
    compiled, params = CompiledCell(cell, "float64"), draw(cell, 0)
    first = compiled.infer(np.ones((4, 2)), [1] * 4, {"hidden": np.zeros((1, 3))}, params)["hidden"]
    before = first.copy()
    compiled.infer(-np.ones((4, 2)), [1] * 4, {"hidden": np.ones((1, 3))}, params)
    np.testing.assert_array_equal(first, before)


def test_desks_are_few() -> None:
    cell = cells.make("rnn", 2, 3)
    compiled, params = CompiledCell(cell, "float64"), draw(cell, 0)
    for batch in range(1, compiled_cell.DESKS + 4):
        compiled.infer(np.ones((batch, 2)), [batch], {"hidden": np.zeros((batch, 3))}, params)
    assert len(compiled._desks) == compiled_cell.DESKS
