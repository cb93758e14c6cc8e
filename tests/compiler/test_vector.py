from __future__ import annotations

import ctypes
from functools import cache

import numpy as np
import pytest
from llvmlite import ir

import tolerances
from elman.compiler.machine import Code, Host, compile_object
from elman.compiler.vector import FORMATS, Vectors

#: Function of one argument -> the same in NumPy, and arguments from where to where.
UNARY = {
    "exp": (np.exp, -120.0, 100.0),
    "log": (np.log, 1e-44, 1e30),
    "tanh": (np.tanh, -30.0, 30.0),
    "sigmoid": (lambda x: 1 / (1 + np.exp(-x)), -80.0, 80.0),
    "rsqrt": (lambda x: 1 / np.sqrt(x), 1e-30, 1e30),
    "relu": (lambda x: np.maximum(x, 0), -3.0, 3.0),
    "negative": (np.negative, -3.0, 3.0),
}
PRECISIONS = ["float32", "float64"]


@cache
def compiled(name: str, precision: str, host: Host) -> Code:
    """``void f(in, out)`` on one vector."""
    form, width = FORMATS[precision], host.lanes(precision)
    module = ir.Module()
    vector = ir.VectorType(form.scalar, width)
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), [vector.as_pointer()] * 2), "f")
    builder = ir.IRBuilder(function.append_basic_block())
    vectors = Vectors(builder, precision, width)  # type: ignore[arg-type]
    loaded = builder.load(function.args[0], align=1)
    builder.store(getattr(vectors, name)(loaded), function.args[1], align=1)
    builder.ret_void()
    return Code(compile_object(str(module), host))


def run(name: str, values: np.ndarray, host: Host) -> np.ndarray:
    width = host.lanes(str(values.dtype))
    padded = np.resize(values, -(-len(values) // width) * width).copy()
    found = np.empty_like(padded)
    address = compiled(name, str(values.dtype), host).address("f")
    call = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p)(address)
    for start in range(0, len(padded), width):
        call(padded[start:].ctypes.data, found[start:].ctypes.data)
    return found[: len(values)]


def samples(low: float, high: float, precision: str) -> np.ndarray:
    rng = np.random.default_rng(0)
    even = np.exp(rng.uniform(np.log(low), np.log(high), 4000)) if low > 0 else rng.uniform(low, high, 4000)
    small = np.exp(rng.uniform(-80, 0, 1000)) * (1 if low > 0 else rng.choice([-1, 1], 1000))
    return np.concatenate([even, small[small >= low]]).astype(precision)


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("name", UNARY)
def test_functions_are_exact_to_a_few_ulp(name: str, precision: str, host: Host) -> None:
    exact, low, high = UNARY[name]
    x = samples(low, high, precision)
    found = run(name, x, host)
    with np.errstate(over="ignore", under="ignore"):
        wide = exact(x.astype(np.longdouble))
        wanted = wide.astype(precision)
    finite = np.isfinite(wanted)
    assert np.array_equal(found[~finite], wanted[~finite])
    error = np.abs(found[finite] - wide[finite]) / np.spacing(np.abs(wanted[finite]))
    assert error.max() <= tolerances.ULPS


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("name", UNARY)
def test_nan_stays_nan(name: str, precision: str, host: Host) -> None:
    assert np.isnan(run(name, np.full(3, np.nan, precision), host)).all()


@pytest.mark.parametrize("precision", PRECISIONS)
def test_values_at_the_edges(precision: str, host: Host) -> None:
    edges = np.array([-np.inf, -0.0, 0.0, np.inf], precision)
    np.testing.assert_array_equal(run("exp", edges, host), [0, 1, 1, np.inf])
    np.testing.assert_array_equal(run("tanh", edges, host), [-1, 0, 0, 1])
    # Far below, sigmoid stays at the smallest normal number.
    nothing = 2 * FORMATS[precision].tiny
    np.testing.assert_allclose(run("sigmoid", edges, host), [0, 0.5, 0.5, 1], rtol=0, atol=nothing)
    np.testing.assert_array_equal(run("log", edges[1:], host), [-np.inf, -np.inf, np.inf])
    assert np.isnan(run("log", np.array([-1.0], precision), host)).all()
