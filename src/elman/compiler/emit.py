"""Small helpers for writing LLVM's language: whole numbers, loops, switches, arrays of pointers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from llvmlite import ir

INDEX = ir.IntType(64)
POINTER = ir.PointerType()


class Emitter:
    """Writes one function of ``module``: ``void name(...)`` with the given types of arguments."""

    def __init__(self, module: ir.Module, name: str, arguments: list[Any], *, internal: bool = True) -> None:
        self.module = module
        self.function = ir.Function(module, ir.FunctionType(ir.VoidType(), arguments), name)
        if internal:
            self.function.linkage = "internal"
            # Inlined, the constants of one part would take the registers of another.
            self.function.attributes.add("noinline")
        self.builder = ir.IRBuilder(self.function.append_basic_block("entry"))

    def index(self, value: int) -> Any:
        """A whole number that is known now."""
        return ir.Constant(INDEX, value)

    def load_index(self, array: Any, n: Any) -> Any:
        """``array[n]`` of an array of whole numbers."""
        return self.builder.load(self.builder.gep(array, [n], source_etype=INDEX), typ=INDEX)

    def load_pointer(self, array: Any, n: Any) -> Any:
        """``array[n]`` of an array of pointers."""
        return self.builder.load(self.builder.gep(array, [n], source_etype=POINTER), typ=POINTER)

    def offset(self, base: Any, number: Any, scalar: Any) -> Any:
        """The address of ``base[number]`` for numbers of the type ``scalar``."""
        return self.builder.gep(base, [number], source_etype=scalar)

    def room(self, kind: Any, count: int = 1) -> Any:
        """Room for ``count`` values of a type on the stack."""
        with self.builder.goto_entry_block():
            return self.builder.alloca(kind, self.index(count))

    def call_intrinsic(self, name: str, result: Any, operands: list[Any], **options: Any) -> Any:
        """Call a function of LLVM's own."""
        kind = ir.FunctionType(result, [operand.type for operand in operands])
        known = self.module.globals.get(name) or ir.Function(self.module, kind, name)
        return self.builder.call(known, operands, **options)

    def loop(self, first: Any, end: Any, by: int, body: Callable[[Any], None]) -> None:
        """``for i in range(first, end, by): body(i)``; nothing is written where it is known to be empty."""
        if isinstance(first, ir.Constant) and isinstance(end, ir.Constant) and first.constant >= end.constant:
            return
        before = self.builder.block
        head, inside, after = (self.builder.append_basic_block(name) for name in ("head", "body", "after"))
        self.builder.branch(head)
        self.builder.position_at_end(head)
        index = self.builder.phi(INDEX)
        index.add_incoming(first, before)
        self.builder.cbranch(self.builder.icmp_signed("<", index, end), inside, after)
        self.builder.position_at_end(inside)
        body(index)
        index.add_incoming(self.builder.add(index, self.index(by)), self.builder.block)
        self.builder.branch(head)
        self.builder.position_at_end(after)

    def repeat(self, count: int, values: dict[Any, Any], body: Callable[[Any, dict[Any, Any]], Any]) -> Any:
        """``for n in range(count): values = body(n, values)`` in registers, for a count of at least one."""
        before = self.builder.block
        inside, after = (self.builder.append_basic_block(name) for name in ("repeat", "repeated"))
        self.builder.branch(inside)
        self.builder.position_at_end(inside)
        index = self.builder.phi(INDEX)
        index.add_incoming(self.index(0), before)
        running = {key: self.builder.phi(first.type) for key, first in values.items()}
        for key, first in values.items():
            running[key].add_incoming(first, before)
        done = body(index, running)
        index_after = self.builder.add(index, self.index(1))
        # The body may have written blocks of its own.
        end = self.builder.block
        index.add_incoming(index_after, end)
        for key, value in running.items():
            value.add_incoming(done[key], end)
        self.builder.cbranch(self.builder.icmp_signed("<", index_after, self.index(count)), inside, after)
        self.builder.position_at_end(after)
        return done

    def switch(self, value: Any, cases: Mapping[int, Callable[[], None]]) -> None:
        """Write every case; the one that ``value`` names runs, none if it names none."""
        start, after = self.builder.block, self.builder.append_basic_block("chosen")
        blocks = {}
        for number, body in cases.items():
            blocks[number] = self.builder.append_basic_block(f"case_{number}")
            self.builder.position_at_end(blocks[number])
            body()
            self.builder.branch(after)
        self.builder.position_at_end(start)
        choice = self.builder.switch(value, after)
        for number, block in blocks.items():
            choice.add_case(self.index(number), block)
        self.builder.position_at_end(after)
