"""Weights in the order in which a loop reads them: ``[block][operand's feature][product][vector]``.

As bfloat16, the upper half of a float32 number, the weights of two neighbouring features share a word.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numpy.typing import NDArray

from elman.compiler.emit import INDEX, POINTER, Emitter
from elman.compiler.memory import memory
from elman.compiler.tile import Target


def write_packing(target: Target) -> ir.Module:
    """``void pack(to, from, features, by feature, depth, by operand, product, products)``.

    Copies the matrix of one product, ``features`` results by ``depth`` features of the operand, to its place among
    ``products`` ones; numbers that belong together lie ``by feature`` and ``by operand`` apart. What the last block has
    beyond ``features`` is left alone.
    """
    module = ir.Module("packing")
    out = Emitter(module, "pack", [POINTER, POINTER, *[INDEX] * 6], internal=False)
    to, source, features, by_feature, depth, by_operand, number, products = out.function.args
    builder, lanes = out.builder, out.index(target.lanes)

    def block(first: Any) -> None:
        left = builder.sub(features, first)
        width = builder.select(builder.icmp_signed("<", left, lanes), left, lanes)
        before = builder.mul(builder.sdiv(first, lanes), depth)

        def operand(k: Any) -> None:
            place = builder.add(builder.mul(builder.add(before, k), products), number)
            place = builder.mul(place, lanes)
            start = builder.add(builder.mul(k, by_operand), builder.mul(first, by_feature))

            def lane(n: Any) -> None:
                address = out.offset(source, builder.add(start, builder.mul(n, by_feature)), target.scalar)
                value = builder.load(address, typ=target.scalar)
                builder.store(value, out.offset(to, builder.add(place, n), target.scalar))

            out.loop(out.index(0), width, 1, lane)

        out.loop(out.index(0), depth, 1, operand)

    out.loop(out.index(0), features, target.lanes, block)
    builder.ret_void()
    return module


def bfloat16(values: NDArray[np.float32]) -> NDArray[np.uint32]:
    """Numbers rounded to bfloat16, to the nearest and of two equally near ones to the even: 16 bits each.

    >>> [hex(number) for number in bfloat16(np.array([1, -2, 1 + 2**-8, 1 + 3 * 2**-8], np.float32))]
    ['0x3f80', '0xc000', '0x3f80', '0x3f82']
    """
    bits = np.ascontiguousarray(values, np.float32).view(np.uint32)
    rounded = (bits + 0x7FFF + (bits >> 16 & 1)) >> 16
    # Rounded up, some NaN would be another number.
    return np.where(np.isnan(values), bits >> 16 | 0x40, rounded)


def in_pairs(packed: NDArray[np.float32]) -> NDArray[np.uint32]:
    """Packed weights as bfloat16, two features to a word, the first in its lower half; an odd last one stands alone."""
    halves = bfloat16(packed)
    blocks, depth, products, lanes = packed.shape
    words: NDArray[np.uint32] = memory.empty((blocks, -(-depth // 2), products, lanes), np.uint32)
    words[:] = halves[:, ::2]
    words[:, : depth // 2] |= halves[:, 1::2] << 16
    return words
