"""Vectors of one floating type in LLVM's language: arithmetic, and the functions that cells use, exact to a few ulp.

The functions are branch-free. ``exp`` and ``expm1`` split x = n ln 2 + r with |r| <= ln 2 / 2 and sum a polynomial for
e^r - 1, long enough for the type; ``tanh`` and ``sigmoid`` are made of these, ``log`` of the series of atanh. ``sin``
and ``cos`` split x = n pi / 2 + r with |r| <= pi / 4; up to `SINE_END` they are as exact as the others, beyond it as if
x had been rounded. NaN stays NaN, and what overflows becomes infinite.

With ``fast`` activations ``tanh`` and ``sigmoid`` are one ratio of polynomials, within `FAST_TANH` and `FAST_SIGMOID`
of the exact value, and ``exp`` has a shorter polynomial, within `FAST_EXP` of it, relative to itself. They keep what
networks rely on: tanh(0) is 0 and tanh(-x) is -tanh(x), tanh stays within -1 and 1, sigmoid within 0 and 1.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from llvmlite import ir

from elman.cells.cell import Activations

Precision: TypeAlias = Literal["float32", "float64"]

#: Bounds of the errors of fast activations: absolute ones, and for exp one relative to the value.
FAST_TANH, FAST_SIGMOID, FAST_EXP = 1.3e-4, 6.5e-5, 1e-5


@dataclass(frozen=True)
class Format:
    """What the functions need to know of a floating type."""

    scalar: Any
    integer: Any
    mantissa_bits: int
    exponent_bias: int
    suffix: str
    #: Coefficients of q in e^r - 1 = r + r^2 q(r) for |r| <= ln 2 / 2, constant first.
    exp_series: tuple[float, ...]
    log_terms: int
    #: Arguments beyond which exp is 0, or infinite, in this type.
    exp_range: tuple[float, float]
    #: Multiples of this in the high part of ln 2 are exact for every exponent.
    ln2_high: float
    tiny: float
    #: Arguments from which sigmoid is the smallest normal number, and those of expm1 from which tanh is 1.
    sigmoid_limit: float
    tanh_limit: float

    @property
    def scalar_bytes(self) -> int:
        """Bytes of one number."""
        return int(self.integer.width) // 8

    @property
    def rounder(self) -> float:
        """Added and taken away again, it rounds to a whole number n; the sum's last bits are the exponent of 2^n."""
        return 1.5 * 2.0**self.mantissa_bits + self.exponent_bias


# Minimax polynomials by Remez' exchange, in 50 digits: of their degree those with the least error of e^r - 1, relative
# to itself. It is 1.3e-8 in float32 and 1.8e-17 in float64, a quarter of the last place and less; power series need one
# or two terms more for that.
FORMATS: dict[str, Format] = {
    "float32": Format(
        ir.FloatType(), ir.IntType(32), 23, 127, "f32",
        (0.49999998154059619, 0.16666543621031182, 0.041667199855066106, 0.0083665205757436045, 0.0013882521767132332),
        5, (-104.0, 89.0),
        float.fromhex("0x1.62e4p-1"), 2.0**-126, 87.0, 20.0,
    ),
    "float64": Format(
        ir.DoubleType(), ir.IntType(64), 52, 1023, "f64",
        (
            0.50000000000000051793, 0.1666666666666658928, 0.041666666666576754783, 0.0083333333333895521419,
            0.0013888888931564845713, 1.9841269719005343415e-4, 2.4801505273827252546e-5, 2.7557407545020755863e-6,
            2.7626037876158938353e-7, 2.5053773975691708321e-8,
        ),
        11, (-746.0, 710.0),
        float.fromhex("0x1.62e42fee00000p-1"), 2.0**-1022, 708.0, 40.0,
    ),
}  # fmt: skip

#: The same with three coefficients; e^r is within 8.5e-6 of itself.
FAST_SERIES = (0.50001653409115259, 0.16749644795981562, 0.041610002008425239)

#: Polynomials P and Q, constant first, with tanh x = x P(x^2) / Q(x^2) for |x| <= TANH_END: of their degrees those
#: with the least relative error, 2.7e-6, found by weighted least squares. At the end they give 1 - 6.4e-5, which stays
#: below 1 when a reciprocal of 14 bits is off by 2^-14.
TANH_ABOVE = (0.999997273, 0.116276845, 0.00161274542)
TANH_BELOW = (1.0, 0.449589267, 0.0181696535, 6.27738421e-05)
TANH_END = 5.2

