"""A schedule's time loop as LLVM code.

The rows of a batch are sequences, longest first, so that the ones still running at a step are the first so many:

    void loop(frame, thread)

    for each step:
      for each stage:
        for each group of its results, for each of its blocks of features (vectors, a few side by side):
          for the rows that are running, a few at a time:
            products of rows and blocks into registers       (one function for each operand, see `tile`)
            elementwise, then what must be kept is stored    (one function for each group)

so that a block's weights, read once a step, serve all rows from the nearest cache. Threads share the work in one of
two ways: each has rows of its own, and they never wait for each other; or each has blocks of its own, where rows are
few or the weights outgrow one core's cache, and they meet after every stage. Every number is the same sum in the same
order whatever the batch and the threads are. Sizes of features are compiled in; batch, steps and lengths are arguments.

The *frame* is an array of 64-bit words, see `Frame`. Every value that is read or written lies in a *slot*: a pointer to
rows, and for each step the row at which that step's rows begin.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from functools import partial
from math import gcd
from typing import Any

from llvmlite import ir

from elman.compiler.emit import INDEX, POINTER, Emitter
from elman.compiler.graph import Graph, Id
from elman.compiler.schedule import Schedule, Stage
from elman.compiler.tile import (
    Group,
    Pack,
    Piece,
    Target,
    inner_pieces,
    write_elementwise,
    write_products,
    write_sum,
)

__all__ = ["Frame", "Kernel", "Pack"]


class Frame(IntEnum):
    """The words of a frame before its slots (two words each: rows, first row of each step) and packed weights."""

    STEPS = 0
    #: Threads that share the blocks of every row; 1 where threads have rows of their own.
    PARTS = 1
    #: Array of the rows that run at each step.
    SIZES = 2
    #: Array of the first row of each thread, and the end of the last; unused where threads share blocks.
    BOUNDS = 3
    #: A whole number, 0 at first, by which threads that share blocks meet.
    COUNTER = 4
    #: The function that tells a thread its number, for `worker`, and the one by which it lets others have its core.
    NUMBER = 5
    GIVE_WAY = 6
    SLOTS = 7


#: Looks at the counter before a waiting thread lets others have its core: some microseconds.
PATIENCE = 2000


class Kernel:
    """A loop to be written, and what it must be given.

    Attributes:
        slots: Nodes whose places are given, in order.
        packs: What the packed weights are made of, in order.
    """

    def __init__(self, plan: Schedule, target: Target, *, reverse: bool) -> None:
        """``reverse`` runs from the last step to the first."""
        self.plan, self.graph, self.target, self.reverse = plan, plan.graph, target, reverse
        self.slots: dict[Id, int] = {}
        self.stages = [(stage, [self._group(*found) for found in _groups(plan, stage)]) for stage in plan.stages]
        for stage in plan.stages:
            for place in stage.sums:
                self._slot(self.graph.nodes[place].operands[0])
                self._slot(place)
        self.packs = [pack for _, groups in self.stages for group in groups for pack in group.packs]

    def text(self) -> str:
        """LLVM's text of ``void loop(frame, thread)``, and of ``void worker(frame)`` which asks for the thread."""
        self.module = ir.Module("elman")
        bodies = [self._functions(number, stage, groups) for number, (stage, groups) in enumerate(self.stages, 1)]
        self._loop(bodies)
        self._worker()
        return str(self.module)

    # What is needed -----------------------------------------------------------------------------------

    def _group(self, unit: int, roots: tuple[Id, ...], stage: Stage) -> Group:
        wanted: dict[Id, list[Piece]] = {}
        for root in roots:
            for start in range(0, self.graph.nodes[root].width, unit):
                self._visit((root, start), stage, wanted)
            self._slot(root)
        packs = []
        for operand, pieces in wanted.items():
            self._slot(operand)
            most = self.target.accumulators
            packs += [Pack(operand, tuple(pieces[n : n + most]), unit) for n in range(0, len(pieces), most)]
        return Group(unit, roots, stage, tuple(packs))

    def _visit(self, piece: Piece, stage: Stage, wanted: dict[Id, list[Piece]]) -> None:
        """Note the slots and products that a value of this stage is made of."""
        place = piece[0]
        if place in stage.products:
            pieces = wanted.setdefault(self.graph.nodes[place].operands[0], [])
            if piece not in pieces:
                pieces.append(piece)
        elif place not in stage.run:
            self._slot(place)
        else:
            for inner in inner_pieces(self.graph, piece):
                self._visit(inner, stage, wanted)

    def _slot(self, place: Id) -> None:
        if self.graph.nodes[place].op != "constant":
            self.slots.setdefault(place, len(self.slots))

    # The functions ------------------------------------------------------------------------------------

    def _functions(self, number: int, stage: Stage, groups: list[Group]) -> Callable[[_Step], None]:
        """Write the inner functions of a stage; returns what writes their calls."""
        graph, target, module = self.graph, self.target, self.module
        calls: list[Callable[[_Step], None]] = []
        for n, group in enumerate(groups, 1):
            name = f"stage_{number}_group_{n}"
            products = [
                write_products(module, f"{name}_products_{p}", graph, target, pack, group, self.slots[pack.operand])
                for p, pack in enumerate(group.packs, 1)
            ]
            weights = [self.packs.index(pack) for pack in group.packs]
            whole, rest = divmod(group.unit, target.lanes)
            full = write_elementwise(module, name, graph, target, group, self.slots, 0) if whole else None
            last = write_elementwise(module, f"{name}_rest", graph, target, group, self.slots, rest) if rest else None
            calls.append(partial(_call_group, group, list(zip(products, weights, strict=True)), full, last, target))
        for place in stage.sums:
            total = write_sum(module, f"stage_{number}_sum_{place}", graph, target, place, self.slots)
            calls.append(lambda step, total=total: step.call_sum(total))  # type: ignore[misc]

        def body(step: _Step) -> None:
            for call in calls[: len(groups)]:
                call(step)
            step.meet()
            for call in calls[len(groups) :]:
                call(step)

        return body

    def _loop(self, bodies: list[Callable[[_Step], None]]) -> None:
        out = Emitter(self.module, "loop", [POINTER, INDEX], internal=False)
        frame, thread = out.function.args
        builder = out.builder
        steps, parts = (out.load_index(frame, out.index(word)) for word in (Frame.STEPS, Frame.PARTS))
        sizes, bounds = (out.load_pointer(frame, out.index(word)) for word in (Frame.SIZES, Frame.BOUNDS))
        together = builder.icmp_signed(">", parts, out.index(1))
        own = builder.select(together, out.index(0), thread)
        first = builder.select(together, out.index(0), out.load_index(bounds, own))
        end = builder.select(
            together, out.load_index(sizes, out.index(0)), out.load_index(bounds, builder.add(own, out.index(1)))
        )
        part = builder.select(together, thread, out.index(0))
        pointers = out.room(POINTER, max(1, len(self.slots)))
        scratch = out.room(ir.VectorType(self.target.scalar, self.target.lanes), self._scratch())
        met = out.room(INDEX)
        builder.store(out.index(0), met)
        words = Frame.SLOTS + 2 * len(self.slots)
        weights = [out.load_pointer(frame, out.index(words + n)) for n in range(len(self.packs))]

        def run_step(number: Any) -> None:
            if self.reverse:
                number = builder.sub(builder.sub(steps, out.index(1)), number)
            for place, n in self.slots.items():
                base = out.load_pointer(frame, out.index(Frame.SLOTS + 2 * n))
                row = out.load_index(out.load_pointer(frame, out.index(Frame.SLOTS + 2 * n + 1)), number)
                offset = builder.mul(row, out.index(self.graph.nodes[place].width))
                address = out.offset(base, offset, self.target.scalar)
                builder.store(address, builder.gep(pointers, [out.index(n)], source_etype=POINTER))
            running = out.load_index(sizes, number)
            running = builder.select(builder.icmp_signed("<", running, end), running, end)
            rows = builder.sub(running, first)
            step = _Step(out, pointers, scratch, weights, first, rows, part, parts, frame, met)
            for body in bodies:
                body(step)

        out.loop(out.index(0), steps, 1, run_step)
        builder.ret_void()

    def _scratch(self) -> int:
        """Vectors of products that any tile leaves."""
        counts = [
            width * rows * len(group.products)
            for _, groups in self.stages
            for group in groups
            if group.packs
            for width, rows in group.shapes(self.target).rows.items()
        ]
        return max(counts, default=1)

    def _worker(self) -> None:
        out = Emitter(self.module, "worker", [POINTER], internal=False)
        (frame,) = out.function.args
        ask = out.load_index(frame, out.index(Frame.NUMBER))
        number = out.builder.call(out.builder.inttoptr(ask, ir.FunctionType(ir.IntType(32), []).as_pointer()), [])
        out.builder.call(self.module.get_global("loop"), [frame, out.builder.sext(number, INDEX)])
        out.builder.ret_void()


