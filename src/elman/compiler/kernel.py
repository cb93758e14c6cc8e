"""A schedule's time loop as LLVM code.

The function that is written runs some rows of a batch through all steps, by itself:

    void loop(base pointers, strides, packed weights, steps, first row, last row)

    for rows in tiles of a few:
      for each step:
        for each stage:
          for each block of features, one vector wide:
            products into accumulators, then elementwise in registers, then what must be kept is stored

so that weights are read in order, gates never leave the registers before they are activated, and threads, each with
rows of its own, never wait for each other. Sizes of features are compiled in; batch, steps and strides are arguments.

Every value that is read or written lies in a *slot* with a pointer and two strides, in numbers, for a step and for a
row. The matrices of products come packed: [block of features][operand's feature][product][vector].
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from math import gcd
from typing import Any

from llvmlite import ir

from elman.compiler.graph import Graph, Id
from elman.compiler.schedule import Schedule, Stage
from elman.compiler.vector import FORMATS, Precision, Vectors

_INDEX = ir.IntType(64)

#: For vectors of so many bytes: accumulators that a tile may hold (registers but for those of weights and operands),
#: and rows in a tile, the largest first; the rest of the rows goes to the smaller ones.
TILES = {64: (24, (6, 2, 1)), 32: (12, (3, 1)), 16: (12, (3, 1))}

#: A value at some features: node, and the first of them.
Piece = tuple[Id, int]


@dataclass(frozen=True)
class Pack:
    """The matrices of one stage that multiply one operand, for one group of results.

    Attributes:
        operand: Node of the row that is multiplied.
        products: ``(product node, first feature)`` of each product, in the order of packing.
        unit: Features of each product's result that are used.
    """

    operand: Id
    products: tuple[Piece, ...]
    unit: int


@dataclass(frozen=True)
class Kernel:
    """A written loop, and what it must be given.

    Attributes:
        module: LLVM's text.
        slots: Nodes whose pointers and strides are given, in order.
        packs: What the packed weights are made of, in order.
    """

    module: ir.Module
    slots: tuple[Id, ...]
    packs: tuple[Pack, ...]
    name: str = "loop"


def write_kernel(plan: Schedule, precision: Precision, lanes: int, *, reverse: bool) -> Kernel:
    """Write the loop of ``plan``; ``reverse`` runs from the last step to the first."""
    return _Writer(plan, precision, lanes, reverse).write()


@dataclass(frozen=True)
class _Group:
    """Results of a stage that are computed together, block by block of ``unit`` features."""

    unit: int
    roots: tuple[Id, ...]


class _Writer:
    def __init__(self, plan: Schedule, precision: Precision, lanes: int, reverse: bool) -> None:
        self.plan, self.graph = plan, plan.graph
        self.precision, self.lanes, self.reverse = precision, lanes, reverse
        self.form = FORMATS[precision]
        self.accumulators, self.tiles = TILES[lanes * self.form.scalar_bytes]
        self.groups = [_groups(plan, stage) for stage in plan.stages]
        self.packs: list[Pack] = []
        self.slots: list[Id] = []

    # The frame: tiles, steps, stages ------------------------------------------------------------------

    def write(self) -> Kernel:
        """The whole function."""
        module = ir.Module("elman")
        pointer = ir.PointerType()
        kind = ir.FunctionType(ir.VoidType(), [pointer, pointer, pointer, _INDEX, _INDEX, _INDEX])
        function = ir.Function(module, kind, "loop")
        self._collect()
        self.builder = ir.IRBuilder(function.append_basic_block("entry"))
        bases, strides, packed, steps, first, last = function.args
        self.base = {slot: self._nth_pointer(bases, n) for n, slot in enumerate(self.slots)}
        self.stride = {
            slot: (self._nth_index(strides, 2 * n), self._nth_index(strides, 2 * n + 1))
            for n, slot in enumerate(self.slots)
        }
        self.weights = [self._nth_pointer(packed, n) for n in range(len(self.packs))]
        row = first
        for rows in self.tiles:
            row = self._tiles(rows, row, last, steps)
        self.builder.ret_void()
        return Kernel(module, tuple(self.slots), tuple(self.packs))

    def _tiles(self, rows: int, first: Any, last: Any, steps: Any) -> Any:
        """Run tiles of so many rows while they fit; returns the first row that is left."""
        count = self.builder.sdiv(self.builder.sub(last, first), self._index(rows))
        end = self.builder.add(first, self.builder.mul(count, self._index(rows)))

        def tile(row: Any) -> None:
            def step(number: Any) -> None:
                backwards = self.builder.sub(self.builder.sub(steps, self._index(1)), number)
                self._step(rows, row, backwards if self.reverse else number)

            self._loop(self._index(0), steps, 1, step)

        self._loop(first, end, rows, tile)
        return end

    def _step(self, rows: int, row: Any, step: Any) -> None:
        for stage, groups in zip(self.plan.stages, self.groups, strict=True):
            for group in groups:
                self._group(group, stage, rows, row, step)
            for place in stage.sums:
                self._sum(place, stage, rows, row, step)

    def _group(self, group: _Group, stage: Stage, rows: int, row: Any, step: Any) -> None:
        whole, rest = divmod(group.unit, self.lanes)
        together = max(1, self.accumulators // (rows * max(1, self._products_of(group))))
        together = min(together, max(whole, 1), 4)
        counted = whole - whole % together

        def blocks(width: int) -> Callable[[Any], None]:
            return lambda block: _Tile(self, group, stage, rows, row, step, block, width, 0).write()

        self._loop(self._index(0), self._index(counted), together, blocks(together))
        self._loop(self._index(counted), self._index(whole), 1, blocks(1))
        if rest:
            _Tile(self, group, stage, rows, row, step, self._index(whole), 1, rest).write()

    def _products_of(self, group: _Group) -> int:
        return sum(len(pack.products) for pack in self.packs_of(group))

    def _sum(self, place: Id, stage: Stage, rows: int, row: Any, step: Any) -> None:
        """Add up a value that was stored, vector by vector and then across the vector."""
        (operand,) = self.graph.nodes[place].operands
        width = self.graph.nodes[operand].width
        group = _Group(width, ())
        kind = Vectors(self.builder, self.precision, self.lanes).type
        total = self._local(kind)

        def add(number: int, rest: int, block: Any) -> None:
            # Beyond the rest a masked load gives zeros.
            tile = _Tile(self, group, stage, rows, row, step, block, 1, rest)
            value = tile.load((operand, 0), number, 0)
            self.builder.store(self.builder.fadd(self.builder.load(total, typ=kind), value), total)

        whole, rest = divmod(width, self.lanes)
        for number in range(rows):
            self.builder.store(ir.Constant(kind, [ir.Constant(self.form.scalar, 0.0)] * self.lanes), total)
            self._loop(self._index(0), self._index(whole), 1, partial(add, number, 0))
            if rest:
                add(number, rest, self._index(whole))
            reduced = self._reduce(self.builder.load(total, typ=kind))
            self.builder.store(reduced, self.address(place, row, number, step, self._index(0)))

    # What is needed -----------------------------------------------------------------------------------

    def _collect(self) -> None:
        """Find all slots and packs before anything is written."""
        self._packs_of: dict[tuple[int, tuple[Id, ...]], list[Pack]] = {}
        for stage, groups in zip(self.plan.stages, self.groups, strict=True):
            for group in groups:
                wanted: dict[Id, list[Piece]] = {}
                for root in group.roots:
                    for start in range(0, self.graph.nodes[root].width, group.unit):
                        self._visit((root, start), stage, wanted)
                    self._slot(root)
                packs = [Pack(operand, tuple(pieces), group.unit) for operand, pieces in wanted.items()]
                for pack in packs:
                    self._slot(pack.operand)
                self._packs_of[group.unit, group.roots] = packs
                self.packs += packs
            for place in stage.sums:
                self._slot(self.graph.nodes[place].operands[0])
                self._slot(place)

    def packs_of(self, group: _Group) -> list[Pack]:
        """The packs that a group of results is made with."""
        return self._packs_of.get((group.unit, group.roots), [])

    def _visit(self, piece: Piece, stage: Stage, wanted: dict[Id, list[Piece]]) -> None:
        """Note the slots and products that a value of this stage is made of."""
        place = piece[0]
        node = self.graph.nodes[place]
        if place in stage.products:
            pieces = wanted.setdefault(node.operands[0], [])
            if piece not in pieces:
                pieces.append(piece)
        elif place not in stage.run:
            self._slot(place)
        else:
            for inner in _operands(self.graph, piece):
                self._visit(inner, stage, wanted)

    def _slot(self, place: Id) -> None:
        if self.graph.nodes[place].op != "constant" and place not in self.slots:
            self.slots.append(place)

    # Small things -------------------------------------------------------------------------------------

    def address(self, slot: Id, row: Any, number: int, step: Any, feature: Any) -> Any:
        """Where a number of a slot lies."""
        by_step, by_row = self.stride[slot]
        offset = self.builder.mul(step, by_step)
        offset = self.builder.add(offset, self.builder.mul(self.builder.add(row, self._index(number)), by_row))
        offset = self.builder.add(offset, feature)
        return self.builder.gep(self.base[slot], [offset], source_etype=self.form.scalar)

    def _index(self, value: int) -> Any:
        return ir.Constant(_INDEX, value)

    def _nth_pointer(self, array: Any, n: int) -> Any:
        place = self.builder.gep(array, [self._index(n)], source_etype=ir.PointerType())
        return self.builder.load(place, typ=ir.PointerType())

    def _nth_index(self, array: Any, n: int) -> Any:
        return self.builder.load(self.builder.gep(array, [self._index(n)], source_etype=_INDEX), typ=_INDEX)

    def _local(self, kind: Any) -> Any:
        with self.builder.goto_entry_block():
            return self.builder.alloca(kind)

    def _reduce(self, vector: Any) -> Any:
        name = f"llvm.vector.reduce.fadd.v{self.lanes}{self.form.suffix}"
        kind = ir.FunctionType(self.form.scalar, [self.form.scalar, vector.type])
        known = self.builder.module.globals.get(name) or ir.Function(self.builder.module, kind, name)
        return self.builder.call(known, [ir.Constant(self.form.scalar, -0.0), vector], fastmath=["reassoc"])

    def _loop(self, first: Any, end: Any, by: int, body: Callable[[Any], None]) -> None:
        """``for i in range(first, end, by): body(i)``; nothing is written where it is known to be empty."""
        if isinstance(first, ir.Constant) and isinstance(end, ir.Constant) and first.constant >= end.constant:
            return
        before = self.builder.block
        head, inside, after = (self.builder.append_basic_block(name) for name in ("head", "body", "after"))
        self.builder.branch(head)
        self.builder.position_at_end(head)
        index = self.builder.phi(_INDEX)
        index.add_incoming(first, before)
        self.builder.cbranch(self.builder.icmp_signed("<", index, end), inside, after)
        self.builder.position_at_end(inside)
        body(index)
        index.add_incoming(self.builder.add(index, self._index(by)), self.builder.block)
        self.builder.branch(head)
        self.builder.position_at_end(after)


class _Tile:
    """A few rows times a few blocks of one group, at one step."""

    def __init__(
        self,
        writer: _Writer,
        group: _Group,
        stage: Stage,
        rows: int,
        row: Any,
        step: Any,
        block: Any,
        blocks: int,
        rest: int,
    ) -> None:
        self.own = {*stage.products, *stage.run}
        self.writer, self.group, self.rows, self.row, self.step = writer, group, rows, row, step
        self.block, self.blocks, self.rest = block, blocks, rest
        self.builder, self.graph = writer.builder, writer.graph
        self.vectors = Vectors(self.builder, writer.precision, writer.lanes)
        bits = [ir.Constant(ir.IntType(1), int(lane < rest)) for lane in range(writer.lanes)]
        self.mask = ir.Constant(ir.VectorType(ir.IntType(1), writer.lanes), bits)
        self.done: dict[tuple[Piece, int, int], Any] = {}

    def write(self) -> None:
        """Products, then everything that hangs on them, then the stores."""
        for pack in self.writer.packs_of(self.group):
            self._products(pack)
        stores = [
            (root, start, number, block)
            for root in self.group.roots
            for start in range(0, self.graph.nodes[root].width, self.group.unit)
            for number in range(self.rows)
            for block in range(self.blocks)
        ]
        # All is computed before anything is stored: a result may take the place of what it is made from.
        values = [self.value((root, start), number, block) for root, start, number, block in stores]
        for (root, start, number, block), value in zip(stores, values, strict=True):
            self._store(value, self._address(root, start, number, block))

    def value(self, piece: Piece, number: int, block: int) -> Any:
        """A vector of a value, for one of the rows and one of the blocks."""
        key = (piece, number, block)
        if key not in self.done:
            self.done[key] = self._compute(piece, number, block)
        return self.done[key]

    def _compute(self, piece: Piece, number: int, block: int) -> Any:
        place = piece[0]
        node = self.graph.nodes[place]
        if node.op == "constant":
            return self.vectors.constant(node.value)
        if place not in self.own:
            return self.load(piece, number, block)
        if node.op in ("part", "join", "repeat"):
            (inner,) = _operands(self.graph, piece)
            return self.value(inner, number, block)
        operands = [self.value(inner, number, block) for inner in _operands(self.graph, piece)]
        return getattr(self.vectors, node.op)(*operands)

    def load(self, piece: Piece, number: int, block: int) -> Any:
        """A vector of a value that lies in a slot."""
        place, start = piece
        if self.graph.nodes[place].width == 1 and self.group.unit != 1:
            zero = self.writer._index(0)
            single = self.builder.load(
                self.writer.address(place, self.row, number, self.step, zero), typ=self.writer.form.scalar
            )
            return self._everywhere(single)
        return self._load(self._address(place, start, number, block))

    def _products(self, pack: Pack) -> None:
        """Accumulate all products of one operand over its features."""
        writer, builder = self.writer, self.builder
        count, size = len(pack.products), writer.lanes
        depth = self.graph.nodes[pack.operand].width
        keys = [
            (piece, number, block)
            for piece in pack.products
            for number in range(self.rows)
            for block in range(self.blocks)
        ]
        before = builder.block
        head, body, after = (builder.append_basic_block(name) for name in ("products", "multiply", "products_done"))
        weights = writer.weights[writer.packs.index(pack)]
        rows = [
            writer.address(pack.operand, self.row, number, self.step, writer._index(0)) for number in range(self.rows)
        ]
        builder.branch(head)
        builder.position_at_end(head)
        index = builder.phi(_INDEX)
        index.add_incoming(writer._index(0), before)
        sums = {key: builder.phi(self.vectors.type) for key in keys}
        for total in sums.values():
            total.add_incoming(self.vectors.constant(0), before)
        builder.cbranch(builder.icmp_signed("<", index, writer._index(depth)), body, after)
        builder.position_at_end(body)
        operand = [
            self._everywhere(
                builder.load(builder.gep(row, [index], source_etype=writer.form.scalar), typ=writer.form.scalar)
            )
            for row in rows
        ]
        new = {}
        for block in range(self.blocks):
            first = builder.mul(builder.add(self.block, writer._index(block)), writer._index(depth))
            first = builder.mul(builder.add(first, index), writer._index(count * size))
            for n, piece in enumerate(pack.products):
                place = builder.gep(
                    weights, [builder.add(first, writer._index(n * size))], source_etype=writer.form.scalar
                )
                weight = builder.load(place, typ=self.vectors.type, align=writer.lanes * writer.form.scalar_bytes)
                for number in range(self.rows):
                    key = (piece, number, block)
                    new[key] = self.vectors.fma(operand[number], weight, sums[key])
        index.add_incoming(builder.add(index, writer._index(1)), builder.block)
        for key, total in sums.items():
            total.add_incoming(new[key], builder.block)
        builder.branch(head)
        builder.position_at_end(after)
        self.done.update(sums)

    def _address(self, slot: Id, start: int, number: int, block: int) -> Any:
        lanes = self.writer._index(self.writer.lanes)
        feature = self.builder.mul(self.builder.add(self.block, self.writer._index(block)), lanes)
        feature = self.builder.add(feature, self.writer._index(start))
        return self.writer.address(slot, self.row, number, self.step, feature)

    def _everywhere(self, single: Any) -> Any:
        empty = ir.Constant(self.vectors.type, ir.Undefined)
        one = self.builder.insert_element(empty, single, ir.Constant(ir.IntType(32), 0))
        zeros = ir.Constant(ir.VectorType(ir.IntType(32), self.writer.lanes), [0] * self.writer.lanes)
        return self.builder.shuffle_vector(one, empty, zeros)

    def _load(self, address: Any) -> Any:
        align = self.writer.form.scalar_bytes
        if not self.rest:
            return self.builder.load(address, typ=self.vectors.type, align=align)
        return self._masked("load", self.vectors.type, [address], [self.mask, self.vectors.constant(0)], align)

    def _store(self, value: Any, address: Any) -> None:
        align = self.writer.form.scalar_bytes
        if not self.rest:
            self.builder.store(value, address, align=align)
        else:
            self._masked("store", ir.VoidType(), [value, address], [self.mask], align)

    def _masked(self, verb: str, result: Any, first: list[Any], last: list[Any], align: int) -> Any:
        name = f"llvm.masked.{verb}.v{self.writer.lanes}{self.writer.form.suffix}.p0"
        operands = [*first, ir.Constant(ir.IntType(32), align), *last]
        kind = ir.FunctionType(result, [operand.type for operand in operands])
        known = self.builder.module.globals.get(name) or ir.Function(self.builder.module, kind, name)
        return self.builder.call(known, operands)


def _operands(graph: Graph, piece: Piece) -> Iterable[Piece]:
    """The pieces that a piece of a value is made of."""
    place, start = piece
    node = graph.nodes[place]
    if node.op == "part":
        return [(node.operands[0], start + node.part[0] * node.width)]
    if node.op == "join":
        for operand in node.operands:
            width = graph.nodes[operand].width
            if start < width:
                return [(operand, start)]
            start -= width
    return [(operand, start if graph.nodes[operand].width > 1 else 0) for operand in node.operands]


def _groups(plan: Schedule, stage: Stage) -> list[_Group]:
    """The results of a stage, those with blocks of the same size together."""
    kept = set(plan.rows)
    groups: dict[int, list[Id]] = {}
    for place in (*stage.products, *stage.run):
        if place in kept:
            groups.setdefault(_unit(plan.graph, stage, place), []).append(place)
    return [_Group(unit, tuple(roots)) for unit, roots in groups.items()]


def _unit(graph: Graph, stage: Stage, root: Id) -> int:
    """Features that a block of ``root`` may run over without crossing from one part of a value into the next."""
    own, waiting, unit = {*stage.products, *stage.run}, [root], 0
    while waiting:
        node = graph.nodes[waiting.pop()]
        unit = gcd(unit, node.width) if node.width > 1 or not unit else unit
        waiting += [operand for operand in node.operands if operand in own]
    return unit
