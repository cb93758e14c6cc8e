from __future__ import annotations

import ctypes
from functools import cache

import numpy as np
import pytest
from llvmlite import ir

import tolerances
from elman.compiler.machine import Code, Host, compile_object
from elman.compiler.vector import FAST_EXP, FAST_SIGMOID, FAST_TANH, FORMATS, SINE_END, TANH_END, Vectors

#: Function of one argument -> the same in NumPy, and arguments from where to where.
UNARY = {
    "exp": (np.exp, -120.0, 100.0),
    "log": (np.log, 1e-44, 1e30),
    "tanh": (np.tanh, -30.0, 30.0),
    "sigmoid": (lambda x: 1 / (1 + np.exp(-x)), -80.0, 80.0),
    "sqrt": (np.sqrt, 1e-30, 1e30),
    "sin": (np.sin, -SINE_END, SINE_END),
    "cos": (np.cos, -SINE_END, SINE_END),
    "floor": (np.floor, -1e6, 1e6),
    "rsqrt": (lambda x: 1 / np.sqrt(x), 1e-30, 1e30),
    "relu": (lambda x: np.maximum(x, 0), -3.0, 3.0),
    "negative": (np.negative, -3.0, 3.0),
}
PRECISIONS = ["float32", "float64"]


@cache
def compiled(name: str, precision: str, host: Host, activations: str) -> Code:
    """``void f(in, out)`` on one vector."""
    form, width = FORMATS[precision], host.lanes(precision)
    module = ir.Module()
    vector = ir.VectorType(form.scalar, width)
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), [vector.as_pointer()] * 2), "f")
    builder = ir.IRBuilder(function.append_basic_block())
    vectors = Vectors(builder, precision, width, activations)  # type: ignore[arg-type]
    loaded = builder.load(function.args[0], align=1)
    builder.store(getattr(vectors, name)(loaded), function.args[1], align=1)
    builder.ret_void()
    return Code(compile_object(str(module), host))