@dataclass(frozen=True)
class _Step:
    """What the calls of one step are written with."""

    out: Emitter
    pointers: Any
    scratch: Any
    weights: list[Any]
    first: Any
    rows: Any
    part: Any
    parts: Any
    frame: Any
    met: Any

    def call_sum(self, function: Any) -> None:
        """Add up over the features of all rows."""
        self.out.builder.call(function, [self.pointers, self.first, self.rows])

    def meet(self) -> None:
        """Wait until every thread that shares the blocks is here."""
        out, builder = self.out, self.out.builder

        def wait(_: Any) -> None:
            counter = out.load_pointer(self.frame, out.index(Frame.COUNTER))
            goal = builder.add(builder.load(self.met, typ=INDEX), self.parts)
            builder.store(goal, self.met)
            builder.atomic_rmw("add", counter, out.index(1), "seq_cst")
            before = builder.block
            here, spin, politely, after = (builder.append_basic_block(n) for n in ("wait", "spin", "politely", "met"))
            builder.branch(here)
            builder.position_at_end(here)
            turns = builder.phi(INDEX)
            turns.add_incoming(out.index(0), before)
            found = builder.load_atomic(counter, "acquire", 8, typ=INDEX)
            builder.cbranch(builder.icmp_signed("<", found, goal), spin, after)
            builder.position_at_end(spin)
            more = builder.add(turns, out.index(1))
            turns.add_incoming(more, spin)
            builder.cbranch(builder.icmp_signed("<", more, out.index(PATIENCE)), here, politely)
            # The other thread may be waiting for this very core.
            builder.position_at_end(politely)
            turns.add_incoming(more, politely)
            give_way = out.load_index(self.frame, out.index(Frame.GIVE_WAY))
            builder.call(builder.inttoptr(give_way, ir.FunctionType(ir.IntType(32), []).as_pointer()), [])
            builder.branch(here)
            builder.position_at_end(after)

        together = builder.zext(builder.icmp_signed(">", self.parts, out.index(1)), INDEX)
        out.loop(out.index(0), together, 1, wait)


