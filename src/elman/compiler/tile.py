"""The products of a loop's body, in registers.

A *block* is one vector of features. `write_products` multiplies a few rows by a few blocks of packed weights, all sums
in registers, and leaves them in scratch memory that never leaves the nearest cache, where
`elman.compiler.elementwise` finds them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import Any

from llvmlite import ir

from elman.cells.cell import Activations
from elman.compiler.emit import INDEX, POINTER, Emitter
from elman.compiler.graph import Graph, Id
from elman.compiler.machine import Host
from elman.compiler.stages import Stage
from elman.compiler.vector import FORMATS, Precision, Vectors
from elman.compiler.window import Window

#: More rows than this a tile never has.
MOST_ROWS = 6

#: A value at some features: node, and the first of them.
Piece = tuple[Id, int]


@dataclass(frozen=True)
class Target:
    """What is written for: numbers of a precision, on a kind of processor.

    Attributes:
        bfloat16: Whether packed weights are the upper halves of float32 numbers. Those of two neighbouring features of
            an operand share a word, the first in its lower half.
        activations: How exact sigmoid, tanh and exp are, see `elman.compiler.vector`.
    """

    precision: Precision
    host: Host
    bfloat16: bool = False
    activations: Activations = "exact"

    @property
    def lanes(self) -> int:
        """Numbers in a vector."""
        return self.host.lanes(self.precision)

    @property
    def scalar(self) -> Any:
        """LLVM's type of a number."""
        return FORMATS[self.precision].scalar

    @property
    def bytes(self) -> int:
        """Of a number."""
        return FORMATS[self.precision].scalar_bytes

    @property
    def sharing(self) -> int:
        """Features of an operand whose weights share a word."""
        return 2 if self.bfloat16 else 1

    @property
    def accumulators(self) -> int:
        """Vectors of sums that a tile may hold in registers; the others are for weights and operands."""
        return self.host.registers * 3 // 4

    def vectors(self, builder: ir.IRBuilder) -> Vectors:
        """Its vectors, written where ``builder`` stands."""
        return Vectors(builder, self.precision, self.lanes, self.activations)


@dataclass(frozen=True)
class Pack:
    """The matrices of one stage that multiply one operand, for one group of results.

    Attributes:
        operand: Node of the row that is multiplied.
        products: ``(product node, first feature)`` of each product, in the order of packing.
        window: What all of them read of the operand, and give.
    """

    operand: Id
    products: tuple[Piece, ...]
    window: Window


@dataclass(frozen=True)
class Pointers:
    """Which of the pointers that the functions of a step are given stands for what.

    Attributes:
        rows: Node -> its rows: those of this step or, where they are scattered, all of them.
        totals: Node -> the thread's own total.
        scattered: Node -> the table of where its rows of this step lie, if they lie anywhere.
    """

    rows: Mapping[Id, int]
    totals: Mapping[Id, int]
    scattered: Mapping[Id, int]


@dataclass(frozen=True)
class Shapes:
    """How tiles may look: wide ones serve few rows, tall ones many, and the narrowest takes what is left.

    Attributes:
        tall: Blocks side by side in a tall tile.
        rows: Blocks side by side -> most rows, the widest first.
    """

    tall: int
    rows: dict[int, int]