def run(name: str, values: np.ndarray, host: Host, activations: str = "exact") -> np.ndarray:
    width = host.lanes(str(values.dtype))
    padded = np.resize(values, -(-len(values) // width) * width).copy()
    found = np.empty_like(padded)
    address = compiled(name, str(values.dtype), host, activations).address("f")
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
@pytest.mark.parametrize("activations", ["exact", "fast"])
def test_nan_stays_nan(name: str, precision: str, activations: str, host: Host) -> None:
    assert np.isnan(run(name, np.full(3, np.nan, precision), host, activations)).all()


@pytest.mark.parametrize("precision", PRECISIONS)
def test_values_at_the_edges(precision: str, host: Host) -> None:
    edges = np.array([-np.inf, -0.0, 0.0, np.inf], precision)
    np.testing.assert_array_equal(run("exp", edges, host), [0, 1, 1, np.inf])
    np.testing.assert_array_equal(run("tanh", edges, host), [-1, 0, 0, 1])
    # Far below, sigmoid stays at the smallest normal number.
    nothing = 2 * FORMATS[precision].tiny
    np.testing.assert_allclose(run("sigmoid", edges, host), [0, 0.5, 0.5, 1], rtol=0, atol=nothing)
    np.testing.assert_array_equal(run("log", edges[1:], host), [-np.inf, -np.inf, np.inf])
    np.testing.assert_array_equal(run("sqrt", edges[1:], host), [0, 0, np.inf])
    np.testing.assert_array_equal(run("rsqrt", edges[1:], host), [-np.inf, np.inf, 0])
    for name in ("log", "sqrt", "rsqrt"):
        assert np.isnan(run(name, np.array([-1.0], precision), host)).all()


@pytest.mark.parametrize("precision", PRECISIONS)
def test_floor_holds_for_every_number(precision: str, host: Host) -> None:
    end = 2.0 ** FORMATS[precision].mantissa_bits
    whole = np.array([end - 1, end, end + 2, 4 * end, np.inf])
    x = np.concatenate([np.arange(-3, 3, 0.25), [end / 2 - 0.5, 1 - 2.0**-24], whole, -whole]).astype(precision)
    np.testing.assert_array_equal(run("floor", x, host), np.floor(x))


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("name", ["sin", "cos"])
def test_sines_hold_near_their_zeros_and_far_away(name: str, precision: str, host: Host) -> None:
    turns = np.concatenate([np.arange(-40, 41), np.random.default_rng(1).integers(2**19, 2**20, 2000)])
    x = np.concatenate([(turns * (np.pi / 2)), [-0.0]]).astype(precision)
    exact = getattr(np, name)(x.astype(np.longdouble))
    error = np.abs(run(name, x, host) - exact) / np.spacing(np.abs(exact.astype(precision)))
    assert error.max() <= tolerances.ULPS
    # Beyond all reduction it is still a sine; of infinity there is none.
    far = run(name, np.array([1e9, -1e15, 1e30], precision), host)
    assert np.abs(far).max() <= 1
    assert np.isnan(run(name, np.array([np.inf, -np.inf], precision), host)).all()


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize(("name", "bound"), [("tanh", FAST_TANH), ("sigmoid", FAST_SIGMOID)])
def test_fast_activations_keep_their_bounds(name: str, bound: float, precision: str, host: Host) -> None:
    exact, low, high = UNARY[name]
    end = 2 * TANH_END  # of sigmoid; from there on, and from half of it for tanh, the value stays the same
    x = np.concatenate([np.linspace(-end, end, 40_001), samples(low, high, "float64"), [-np.inf, np.inf]])
    x = np.sort(x.astype(precision))
    found = run(name, x, host, "fast")
    assert np.abs(found - exact(x.astype(np.float64))).max() <= bound
    assert found.min() >= (-1 if name == "tanh" else 0)
    assert found.max() <= 1
    # What grows does so but for the error of an estimated reciprocal.
    assert np.diff(found).min() >= -2 * bound


@pytest.mark.parametrize("precision", PRECISIONS)
def test_fast_tanh_is_odd_and_nearly_the_identity_near_zero(precision: str, host: Host) -> None:
    x = np.concatenate([[0.0], samples(1e-30, 10.0, precision)]).astype(precision)
    found = run("tanh", x, host, "fast")
    np.testing.assert_array_equal(run("tanh", -x, host, "fast"), -found)
    np.testing.assert_allclose(found, np.tanh(x), rtol=FAST_TANH, atol=0)
    assert run("sigmoid", np.zeros(1, precision), host, "fast") == 0.5


@pytest.mark.parametrize("precision", PRECISIONS)
def test_fast_exp_keeps_its_bound(precision: str, host: Host) -> None:
    x = np.append(samples(-80.0, 80.0, precision), np.array([0.0, -np.inf, np.inf], precision))
    found = run("exp", x, host, "fast")
    np.testing.assert_allclose(found, np.exp(x), rtol=FAST_EXP, atol=0)
    assert found[-3] == 1


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("count", [1, 2, 4])
def test_sums_of_several_vectors_at_once_are_the_bits_of_each_alone(count: int, precision: str, host: Host) -> None:
    form, lanes = FORMATS[precision], host.lanes(precision)
    if count > lanes:
        return
    module = ir.Module()
    pointer = ir.PointerType()
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), [pointer] * 3), "f")
    builder = ir.IRBuilder(function.append_basic_block())
    vectors = Vectors(builder, precision, lanes)  # type: ignore[arg-type]
    rows = []
    for n in range(count):
        place = ir.Constant(ir.IntType(64), n * lanes)
        address = builder.gep(function.args[0], [place], source_etype=form.scalar)
        rows.append(builder.load(address, typ=vectors.type, align=1))
    builder.store(vectors.totals(rows), function.args[1], align=1)
    for n, row in enumerate(rows):
        address = builder.gep(function.args[2], [ir.Constant(ir.IntType(64), n)], source_etype=form.scalar)
        builder.store(vectors.total(row), address, align=1)
    builder.ret_void()
    code = Code(compile_object(str(module), host))
    values = np.random.default_rng(0).standard_normal((count, lanes)).astype(precision)
    together, alone = np.zeros((2, count), precision)
    call = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 3)(code.address("f"))
    call(values.ctypes.data, together.ctypes.data, alone.ctypes.data)
    np.testing.assert_array_equal(together, alone)
    np.testing.assert_allclose(together, values.astype(np.longdouble).sum(1), rtol=1e-5)