def _call_group(
    group: Group, products: list[tuple[Any, int]], full: Any, last: Any, target: Target, step: _Step
) -> None:
    """Write the calls of one group for all blocks and rows of this thread."""
    out, builder = step.out, step.out.builder
    whole = group.unit // target.lanes
    low = builder.sdiv(builder.mul(out.index(whole), step.part), step.parts)
    high = builder.sdiv(builder.mul(out.index(whole), builder.add(step.part, out.index(1))), step.parts)
    is_last = builder.icmp_signed("==", builder.add(step.part, out.index(1)), step.parts)
    rest_rows = builder.select(is_last, step.rows, out.index(0))
    if not products:
        if full is not None:
            builder.call(full, [step.pointers, step.scratch, step.first, step.rows, low, builder.sub(high, low)])
        if last is not None:
            arguments = [step.first, rest_rows, out.index(whole), out.index(1)]
            builder.call(last, [step.pointers, step.scratch, *arguments])
        return

    def tiles(elementwise: Any, width: int, most: int, rows: Any, block: Any) -> None:
        """All rows, so many at a time that the tiles are of nearly equal height."""
        count = builder.sdiv(builder.add(rows, out.index(most - 1)), out.index(most))

        def tile(n: Any) -> None:
            start = builder.sdiv(builder.mul(rows, n), count)
            height = builder.sub(builder.sdiv(builder.mul(rows, builder.add(n, out.index(1))), count), start)
            row = builder.add(step.first, start)
            for function, pack in products:
                arguments = [step.weights[pack], step.scratch, row, height, block, out.index(width)]
                builder.call(function, [step.pointers, *arguments])
            builder.call(elementwise, [step.pointers, step.scratch, row, height, block, out.index(width)])

        out.loop(out.index(0), count, 1, tile)

    shapes = group.shapes(target)
    if full is not None:
        for width, most in shapes.rows.items():
            count = builder.sdiv(builder.sub(high, low), out.index(width))
            if width > shapes.tall:
                # Wide tiles pay for few rows only; the narrow ones take what they leave.
                count = builder.select(builder.icmp_signed("<=", step.rows, out.index(most)), count, out.index(0))
            end = builder.add(low, builder.mul(count, out.index(width)))
            out.loop(low, end, width, partial(tiles, full, width, most, step.rows))
            low = end
    if last is not None:
        tiles(last, 1, shapes.rows[1], rest_rows, out.index(whole))


def _groups(plan: Schedule, stage: Stage) -> list[tuple[int, tuple[Id, ...], Stage]]:
    """The results of a stage, those with blocks of the same size together."""
    kept = set(plan.rows)
    groups: dict[int, list[Id]] = {}
    for place in (*stage.products, *stage.run):
        if place in kept:
            groups.setdefault(_unit(plan.graph, stage, place), []).append(place)
    return [(unit, tuple(roots), stage) for unit, roots in groups.items()]


def _unit(graph: Graph, stage: Stage, root: Id) -> int:
    """Features that a block of ``root`` may run over without crossing from one part of a value into the next."""
    own, waiting, unit = {*stage.products, *stage.run}, [root], 0
    while waiting:
        node = graph.nodes[waiting.pop()]
        unit = gcd(unit, node.width) if node.width > 1 or not unit else unit
        if node.op == "join":
            unit = gcd(unit, *(graph.nodes[operand].width for operand in node.operands))
        waiting += [operand for operand in node.operands if operand in own]
    return unit
