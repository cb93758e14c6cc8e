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
