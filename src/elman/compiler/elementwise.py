"""The elementwise part of a loop's body: it goes over the features of some rows once, vector by vector.

`write_elementwise` computes what a group of a stage wants: it stores rows, adds up sums over the features, and adds
every row to totals. Single numbers that hold for a whole row are computed before the row's vectors.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from llvmlite import ir

from elman.compiler.emit import INDEX, POINTER, Emitter
from elman.compiler.graph import Graph, Id
from elman.compiler.groups import inner_pieces, lying, row_of
from elman.compiler.repetition import Repetition, repetition_of
from elman.compiler.stages import of_parameters
from elman.compiler.tile import Group, Piece, Pointers, Target


def write_elementwise(
    module: ir.Module,
    name: str,
    graph: Graph,
    target: Target,
    group: Group,
    known: Pointers,
) -> ir.Function:
    """``void name(pointers, scratch, row, rows, block, blocks, rests)``.

    It takes ``blocks`` whole vectors of features from a block on and, with ``rests`` of 1, what is left behind them.
    """
    out = Emitter(module, name, [POINTER, POINTER, *[INDEX] * 5])
    pointers, scratch, row, rows, block, blocks, rests = out.function.args
    builder = out.builder
    body = _Vectors(out, graph, target, group, pointers, known)
    width = builder.add(blocks, rests)

    def one_vector(number: Any, first: Any, lanes: int, n: Any) -> None:
        n = builder.add(first, n)
        feature = builder.mul(builder.add(block, n), out.index(target.lanes))
        place = builder.mul(builder.add(builder.mul(number, width), n), out.index(len(group.products) * target.lanes))
        body.write(feature, out.offset(scratch, place, target.scalar), lanes)

    def one_row(number: Any) -> None:
        body.begin(builder.add(row, number))
        out.loop(out.index(0), blocks, 1, partial(one_vector, number, out.index(0), target.lanes))
        if group.unit % target.lanes:
            out.loop(out.index(0), rests, 1, partial(one_vector, number, blocks, group.unit % target.lanes))
        body.end()

    out.loop(out.index(0), rows, 1, one_row)
    builder.ret_void()
    return out.function


class Body:
    """The elementwise operations of a group for one row at a time.

    Attributes:
        at: Where the vector stands that is computed, along each of the group's axes.
        feature: The same as a feature of the block.
        lanes: Features of the vector that count.
        done: What is computed already.
        scratch: Where the vector's products lie.
    """

    at: list[Any]
    feature: Any
    lanes: int
    done: dict[Piece, Any]
    scratch: Any

    def __init__(
        self,
        out: Emitter,
        graph: Graph,
        target: Target,
        group: Group,
        pointers: Any,
        known: Pointers,
    ) -> None:
        self.out, self.graph, self.target, self.group = out, graph, target, group
        self.builder = out.builder
        self.vectors = target.vectors(out.builder)
        self.bases, self.totals, self.scattered = (
            {place: out.load_pointer(pointers, out.index(n)) for place, n in numbers.items()}
            for numbers in (known.rows, known.totals, known.scattered)
        )
        self.own = {*group.stage.products, *group.stage.run}
        self.products = {piece: n for n, piece in enumerate(group.products)}
        #: Repetition that are single numbers for the whole row.
        self.numbers = [piece for piece in group.pieces if group.unit > 1 and graph.nodes[piece[0]].width == 1]

    def begin(self, row: Any) -> None:
        """Compute the single numbers of a row."""
        self.row = row
        self.places = {place: self.out.load_index(table, row) for place, table in self.scattered.items()}
        self.known: dict[Piece, Any] = {}
        self.done = self.known
        for piece in self.numbers:
            self.done[piece] = self._compute(piece)
            if piece in self.group.rows:
                self._store_number(piece[0], self.builder.extract_element(self.done[piece], self.out.index(0)))

    def _store_results(self) -> None:
        """Store a vector of every row that is written out, and add it to every total."""
        for piece in self.group.rows:
            if piece not in self.known:
                self._store(self.done[piece], self._address(piece))
        for place, start in self.group.totals:
            address = self._offset(self.totals[place], self.builder.add(self.feature, self.out.index(start)))
            self._store(self.builder.fadd(self._load(address), self.done[place, start]), address)

    def _compute(self, piece: Piece) -> Any:
        node = self.graph.nodes[piece[0]]
        if node.op == "constant":
            return self.vectors.constant(node.value)
        if piece in self.products:
            place = self.out.index(self.products[piece] * self.target.lanes)
            align = self.target.lanes * self.target.bytes
            return self.builder.load(self._offset(self.scratch, place), typ=self.vectors.type, align=align)
        if piece[0] not in self.own:
            return self._number(piece[0]) if piece in self.numbers else self._load(self._address(piece))
        if node.op == "expand":
            return self._expanded(piece)
        if lying(self.graph, self.group.stage, piece):
            return self._number(*row_of(self.graph, self.group.stage, piece))
        operands = [self.done[inner] for inner in inner_pieces(self.graph, piece)]
        if node.op in ("part", "join", "repeat", "copy"):
            return operands[0]
        return getattr(self.vectors, node.op)(*operands)

    def _expanded(self, piece: Piece) -> Any:
        """A vector of an expand, read where its operand lies."""
        place, start = piece
        operand, first = row_of(self.graph, self.group.stage, piece)
        repetition = repetition_of(self.graph, place)
        base = self._offset(self.bases[operand], self._first_of_row(operand))
        if not repetition.fits(self.group.axes):
            return self._read_one_by_one(base, repetition, start)
        strides = repetition.strides(self.group.axes)
        address = self._offset(base, self._place(strides, first))
        if strides[-1]:
            return self._load(address)
        return self.vectors.everywhere(self.builder.load(address, typ=self.target.scalar))

    def _place(self, strides: Sequence[int], start: int) -> Any:
        """The number of a feature that is so far from its neighbours along the axes."""
        place = self.out.index(start)
        for at, stride in zip(self.at, strides, strict=True):
            if stride:
                place = self.builder.add(place, self.builder.mul(at, self.out.index(stride)))
        return place

    def _read_one_by_one(self, base: Any, repetition: Repetition, start: int) -> Any:
        """What an expand gives at features that lie anyhow."""
        builder, index, vector = self.builder, self.out.index, self.vectors.constant(0)
        for lane in range(self.lanes):
            feature = builder.add(self.feature, index(start + lane))
            piece = builder.mul(builder.udiv(feature, index(repetition.span)), index(repetition.size))
            place = builder.add(piece, builder.urem(feature, index(repetition.size)))
            value = builder.load(self._offset(base, place), typ=self.target.scalar)
            vector = builder.insert_element(vector, value, index(lane))
        return vector

    def _offset(self, base: Any, number: Any) -> Any:
        return self.out.offset(base, number, self.target.scalar)

    def _address(self, piece: Piece) -> Any:
        place, start = piece
        number = self.builder.add(self.feature, self.out.index(start))
        return self._offset(self.bases[place], self.builder.add(self._first_of_row(place), number))

    def _first_of_row(self, place: Id) -> Any:
        """Where the row begins; values of parameters are the same for all rows."""
        if of_parameters(self.graph, place):
            return self.out.index(0)
        return self.builder.mul(self.places.get(place, self.row), self.out.index(self.graph.nodes[place].width))

    def _number(self, place: Id, feature: int = 0) -> Any:
        """A single number that lies in memory, in every lane."""
        number = self.builder.add(self._first_of_row(place), self.out.index(feature))
        address = self._offset(self.bases[place], number)
        return self.vectors.everywhere(self.builder.load(address, typ=self.target.scalar))

    def _store_number(self, place: Id, value: Any) -> None:
        self.builder.store(value, self._offset(self.bases[place], self._first_of_row(place)))

    def _load(self, address: Any) -> Any:
        """A vector from memory, with zeros in the lanes that do not count."""
        if self.lanes == self.target.lanes:
            return self.builder.load(address, typ=self.vectors.type, align=self.target.bytes)
        return self._masked("load", self.vectors.type, [address], [self._mask(), self.vectors.constant(0)])

    def _store(self, value: Any, address: Any) -> None:
        if self.lanes == self.target.lanes:
            self.builder.store(value, address, align=self.target.bytes)
        else:
            self._masked("store", ir.VoidType(), [value, address], [self._mask()])

    def _counted(self, value: Any) -> Any:
        """The same with zeros in the lanes that do not count."""
        if self.lanes == self.target.lanes:
            return value
        return self.builder.select(self._mask(), value, self.vectors.constant(0))

    def _mask(self) -> Any:
        bits = [ir.Constant(ir.IntType(1), int(lane < self.lanes)) for lane in range(self.target.lanes)]
        return ir.Constant(ir.VectorType(ir.IntType(1), self.target.lanes), bits)

    def _masked(self, verb: str, result: Any, first: list[Any], last: list[Any]) -> Any:
        name = f"llvm.masked.{verb}.v{self.target.lanes}{self.vectors.format.suffix}.p0"
        align = ir.Constant(ir.IntType(32), self.target.bytes)
        return self.out.call_intrinsic(name, result, [*first, align, *last])


class _Vectors(Body):
    """Goes over the features vector by vector, in the order `begin`, `write`, `end`."""

    def begin(self, row: Any) -> None:
        """Compute the single numbers of a row, and begin its sums."""
        super().begin(row)
        self.sums = {place: self.out.room(self.vectors.type) for place in self.group.sums}
        for total in self.sums.values():
            self.builder.store(self.vectors.constant(0), total)

    def write(self, feature: Any, scratch: Any, lanes: int) -> None:
        """Compute a vector of features, of which so many ``lanes`` count.

        Everything is computed before anything is stored: a result may take the place of what another is made from.
        """
        self.feature, self.scratch, self.lanes, self.done = feature, scratch, lanes, dict(self.known)
        self.at = [feature]
        for piece in self.group.pieces:
            if piece not in self.done:
                self.done[piece] = self._compute(piece)
        self._store_results()
        for place, pieces in self.group.sums.items():
            total = self.builder.load(self.sums[place], typ=self.vectors.type)
            for piece in pieces:
                total = self.builder.fadd(total, self._counted(self.done[piece]))
            self.builder.store(total, self.sums[place])

    def end(self) -> None:
        """Store the sums over the features."""
        for place, room in self.sums.items():
            self._store_number(place, self.vectors.total(self.builder.load(room, typ=self.vectors.type)))