#: The same for sin r = r + r^3 p(r^2), and for cos r = 1 - r^2 / 2 + r^4 p(r^2), with |r| <= pi / 4; both are within
#: 4e-18 of the exact value, relative to it.
SINE_SERIES = (
    -0.16666666666666630709, 0.0083333333333221130937, -1.9841269829584869805e-4, 2.7557313619691704072e-6,
    -2.5050747487531569642e-8, 1.5896213668718954409e-10,
)  # fmt: skip
COSINE_SERIES = (
    0.041666666666666592876, -0.0013888888888873048324, 2.4801587288846490308e-5, -2.7557314177745326008e-7,
    2.0875700625366501739e-9, -1.1358525028297369884e-11,
)  # fmt: skip

#: Half of pi in parts of 33 bits: their products with a whole number below 2^20 are exact in float64.
HALF_PI = tuple(
    float.fromhex(part) for part in ("0x1.921fb544p+0", "0x1.0b4611a6p-34", "0x1.3198a2ep-69", "0x1.b839a252p-104")
)
SINE_END = 2.0**20 * HALF_PI[0]

LN2 = (float.fromhex("0x1.62e42fefa39efp-1"), float.fromhex("0x1.abc9e3b39803fp-56"))


def _lanes(numbers: Iterable[int]) -> Any:
    """Which lanes a shuffle takes."""
    found = [ir.Constant(ir.IntType(32), number) for number in numbers]
    return ir.Constant(ir.VectorType(ir.IntType(32), len(found)), found)


