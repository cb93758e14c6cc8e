"""A schedule's time loop as LLVM code.

The rows of a batch are sequences, longest first, so that the ones still running at a step are the first so many:

    void loop(frame, thread)

    for each step:
      for each stage with products:
        for each group of its results, for each of its blocks of features (vectors, a few side by side):
          for the rows that are running, a few at a time:
            products of rows and blocks into registers       (one function for each operand, see `tile`)
            elementwise, then what must be kept is stored    (one function for each group, see `elementwise`)
      for stages without products that follow each other:
        for the rows that are running, a few at a time:
          elementwise and sums of one stage after the other

so that a block's weights, read once a step, serve all rows from the nearest cache. Threads share the work in one of
two ways: each has rows of its own, and they never wait for each other; or each has blocks of its own, where rows are
few or the weights outgrow one core's cache, and they meet after every stage, unless no block reads what another one
makes. Every number is the same sum in the same order whatever the batch and the threads are. Sizes of features are
compiled in; batch, steps and lengths are arguments.

The *frame* is an array of 64-bit words, see `Frame`. Every value that is read or written lies in a *slot*: a pointer to
rows, and for each step the row at which that step's rows begin; or, if it is *scattered*, where each row lies.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property, partial
from itertools import chain, groupby
from typing import Any

from llvmlite import ir

from elman.compiler.axes import write_along_axes
from elman.compiler.elementwise import write_elementwise
from elman.compiler.emit import INDEX, POINTER, Emitter
from elman.compiler.graph import OPS, Id
from elman.compiler.groups import groups_of, row_of
from elman.compiler.schedule import Schedule
from elman.compiler.stages import Stage
from elman.compiler.tile import Group, Pack, Pointers, Target, write_products

__all__ = ["Frame", "Kernel", "Pack"]


class Frame(IntEnum):
    """The words of a frame before its slots (two words each: rows, and where they lie) and packed weights."""

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
    #: For every thread a row of sums, the totals; they are added to.
    TOTALS = 7
    #: Array of the first row of each step among those of all steps; for scattered slots.
    FIRSTS = 8
    SLOTS = 9


#: Looks at the counter before a waiting thread lets others have its core: some microseconds.
PATIENCE = 2000

#: Rows that go through stages without products together: enough that the sums of one hide the waiting of another, few
#: enough that all that is known of them stays in the nearest cache. Of longer rows than these one goes alone.
ROWS_AT_ONCE, LONG_ROW = 4, 1024


class Kernel:
    """A loop to be written, and what it must be given.

    Attributes:
        slots: Nodes whose places are given, in order.
        scattered: Those of them whose rows may lie anywhere.
        packs: What the packed weights are made of, in order.
        apart: Whether no block of features ever reads what another one makes, so that threads with blocks of their own
            need not meet.
        by_rows: Whether long rows are gone over whole, so that threads do best with rows of their own.
    """

    def __init__(
        self, plan: Schedule, target: Target, *, reverse: bool, scattered: AbstractSet[Id] = frozenset()
    ) -> None:
        """``reverse`` runs from the last step to the first."""
        self.plan, self.graph, self.target, self.reverse = plan, plan.graph, target, reverse
        self.stages = [groups_of(plan.graph, stage, target) for stage in plan.stages]
        groups = [group for stage in self.stages for group in stage]
        self.apart = len(groups) == 1 and self._is_apart(groups[0])
        self.by_rows = any(group.unit > LONG_ROW and len(group.axes) > 1 for group in groups)
        self.packs = [pack for group in groups for pack in group.packs]
        self.slots = {place: n for n, place in enumerate(dict.fromkeys(self._in_memory(groups)))}
        self.scattered = [place for place in self.slots if place in scattered]
        self.totals: dict[Id, int] = {}
        self.totals_width = 0
        for place in plan.totals:
            self.totals[place] = self.totals_width
            self.totals_width += -(-self.graph.nodes[place].width // target.lanes) * target.lanes

    def _is_apart(self, group: Group) -> bool:
        """Whether blocks of a group that is a whole body keep to themselves from step to step."""
        nodes = self.graph.nodes
        ops = {nodes[place].op for place in group.stage.nodes}
        numbers = [place for place, _ in group.rows if nodes[place].width == 1]
        return {OPS[op].kind for op in ops} <= {"elementwise", "layout"} and "expand" not in ops and not numbers

    def _in_memory(self, groups: list[Group]) -> Iterator[Id]:
        """What the groups read and write."""
        for group in groups:
            own = {*group.stage.products, *group.stage.run}
            rows = (row_of(self.graph, group.stage, piece) for piece in group.pieces)
            yield from (place for place, _ in rows if place not in own and not self._is_constant(place))
            yield from (pack.operand for pack in group.packs)
            yield from (place for place, _ in group.rows)
            yield from group.sums

    def _is_constant(self, place: Id) -> bool:
        return self.graph.nodes[place].op == "constant"

    def text(self) -> str:
        """LLVM's text of ``void loop(frame, thread)``, and of ``void worker(frame)`` which asks for the thread."""
        self.module = ir.Module("elman")
        written = [
            (stage, [self._written(f"stage_{number}_group_{n}", group) for n, group in enumerate(groups, 1)])
            for number, (stage, groups) in enumerate(zip(self.plan.stages, self.stages, strict=True), 1)
        ]
        self._loop(written)
        self._worker()
        return str(self.module)

    def _written(self, name: str, group: Group) -> _Written:
        """Write the inner functions of a group."""
        known, common = self._pointers, (self.graph, self.target)
        products = [
            write_products(self.module, f"{name}_products_{n}", *common, pack, group, known)
            for n, pack in enumerate(group.packs, 1)
        ]
        write = write_elementwise if len(group.axes) == 1 else write_along_axes
        elementwise = write(self.module, name, *common, group, known)
        packs = [self.packs.index(pack) for pack in group.packs]
        return _Written(group, list(zip(products, packs, strict=True)), elementwise, self.target)

    @cached_property
    def _pointers(self) -> Pointers:
        """The slots' rows, then the totals, then the tables of scattered slots."""
        totals = {place: n for n, place in enumerate(self.totals, len(self.slots))}
        scattered = {place: n for n, place in enumerate(self.scattered, len(self.slots) + len(totals))}
        return Pointers(self.slots, totals, scattered)

    def _loop(self, stages: list[tuple[Stage, list[_Written]]]) -> None:
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
        pointers = out.room(POINTER, max(1, len(self.slots) + len(self.totals) + len(self.scattered)))
        scratch = out.room(ir.VectorType(self.target.scalar, self.target.lanes), self._scratch())
        met = out.room(INDEX)
        builder.store(out.index(0), met)
        words = Frame.SLOTS + 2 * len(self.slots)
        weights = [out.load_pointer(frame, out.index(words + n)) for n in range(len(self.packs))]
        self._own_totals(out, frame, thread, pointers)

        def run_step(number: Any) -> None:
            if self.reverse:
                number = builder.sub(builder.sub(steps, out.index(1)), number)
            self._find_rows(out, frame, number, pointers)
            running = out.load_index(sizes, number)
            running = builder.select(builder.icmp_signed("<", running, end), running, end)
            rows = builder.sub(running, first)
            step = _Step(out, pointers, scratch, weights, first, rows, part, parts, frame, met)
            for write_part in _parts(stages):
                write_part(step)
                if not self.apart:
                    step.meet()

        out.loop(out.index(0), steps, 1, run_step)
        builder.ret_void()

    def _find_rows(self, out: Emitter, frame: Any, step: Any, pointers: Any) -> None:
        """Note where the rows of a step lie."""

        def note(number: int, address: Any) -> None:
            out.builder.store(address, out.builder.gep(pointers, [out.index(number)], source_etype=POINTER))

        for place, n in self._pointers.rows.items():
            rows, places = (out.load_pointer(frame, out.index(Frame.SLOTS + 2 * n + word)) for word in (0, 1))
            if place in self._pointers.scattered:
                first = out.load_index(out.load_pointer(frame, out.index(Frame.FIRSTS)), step)
                note(n, rows)
                note(self._pointers.scattered[place], out.offset(places, first, INDEX))
            else:
                first = out.load_index(places, step)
                offset = out.builder.mul(first, out.index(self.graph.nodes[place].width))
                note(n, out.offset(rows, offset, self.target.scalar))

    def _own_totals(self, out: Emitter, frame: Any, thread: Any, pointers: Any) -> None:
        """Note where the thread's totals lie, behind the slots."""
        if self.totals:
            totals = out.load_pointer(frame, out.index(Frame.TOTALS))
            own = out.offset(totals, out.builder.mul(thread, out.index(self.totals_width)), self.target.scalar)
        for place, n in self._pointers.totals.items():
            address = out.offset(own, out.index(self.totals[place]), self.target.scalar)
            out.builder.store(address, out.builder.gep(pointers, [out.index(n)], source_etype=POINTER))

    def _scratch(self) -> int:
        """Vectors of products that any tile leaves."""
        counts = [
            width * rows * len(group.products)
            for groups in self.stages
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

    def part_of(self, count: Any, *, end: bool = False) -> Any:
        """Where this thread's part of so many things begins, or ends."""
        number = self.builder.add(self.part, self.out.index(1)) if end else self.part
        return self.builder.sdiv(self.builder.mul(count, number), self.parts)

    @property
    def builder(self) -> Any:
        """Of the loop's function."""
        return self.out.builder

    def meet(self) -> None:
        """Wait until every thread that shares the blocks is here."""
        out, builder = self.out, self.builder

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


@dataclass(frozen=True)
class _Written:
    """The functions of a group.

    Attributes:
        group: What they compute.
        products: Function and number of the packed weights, for each operand.
        elementwise: Function for what comes of the products, or of what lies in memory.
        target: What they are written for.
    """

    group: Group
    products: list[tuple[Any, int]]
    elementwise: Any
    target: Target

    @property
    def whole_rows(self) -> bool:
        """Whether it takes nothing less than whole rows."""
        return bool(self.group.sums) or len(self.group.axes) > 1

    @property
    def blocks(self) -> tuple[int, int]:
        """Whole vectors of its features, and 1 if some features are left behind them."""
        whole, rest = divmod(self.group.unit, self.target.lanes)
        return whole, int(rest > 0)


def _parts(stages: list[tuple[Stage, list[_Written]]]) -> list[Callable[[_Step], None]]:
    """What writes the calls of a step, in parts after which threads that share it meet."""
    parts: list[Callable[[_Step], None]] = []
    for of_products, found in groupby(stages, lambda item: bool(item[0].products)):
        each = [groups for _, groups in found]
        # Between stages without products nobody waits for other rows.
        for groups in each if of_products else [list(chain(*each))]:
            row_by_row = not of_products and any(written.whole_rows for written in groups)
            parts.append(partial(_call_row_by_row if row_by_row else _call_block_by_block, groups))
    return parts


def _call_row_by_row(groups: list[_Written], step: _Step) -> None:
    """Write calls that take some rows through all groups while they are in the nearest cache."""
    out, builder = step.out, step.builder
    end = builder.add(step.first, step.part_of(step.rows, end=True))
    at_once = ROWS_AT_ONCE if max(written.group.unit for written in groups) <= LONG_ROW else 1

    def some_rows(row: Any) -> None:
        left = builder.sub(end, row)
        few = builder.icmp_signed("<", left, out.index(at_once))
        rows = builder.select(few, left, out.index(at_once))
        for written in groups:
            whole, rest = written.blocks
            arguments = [row, rows, out.index(0), out.index(whole), out.index(rest)]
            builder.call(written.elementwise, [step.pointers, step.scratch, *arguments])

    out.loop(builder.add(step.first, step.part_of(step.rows)), end, at_once, some_rows)


def _call_block_by_block(groups: list[_Written], step: _Step) -> None:
    """Write calls that take all rows of this thread through some blocks after the other."""
    out, builder = step.out, step.builder
    is_last = builder.icmp_signed("==", builder.add(step.part, out.index(1)), step.parts)
    for written in groups:
        if written.whole_rows:
            _call_row_by_row([written], step)
            continue
        whole, rest = written.blocks
        low, high = (step.part_of(out.index(whole), end=end) for end in (False, True))
        rests = builder.zext(is_last, INDEX) if rest else out.index(0)
        if written.products:
            _call_tiles(written, step, low, high, rests)
        else:
            arguments = [step.first, step.rows, low, builder.sub(high, low), rests]
            builder.call(written.elementwise, [step.pointers, step.scratch, *arguments])


def _call_tiles(written: _Written, step: _Step, low: Any, high: Any, rests: Any) -> None:
    """Write the calls of a group with products, for blocks from ``low`` to ``high`` and what is left behind them."""
    out, builder = step.out, step.builder
    shapes = written.group.shapes(written.target)

    def tiles(width: int, most: int, rests: int, rows: Any, block: Any) -> None:
        """All rows, so many at a time that the tiles are of nearly equal height."""
        count = builder.sdiv(builder.add(rows, out.index(most - 1)), out.index(most))

        def tile(n: Any) -> None:
            start = builder.sdiv(builder.mul(rows, n), count)
            height = builder.sub(builder.sdiv(builder.mul(rows, builder.add(n, out.index(1))), count), start)
            row = builder.add(step.first, start)
            for function, pack in written.products:
                arguments = [step.weights[pack], step.scratch, row, height, block, out.index(width)]
                builder.call(function, [step.pointers, *arguments])
            arguments = [row, height, block, out.index(width - rests), out.index(rests)]
            builder.call(written.elementwise, [step.pointers, step.scratch, *arguments])

        out.loop(out.index(0), count, 1, tile)

    whole, rest = written.blocks
    if whole:
        for width, most in shapes.rows.items():
            count = builder.sdiv(builder.sub(high, low), out.index(width))
            if width > shapes.tall:
                # Wide tiles pay for few rows only; the narrow ones take what they leave.
                count = builder.select(builder.icmp_signed("<=", step.rows, out.index(most)), count, out.index(0))
            end = builder.add(low, builder.mul(count, out.index(width)))
            out.loop(low, end, width, partial(tiles, width, most, 0, step.rows))
            low = end
    if rest:
        tiles(1, shapes.rows[1], 1, builder.mul(step.rows, rests), out.index(whole))
