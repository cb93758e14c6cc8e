"""Weights in the order in which a loop reads them: ``[block][operand's feature][product][vector]``."""

from __future__ import annotations

from typing import Any

from llvmlite import ir

from elman.compiler.emit import INDEX, POINTER, Emitter
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