class Vectors:
    """Writes instructions on vectors of ``lanes`` numbers at the place where ``builder`` stands."""

    def __init__(
        self, builder: ir.IRBuilder, precision: Precision, lanes: int, activations: Activations = "exact"
    ) -> None:
        self.builder = builder
        self.format = FORMATS[precision]
        self.fast = activations == "fast"
        self.lanes = lanes
        self.type = ir.VectorType(self.format.scalar, lanes)
        self.integers = ir.VectorType(self.format.integer, lanes)

    def constant(self, value: float) -> Any:
        """The number in every lane."""
        return ir.Constant(self.type, [ir.Constant(self.format.scalar, float(value))] * self.lanes)

    def _integer(self, value: int) -> Any:
        return ir.Constant(self.integers, [ir.Constant(self.format.integer, value)] * self.lanes)

    def _call(self, name: str, *operands: Any) -> Any:
        module = self.builder.module
        full = f"llvm.{name}.v{self.lanes}{self.format.suffix}"
        known = module.globals.get(full)
        kind = ir.FunctionType(self.type, [self.type] * len(operands))
        return self.builder.call(known or ir.Function(module, kind, full), operands)

    def everywhere(self, single: Any) -> Any:
        """A number that was loaded, in every lane."""
        empty = ir.Constant(self.type, ir.Undefined)
        one = self.builder.insert_element(empty, single, ir.Constant(ir.IntType(32), 0))
        return self.builder.shuffle_vector(one, empty, _lanes([0] * self.lanes))

    def halves(self, words: Any) -> tuple[Any, Any]:
        """The bfloat16 numbers in the lower halves of words, and those in the upper ones, as float32."""
        lower = self.builder.shl(words, self._integer(16))
        upper = self.builder.and_(words, self._integer(0xFFFF0000))
        return self.builder.bitcast(lower, self.type), self.builder.bitcast(upper, self.type)

    def add(self, x: Any, y: Any) -> Any:
        """``x + y``."""
        return self.builder.fadd(x, y)

    def subtract(self, x: Any, y: Any) -> Any:
        """``x - y``."""
        return self.builder.fsub(x, y)

    def total(self, x: Any) -> Any:
        """The sum over the lanes, a number: of halves, then of halves of these, in this order everywhere."""
        return self.builder.extract_element(self.totals([x]), ir.Constant(ir.IntType(32), 0))

    def totals(self, rows: Sequence[Any]) -> Any:
        """The `total` of each of 1, 2, 4... vectors, not more than there are lanes: a vector of as many numbers."""
        found, terms = list(rows), self.lanes
        while terms > 1:
            # Each vector holds the terms of one row after the other; halves of two vectors fill one.
            half, pairs = terms // 2, [found[n : n + 2] for n in range(0, len(found), 2)]
            found = []
            for pair in pairs:
                firsts = range(0, sum(vector.type.count for vector in pair), terms)
                one, other = pair[0], pair[-1]
                low = [first + n for first in firsts for n in range(half)]
                halves = [
                    self.builder.shuffle_vector(one, other, _lanes(n + shift for n in low)) for shift in (0, half)
                ]
                found.append(self.builder.fadd(*halves))
            terms = half
        return found[0]

    def multiply(self, x: Any, y: Any) -> Any:
        """``x * y``."""
        return self.builder.fmul(x, y)

    def divide(self, x: Any, y: Any) -> Any:
        """``x / y``."""
        return self.builder.fdiv(x, y)

    def negative(self, x: Any) -> Any:
        """``-x``."""
        return self.builder.fneg(x)

    def fma(self, x: Any, y: Any, z: Any) -> Any:
        """``x * y + z``, rounded once where the processor can do that at once."""
        return self._call("fmuladd", x, y, z)

    def greater(self, x: Any, y: Any) -> Any:
        """1 where ``x > y``, else 0."""
        return self.builder.select(self.builder.fcmp_ordered(">", x, y), self.constant(1), self.constant(0))

    def where(self, condition: Any, x: Any, y: Any) -> Any:
        """``x`` where the condition is not 0, else ``y``."""
        return self.builder.select(self.builder.fcmp_unordered("!=", condition, self.constant(0)), x, y)

    def maximum(self, x: Any, y: Any) -> Any:
        """The larger; NaN where one is NaN."""
        return self._choose(self.builder.fcmp_ordered(">", x, y), x, y)

    def minimum(self, x: Any, y: Any) -> Any:
        """The smaller; NaN where one is NaN."""
        return self._choose(self.builder.fcmp_ordered("<", x, y), x, y)

    def _choose(self, first: Any, x: Any, y: Any) -> Any:
        chosen = self.builder.select(first, x, y)
        return self.builder.select(self.builder.fcmp_unordered("uno", x, x), x, chosen)

    def relu(self, x: Any) -> Any:
        """``max(x, 0)``."""
        return self.maximum(x, self.constant(0))

    def floor(self, x: Any) -> Any:
        """The largest whole number that is not above ``x``."""
        # LLVM's own is a call of the C library where the processor has no instruction for it.
        whole = self.constant(2.0**self.format.mantissa_bits)  # all numbers from here on are whole
        shift = self._call("copysign", whole, x)
        nearest = self.subtract(self.add(x, shift), shift)
        above = self.builder.fcmp_ordered(">", nearest, x)
        value = self.builder.select(above, self.subtract(nearest, self.constant(1)), nearest)
        return self.builder.select(self.builder.fcmp_ordered("<", self._call("fabs", x), whole), value, x)

    def sqrt(self, x: Any) -> Any:
        """Square root, exact but for rounding."""
        return self._call("sqrt", x)

    def rsqrt(self, x: Any) -> Any:
        """``1 / sqrt(x)``."""
        if not self._estimates:
            return self.divide(self.constant(1), self.sqrt(x))
        # 14 bits and a step of Newton's method; of 0 and infinity the estimate is right, and the step is not.
        estimate = self._estimate("rsqrt14", x)
        error = self.fma(self.negative(self.multiply(x, estimate)), estimate, self.constant(1))
        value = self.fma(error, self.multiply(estimate, self.constant(0.5)), estimate)
        zero = self.builder.fcmp_ordered("==", x, self.constant(0))
        infinite = self.builder.fcmp_ordered("==", x, self.constant(math.inf))
        return self.builder.select(self.builder.or_(zero, infinite), estimate, value)

    def exp(self, x: Any) -> Any:
        """``e^x``."""
        low, high = self.format.exp_range
        count, bits, rest = self._split(self._between(x, low, high))
        value = self._exp_of_rest(rest)
        if self._estimates:
            return self._scaled(value, count)
        # In two halves, so that neither leaves the range of the type where their product does not.
        power = self.builder.sub(bits, self.builder.bitcast(self.constant(self.format.rounder), self.integers))
        half = self.builder.ashr(power, self._integer(1))
        other = self.builder.sub(power, half)
        return self.multiply(self.multiply(value, self._power_of_two(half)), self._power_of_two(other))

    def sigmoid(self, x: Any) -> Any:
        """``1 / (1 + e^-x)``; beyond the smallest normal number it stays there."""
        if self.fast:
            return self.fma(*self._tanh_ratio(x, 0.5), self.constant(0.5))
        limit = self.format.sigmoid_limit
        _, bits, rest = self._split(self._between(x, -limit, limit), sign=-1)
        below = self.fma(self._exp_of_rest(rest, sign=-1), self._normal_power(bits), self.constant(1))
        return self._reciprocal(below)

    def tanh(self, x: Any) -> Any:
        """Hyperbolic tangent, ``m / (m + 2)`` with ``m = e^2x - 1``."""
        if self.fast:
            return self.multiply(*self._tanh_ratio(x, 1))
        limit = self.format.tanh_limit  # there the result is 1; before it n is small
        _, bits, rest = self._split(self._between(self.add(x, x), -limit, limit), exact=False)
        scale = self._normal_power(bits)
        less_one = self.fma(scale, self._exp_series(rest), self.subtract(scale, self.constant(1)))
        return self.multiply(less_one, self._reciprocal(self.add(less_one, self.constant(2))))

    def log(self, x: Any) -> Any:
        """Natural logarithm: ``n ln 2 + 2 atanh((m - 1) / (m + 1))`` for ``x = 2^n m`` with m near 1."""
        form, builder = self.format, self.builder
        small = builder.fcmp_ordered("<", x, self.constant(form.tiny))
        lift = 2.0 ** (form.mantissa_bits + 1)
        normal = builder.select(small, self.multiply(x, self.constant(lift)), x)
        bits = builder.bitcast(normal, self.integers)
        # Counted from sqrt(1/2), so that m lies between sqrt(1/2) and sqrt(2).
        root = int(math.sqrt(0.5) * 2**form.mantissa_bits * 2) - 2**form.mantissa_bits
        offset = ((form.exponent_bias - 1) << form.mantissa_bits) + root
        shifted = builder.sub(bits, self._integer(offset))
        power = builder.ashr(shifted, self._integer(form.mantissa_bits))
        mantissa = builder.bitcast(builder.sub(bits, builder.shl(power, self._integer(form.mantissa_bits))), self.type)
        ratio = self.divide(self.subtract(mantissa, self.constant(1)), self.add(mantissa, self.constant(1)))
        square = self.multiply(ratio, ratio)
        series = self.constant(0)
        for term in range(form.log_terms, 0, -1):
            series = self.fma(series, square, self.constant(2 / (2 * term + 1)))
        tail = self.multiply(self.multiply(series, square), ratio)
        count = builder.sitofp(power, self.type)
        count = builder.select(small, self.subtract(count, self.constant(form.mantissa_bits + 1)), count)
        value = self.fma(count, self.constant(LN2[0]), self.fma(ratio, self.constant(2), tail))
        zero, infinity = self.constant(0), self.constant(math.inf)
        value = builder.select(builder.fcmp_ordered("==", x, zero), self.constant(-math.inf), value)
        value = builder.select(builder.fcmp_ordered("==", x, infinity), infinity, value)
        value = builder.select(builder.fcmp_ordered("<", x, zero), self.constant(math.nan), value)
        return self._or_nan(x, value)

    def sin(self, x: Any) -> Any:
        """Sine."""
        return self._sine(x, 0)

    def cos(self, x: Any) -> Any:
        """Cosine."""
        return self._sine(x, 1)

    def _sine(self, x: Any, quarters: int) -> Any:
        """The sine of ``x`` and so many quarter turns."""
        if self.format.suffix == "f32":
            # What is left of a large angle has few bits in its own type.
            wide = Vectors(self.builder, "float64", self.lanes)
            return self.builder.fptrunc(wide._sine(self.builder.fpext(x, wide.type), quarters), self.type)
        turns = self.floor(self.fma(x, self.constant(2 / math.pi), self.constant(0.5)))
        rest = x
        for part in HALF_PI:
            rest = self.subtract(rest, self.multiply(turns, self.constant(part)))
        rest = self._between(rest, -1, 1)  # farther than pi / 4 only where x is beyond all that can be reduced
        square = self.multiply(rest, rest)
        sine = self.fma(self.multiply(rest, square), self._polynomial(square, SINE_SERIES), rest)
        cosine = self.fma(square, self._polynomial(square, COSINE_SERIES), self.constant(-0.5))
        cosine = self.fma(square, cosine, self.constant(1))
        # Of the four quarters the second and the fourth are cosines, the third and the fourth negative.
        quarter = self._remainder(self.add(turns, self.constant(quarters)), 4)
        odd = self.builder.fcmp_ordered("==", self._remainder(quarter, 2), self.constant(1))
        value = self.builder.select(odd, cosine, sine)
        return self.builder.select(
            self.builder.fcmp_ordered(">", quarter, self.constant(1)), self.negative(value), value
        )

    def _remainder(self, x: Any, divisor: int) -> Any:
        """What a whole number leaves when it is divided by a power of two."""
        return self.fma(self.floor(self.multiply(x, self.constant(1 / divisor))), self.constant(-divisor), x)

    def _split(self, x: Any, sign: int = 1, *, exact: bool = True) -> tuple[Any, Any, Any]:
        """``(n, bits, r)`` with ``x = sign * n ln 2 + r``; in the last of the bits is n, see `_normal_power`.

        Unless it is to be ``exact``, r is off by n times what rounding to the type does to ln 2.
        """
        rounder = self.constant(self.format.rounder)
        shifted = self.fma(x, self.constant(sign / LN2[0]), rounder)
        count = self.subtract(shifted, rounder)
        high = self.format.ln2_high
        parts = [high, (LN2[0] - high) + LN2[1]] if exact else [LN2[0]]
        rest = x
        for part in parts:
            rest = self.fma(count, self.constant(-sign * part), rest)
        return count, self.builder.bitcast(shifted, self.integers), rest

    def _normal_power(self, bits: Any) -> Any:
        """``2^n`` of the n that `_split` left, where that is a normal number."""
        return self.builder.bitcast(self.builder.shl(bits, self._integer(self.format.mantissa_bits)), self.type)

    def _exp_series(self, x: Any) -> Any:
        """``e^x - 1`` for small x, with a small error relative to itself."""
        series = self._polynomial(x, self._series)
        return self.fma(self.multiply(series, x), x, x)

    def _exp_of_rest(self, x: Any, sign: int = 1) -> Any:
        """``e^(sign * x)`` for small x."""
        return self._polynomial(x, [sign**n * value for n, value in enumerate((1, 1, *self._series))])

    @property
    def _series(self) -> tuple[float, ...]:
        return FAST_SERIES if self.fast else self.format.exp_series

    def _tanh_ratio(self, x: Any, zoom: float) -> tuple[Any, Any]:
        """Two factors of ``zoom * tanh(zoom * x)``, for fast activations."""
        end = TANH_END / zoom
        x = self._between(x, -end, end)
        square = self.multiply(x, x)
        above = self._polynomial(square, [zoom ** (2 * n + 2) * value for n, value in enumerate(TANH_ABOVE)])
        below = self._polynomial(square, [zoom ** (2 * n) * value for n, value in enumerate(TANH_BELOW)])
        return self.multiply(x, above), self._reciprocal(below)

    def _polynomial(self, x: Any, coefficients: Sequence[float]) -> Any:
        """``c[0] + c[1] x + c[2] x^2 + ...``."""
        *lower, total = map(self.constant, coefficients)
        for coefficient in reversed(lower):
            total = self.fma(total, x, coefficient)
        return total

    def _power_of_two(self, power: Any) -> Any:
        biased = self.builder.add(power, self._integer(self.format.exponent_bias))
        return self.builder.bitcast(self.builder.shl(biased, self._integer(self.format.mantissa_bits)), self.type)

    def _between(self, x: Any, low: float, high: float) -> Any:
        """``x``, or the bound that it lies beyond; NaN stays."""
        above = self.builder.select(self.builder.fcmp_ordered("<", x, self.constant(low)), self.constant(low), x)
        return self.builder.select(
            self.builder.fcmp_ordered(">", above, self.constant(high)), self.constant(high), above
        )

    def _reciprocal(self, x: Any) -> Any:
        """``1 / x`` for x that is neither 0 nor infinite nor near them; with fast activations within 2^-14 of it."""
        if not self._estimates:
            return self.divide(self.constant(1), x)
        # Dividing takes longer than all the rest: the estimate has 14 bits, one step of Newton's method the rest.
        estimate = self._estimate("rcp14", x)
        if self.fast:
            return estimate
        error = self.fma(self.negative(x), estimate, self.constant(1))
        return self.fma(error, estimate, estimate)

    @property
    def _estimates(self) -> bool:
        """Whether the processor has AVX-512's estimates of reciprocals and its products with powers of two."""
        return self.lanes == 16 and self.format.suffix == "f32"

    def _estimate(self, name: str, x: Any) -> Any:
        return self._avx512(f"{name}.ps.512", x, self.constant(0), ir.Constant(ir.IntType(16), -1))

    def _scaled(self, x: Any, count: Any) -> Any:
        """``x * 2^count``, rounded once, for whole numbers of any size."""
        everywhere, as_usual = ir.Constant(ir.IntType(16), -1), ir.Constant(ir.IntType(32), 4)
        return self._avx512("mask.scalef.ps.512", x, count, self.constant(0), everywhere, as_usual)

    def _avx512(self, name: str, *operands: Any) -> Any:
        full, kind = f"llvm.x86.avx512.{name}", ir.FunctionType(self.type, [operand.type for operand in operands])
        known = self.builder.module.globals.get(full) or ir.Function(self.builder.module, kind, full)
        return self.builder.call(known, operands)

    def _or_nan(self, x: Any, value: Any) -> Any:
        return self.builder.select(self.builder.fcmp_unordered("uno", x, x), x, value)
