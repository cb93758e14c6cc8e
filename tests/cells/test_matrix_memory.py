from __future__ import annotations

import numpy as np
import pytest

from elman.cells import NumpyOps, make
from elman.cells.matrix_memory import MatrixMemory, of_unit_length, softplus
from elman.errors import SettingsError
from tolerances import ROUNDING

OPS, RNG = NumpyOps(), np.random.default_rng(0)
CLOSE = {"rtol": ROUNDING, "atol": ROUNDING}


def test_each_head_writes_and_reads_its_own_matrix() -> None:
    shape = MatrixMemory(heads=2, keys=3, values=4)
    k, q, v = (RNG.standard_normal((5, 2 * size)) for size in (3, 3, 4))
    number = RNG.standard_normal((5, 2))
    memory = shape.along_heads(OPS, number) * shape.along_keys(OPS, k) * shape.along_values(OPS, v)
    matrices = np.einsum("bh,bhk,bhv->bhkv", number, k.reshape(5, 2, 3), v.reshape(5, 2, 4))
    np.testing.assert_allclose(memory, matrices.reshape(5, shape.size), **CLOSE)
    expected = np.einsum("bhkv,bhk->bhv", matrices, q.reshape(5, 2, 3))
    np.testing.assert_allclose(shape.read(OPS, memory, q), expected.reshape(5, -1), **CLOSE)


def test_vectors_of_each_head_get_unit_length_and_zeros_stay() -> None:
    x = RNG.standard_normal((5, 8)) * 10
    x[0, :4] = 0
    found = of_unit_length(OPS, x, 2, 4).reshape(5, 2, 4)
    assert not found[0, 0].any()
    lengths = np.delete(np.linalg.norm(found, axis=-1).reshape(-1), 0)
    np.testing.assert_allclose(lengths, 1, rtol=1e-6)


def test_softplus_holds_at_any_size() -> None:
    with np.errstate(over="raise"):
        np.testing.assert_allclose(softplus(OPS, np.array([-1e3, 0.0, 1.0, 1e3])), [0, np.log(2), np.log1p(np.e), 1e3])


@pytest.mark.parametrize("name", ["mlstm", "gated_delta", "rwkv7"])
@pytest.mark.parametrize("heads", [0, 3, 1.5])
def test_heads_share_the_units_equally(name: str, heads: int) -> None:
    with pytest.raises(SettingsError, match=f"Cell {name}: heads must divide hidden_size 8, not {heads}"):
        make(name, 2, 8, heads=heads)


@pytest.mark.parametrize("name", ["mlstm", "gated_delta"])
def test_keys_are_as_long_as_values_unless_said_otherwise(name: str) -> None:
    assert make(name, 2, 8, heads=2).state_sizes["memory"] == 2 * 4 * 4
    assert make(name, 2, 8, heads=2, key_size=3).state_sizes["memory"] == 2 * 3 * 4
    with pytest.raises(SettingsError, match=r"key_size must be 0 \(as long as values are, 4\) or more, not -1"):
        make(name, 2, 8, heads=2, key_size=-1)
