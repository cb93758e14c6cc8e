from __future__ import annotations

import numpy as np

from elman.cells import NumpyOps
from tolerances import ROUNDING

OPS = NumpyOps()


def close(one: np.ndarray, other: object) -> None:
    np.testing.assert_allclose(one, np.asarray(other), rtol=ROUNDING, atol=ROUNDING)


def test_linear_multiplies_by_the_transposed_weight() -> None:
    x, weight = np.array([[1.0, 2.0]]), np.array([[3.0, 4.0], [5.0, 6.0], [7.0, 8.0]])
    close(OPS.linear(x, weight), [[11, 17, 23]])
    close(OPS.linear(x, weight, np.array([1.0, 0.0, -1.0])), [[12, 17, 22]])


def test_split_cuts_the_last_axis_or_the_one_named() -> None:
    x = np.arange(8.0).reshape(2, 4)
    assert [part.tolist() for part in OPS.split(x, 2)] == [[[0, 1], [4, 5]], [[2, 3], [6, 7]]]
    assert [part.tolist() for part in OPS.split(x, 2, axis=0)] == [[[0, 1, 2, 3]], [[4, 5, 6, 7]]]


def test_join_puts_features_side_by_side() -> None:
    x = np.arange(8.0).reshape(2, 4)
    assert np.array_equal(OPS.join(*OPS.split(x, 4)), x)
    assert OPS.join(x, x[:, :1]).tolist() == [[0, 1, 2, 3, 0], [4, 5, 6, 7, 4]]


def test_sigmoid_holds_at_any_size() -> None:
    close(OPS.sigmoid(np.array([-1e4, 0.0, 1e4])), [0, 0.5, 1])
    close(OPS.sigmoid(np.array([1.0])), [1 / (1 + np.exp(-1))])


def test_element_by_element() -> None:
    x, y = np.array([-1.0, 2.0]), np.array([3.0, -4.0])
    close(OPS.relu(x), [0, 2])
    close(OPS.tanh(x), np.tanh(x))
    close(OPS.log(OPS.exp(x)), x)
    close(OPS.sqrt(x * x), [1, 2])
    close(OPS.sin(x), np.sin(x))
    close(OPS.cos(x), np.cos(x))
    close(OPS.floor(x + 0.5), [-1, 2])
    close(OPS.maximum(x, y), [3, 2])
    close(OPS.minimum(x, y), [-1, -4])
    close(OPS.where(x > 0, x, y), [3, 2])


def test_over_the_features() -> None:
    x = np.array([[1.0, 2.0, 6.0]])
    close(OPS.sum(x), [[9]])
    close(OPS.mean(x), [[3]])
    normal = OPS.layer_norm(x, np.full(3, 2.0), np.full(3, 5.0))
    close(normal.mean(-1), [5])
    np.testing.assert_allclose(normal.std(-1), [2], rtol=1e-5)
    close(OPS.layer_norm(x, np.full(3, 2.0)), normal - 5)


def test_batch_norm_by_stored_statistics() -> None:
    x, mean, variance, weight = np.array([[1.0, 2.0, 6.0]]), np.ones(3), np.array([1.0, 4, 25]), np.full(3, 2.0)
    normal = OPS.batch_norm(x, mean, variance, weight)
    np.testing.assert_allclose(normal, [[0, 1, 2]], rtol=1e-5)
    close(OPS.batch_norm(x, mean, variance, weight, np.full(3, 5.0)), normal + 5)


def test_expand_repeats_pieces_in_place_and_fold_adds_them_up() -> None:
    x = np.array([[1.0, 2.0, 3.0, 4.0]])
    assert OPS.expand(x, 2, 3).tolist() == [[1, 2, 1, 2, 1, 2, 3, 4, 3, 4, 3, 4]]
    assert OPS.expand(x, 4, 2).tolist() == [[1, 1, 2, 2, 3, 3, 4, 4]]
    assert OPS.fold(OPS.expand(x, 2, 3), 2, 3).tolist() == (3 * x).tolist()
    assert OPS.fold(x, 1, 2).tolist() == [[4, 6]]


def test_a_matrix_memory_is_written_by_outer_products_and_read_by_folds() -> None:
    heads, keys, values = 2, 3, 4
    k, q = np.random.default_rng(0).standard_normal((2, 5, heads, keys))
    v = np.random.default_rng(1).standard_normal((5, heads, values))
    flat_k, flat_v, flat_q = (each.reshape(5, -1) for each in (k, v, q))
    memory = OPS.expand(flat_k, heads * keys, values) * OPS.expand(flat_v, heads, keys)
    close(memory, np.einsum("bhk,bhv->bhkv", k, v).reshape(5, -1))
    read = OPS.fold(memory * OPS.expand(flat_q, heads * keys, values), heads, keys)
    close(read, np.einsum("bhkv,bhk->bhv", memory.reshape(5, heads, keys, values), q).reshape(5, -1))