@dataclass(frozen=True)
class Group:
    """What a stage computes together, block by block of ``unit`` features.

    Attributes:
        unit: The features of a piece.
        stage: What it belongs to.
        rows: Pieces of the values that are written out.
        totals: Pieces of the values that are added up over all rows.
        sums: Sum over the features -> the pieces that it adds up.
        pieces: All that these are made of and they themselves, in the order of computation.
        packs: The products among them.
        axes: Loops within each other by which a block is gone over, the innermost last. There is more than one where
            expands or folds take the block apart.
    """

    unit: int
    stage: Stage
    rows: tuple[Piece, ...]
    totals: tuple[Piece, ...]
    sums: dict[Id, tuple[Piece, ...]]
    pieces: tuple[Piece, ...]
    packs: tuple[Pack, ...]
    axes: tuple[int, ...]

    @property
    def products(self) -> list[Piece]:
        """All products, pack by pack: their order in scratch memory."""
        return [piece for pack in self.packs for piece in pack.products]

    def shapes(self, target: Target) -> Shapes:
        """The shapes of its tiles."""
        most = max(len(pack.products) for pack in self.packs)
        blocks = max(1, self.unit // target.lanes)
        wide = _even(blocks, max(1, min(8, 2 * target.accumulators // 3 // most)))
        tall = min(wide, max(1, target.accumulators // (6 * most)))
        widths = sorted({wide, tall, 1}, reverse=True)
        return Shapes(tall, {width: max(1, min(MOST_ROWS, target.accumulators // (most * width))) for width in widths})


def _even(count: int, most: int) -> int:
    """The size of pieces of at most ``most`` that are as few as can be and nearly equal."""
    return -(-count // -(-count // most))


def write_products(
    module: ir.Module, name: str, graph: Graph, target: Target, pack: Pack, group: Group, known: Pointers
) -> ir.Function:
    """``void name(pointers, weights, scratch, row, rows, block, blocks)`` for the shapes of the group.

    Weights are read in order, ``[block][operand's feature][product][vector]``, or pairs of features where two weights
    share a word.
    """
    out = Emitter(module, name, [POINTER, POINTER, POINTER, INDEX, INDEX, INDEX, INDEX])
    pointers, weights, scratch, row, rows, block, blocks = out.function.args
    window, apart = pack.window, graph.nodes[pack.operand].width
    operand = out.load_pointer(pointers, out.index(known.rows[pack.operand]))
    if pack.operand in known.scattered:
        places = out.load_pointer(pointers, out.index(known.scattered[pack.operand]))
    else:
        operand = out.offset(operand, out.builder.mul(row, out.index(apart)), target.scalar)

    def row_of_tile(number: int) -> Any:
        """Where a row of the operand begins."""
        if pack.operand not in known.scattered:
            return out.offset(operand, out.index(number * apart), target.scalar)
        place = out.load_index(places, out.builder.add(row, out.index(number)))
        return out.offset(operand, out.builder.mul(place, out.index(apart)), target.scalar)

    per_block = -(-window.depth // target.sharing) * len(pack.products) * target.lanes
    start = out.offset(weights, out.builder.mul(block, out.index(per_block)), target.scalar)
    before, total = group.products.index(pack.products[0]), len(group.products)

    def tile(count: int, width: int) -> None:
        lines = tuple(row_of_tile(number) for number in range(count))
        operands = [_read_by(out, target, lines, window, out.builder.add(block, out.index(n))) for n in range(width)]
        sums = _multiply(out, target, operands, start, window.depth, len(pack.products))
        for (number, n, product_), value in sums.items():
            place = out.index(((number * width + n) * total + before + product_) * target.lanes)
            out.builder.store(value, out.offset(scratch, place, target.scalar), align=target.lanes * target.bytes)

    def tiles(width: int, most: int) -> None:
        out.switch(rows, {count: partial(tile, count, width) for count in range(1, most + 1)})

    out.switch(blocks, {width: partial(tiles, width, most) for width, most in group.shapes(target).rows.items()})
    out.builder.ret_void()
    return out.function


def _read_by(out: Emitter, target: Target, lines: tuple[Any, ...], window: Window, block: Any) -> tuple[Any, ...]:
    """Where a block of results begins to read the rows of the operand."""
    if window.most == window.heads:
        return lines
    builder = out.builder
    result = builder.add(builder.mul(block, out.index(window.lanes)), out.index(window.start))
    head, last = builder.sdiv(result, out.index(window.results)), out.index(window.heads - window.most)
    head = builder.select(builder.icmp_signed("<", head, last), head, last)
    first = builder.mul(head, out.index(window.features))
    return tuple(out.offset(line, first, target.scalar) for line in lines)


def _multiply(
    out: Emitter, target: Target, operands: list[tuple[Any, ...]], weights: Any, depth: int, products: int
) -> dict[tuple[int, int, int], Any]:
    """The sums over features, (row, block, product) -> vector.

    For every block ``operands`` says where the first of its ``depth`` features lies in each row.
    """
    builder, vectors = out.builder, target.vectors(out.builder)
    rows, blocks, (words, rest) = len(operands[0]), len(operands), divmod(depth, target.sharing)
    per_block = (words + (rest > 0)) * products

    def number_of(line: Any, feature: Any) -> Any:
        return vectors.everywhere(builder.load(out.offset(line, feature, target.scalar), typ=target.scalar))

    def add(word: Any, sums: dict[tuple[int, int, int], Any], features: int) -> dict[tuple[int, int, int], Any]:
        """The sums and what so many features of one word add to them."""
        found, first = {}, builder.mul(word, out.index(target.sharing))
        column = builder.mul(word, out.index(products * target.lanes))
        places = [builder.add(first, out.index(n)) for n in range(features)]
        numbers = {
            operand: [[number_of(line, place) for place in places] for line in operand]
            for operand in dict.fromkeys(operands)
        }
        for block, n in product(range(blocks), range(products)):
            place = builder.add(column, out.index((block * per_block + n) * target.lanes))
            address = out.offset(weights, place, target.scalar)
            shared = _weights(vectors, target, address)[:features]
            for row in range(rows):
                total = sums[row, block, n]
                for number, weight in zip(numbers[operands[block]][row], shared, strict=True):
                    total = vectors.fma(number, weight, total)
                found[row, block, n] = total
        return found

    keys = list(product(range(rows), range(blocks), range(products)))
    sums = {key: vectors.constant(0) for key in keys}
    if words:
        sums = out.repeat(words, sums, lambda word, before: add(word, before, target.sharing))
    return add(out.index(words), sums, rest) if rest else sums


def _weights(vectors: Vectors, target: Target, address: Any) -> Sequence[Any]:
    """The vectors of weights that share the words at an address."""
    kind = vectors.integers if target.bfloat16 else vectors.type
    word = vectors.builder.load(address, typ=kind, align=target.lanes * target.bytes)
    return vectors.halves(word) if target.bfloat16 else [word]
