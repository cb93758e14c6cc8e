"""The elementwise part of a loop's body where it takes rows apart into pieces: matrices as memory.

A row that is a matrix, or one for each head, is gone over by loops within each other, one for each axis:

    for each outer axis, the heads for instance:
      for blocks of a few vectors along the last axis:
        what is the same for all rows of the matrix is loaded
        for each row of the matrix:
          what is expanded is read through its index: one number for the row, or a vector for all rows
          elementwise, then what must be kept is stored
          folds over the last axis are added up and stored, those over the rows stay in registers
        folds over the rows are stored

so that what an expand gives is never written anywhere, and the matrix itself is read and written once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from llvmlite import ir

from elman.compiler.elementwise import Body
from elman.compiler.emit import INDEX, POINTER, Emitter
from elman.compiler.graph import Graph, Id
from elman.compiler.groups import inner_pieces
from elman.compiler.repetition import repetition_of
from elman.compiler.tile import Group, Piece, Pointers, Target

#: Vectors along the last axis that are computed side by side: what they share is read once for all of them.
MOST_VECTORS = 4

#: Rows of a matrix whose folds over the last axis are added up together, in a quarter of the time of four.
ROWS_AT_ONCE = 4


def write_along_axes(
    module: ir.Module,
    name: str,
    graph: Graph,
    target: Target,
    group: Group,
    known: Pointers,
) -> ir.Function:
    """``void name(pointers, scratch, row, rows, ...)``, for whole rows; see `elman.compiler.elementwise`."""
    out = Emitter(module, name, [POINTER, POINTER, *[INDEX] * 5])
    pointers, _, row, rows, *_ = out.function.args
    body = _Axes(out, graph, target, group, pointers, known)
    out.loop(out.index(0), rows, 1, lambda number: body.write(out.builder.add(row, number)))
    out.builder.ret_void()
    return out.function


#: Which of the two inner axes a value changes along: that of the matrix's rows, and the last one.
_Changes = tuple[bool, bool]

#: A fold, and the first of its features that a piece of its operand is added to.
_Share = tuple[Id, int]


@dataclass(frozen=True)
class _Block:
    """A few vectors side by side.

    Attributes:
        first: Where they begin along the last axis.
        vectors: Where each one stands, and how many of its lanes count.
        same: What is the same along both inner axes.
        ahead: For each vector, that and what is the same for all rows of the matrix.
    """

    first: Any
    vectors: list[tuple[Any, int]]
    same: dict[Piece, Any]
    ahead: list[dict[Piece, Any]]


class _Axes(Body):
    """Goes over the axes of a row, the innermost vector by vector."""

    def __init__(
        self,
        out: Emitter,
        graph: Graph,
        target: Target,
        group: Group,
        pointers: Any,
        known: Pointers,
    ) -> None:
        super().__init__(out, graph, target, group, pointers, known)
        self.at = [out.index(0)] * len(group.axes)
        self.changes: dict[Piece, _Changes] = {}
        for piece in group.pieces:
            self.changes[piece] = self._changes(piece)
        self.strides: dict[Id, tuple[int, ...]] = {}
        self.shares: dict[_Share, list[Piece]] = {}
        for place, found in group.sums.items():
            repetition = repetition_of(graph, place)
            self.strides[place] = repetition.strides(group.axes)
            for piece in found:
                self.shares.setdefault((place, repetition.feature(piece[1])), []).append(piece)

    def write(self, row: Any) -> None:
        """Compute a row of everything."""
        self.begin(row)
        for place in self.group.sums:
            self._clear(place)
        self._outer(0)

    def _changes(self, piece: Piece) -> _Changes:
        place = piece[0]
        if self.graph.nodes[place].op == "constant" or piece in self.numbers:
            return False, False
        if place not in self.own:
            return True, True
        if self.graph.nodes[place].op == "expand":
            repetition = repetition_of(self.graph, place)
            if not repetition.fits(self.group.axes):
                return True, True
            *_, middle, last = repetition.strides(self.group.axes)
            return middle > 0, last > 0
        inner = [self.changes[each] for each in inner_pieces(self.graph, piece)]
        return any(middle for middle, _ in inner), any(last for _, last in inner)

    def _clear(self, place: Id) -> None:
        """Begin a fold with zeros."""
        whole, rest = divmod(self.graph.nodes[place].width, self.target.lanes)
        first, lanes = self._offset(self.bases[place], self._first_of_row(place)), self.target.lanes

        def clear(count: int, n: Any) -> None:
            self.lanes = count
            self._store(self.vectors.constant(0), self._offset(first, n))

        self.out.loop(self.out.index(0), self.out.index(whole * lanes), lanes, partial(clear, lanes))
        if rest:
            clear(rest, self.out.index(whole * lanes))

    def _outer(self, axis: int) -> None:
        """The loop over one of the outer axes, and all within it."""

        def inside(n: Any) -> None:
            self.at[axis] = n
            self._outer(axis + 1)

        if axis < len(self.group.axes) - 2:
            self.out.loop(self.out.index(0), self.out.index(self.group.axes[axis]), 1, inside)
        else:
            self._blocks()

    def _blocks(self) -> None:
        """Blocks of vectors along the last axis."""
        index, lanes = self.out.index, self.target.lanes
        whole, rest = divmod(self.group.axes[-1], lanes)
        size, left = MOST_VECTORS * lanes, whole % MOST_VECTORS
        end = whole // MOST_VECTORS * size
        self.out.loop(index(0), index(end), size, partial(self._block, [lanes] * MOST_VECTORS))
        if left or rest:
            self._block([*[lanes] * left, *[rest] * (rest > 0)], index(end))

    def _block(self, widths: list[int], first: Any) -> None:
        """All rows of the matrix at a few vectors, of which so many lanes count."""
        lanes = self.target.lanes
        vectors = [(self.builder.add(first, self.out.index(n * lanes)), width) for n, width in enumerate(widths)]
        self.at[-2:], self.lanes = [self.out.index(0), first], lanes
        same = self._computed(self.known, (False, False))
        ahead = [self._at(vector, partial(self._computed, same, (False, True))) for vector in vectors]
        block = _Block(first, vectors, same, ahead)
        along_rows = any(self._over_lanes(share) and not self._in_registers(share) for share in self.shares)
        at_once = min(ROWS_AT_ONCE, lanes) if along_rows else 1
        whole, rest = divmod(self.group.axes[-2], at_once)
        sums = self._nothing(len(vectors))
        if whole:
            start = partial(self.builder.mul, self.out.index(at_once))
            sums = self.out.repeat(whole, sums, lambda n, sums: self._rows(block, at_once, start(n), sums))
        for n in range(whole * at_once, whole * at_once + rest):
            sums = self._rows(block, 1, self.out.index(n), sums)
        self._store_sums(sums, vectors)

    def _rows(self, block: _Block, count: int, start: Any, sums: dict[Any, Any]) -> dict[Any, Any]:
        """The sums in registers after so many rows; what folds add up of each row is stored for all of them."""
        lines: dict[_Share, list[Any]] = {}
        for n in range(count):
            self.at[-2:] = [self.builder.add(start, self.out.index(n)), block.first]
            self.lanes = self.target.lanes
            row = self._computed({}, (True, False), given=block.same)
            values = [
                self._at(vector, partial(self._computed, before | row, (True, True)))
                for vector, before in zip(block.vectors, block.ahead, strict=True)
            ]
            for vector, self.done in zip(block.vectors, values, strict=True):
                self._at(vector, self._store_results)
            sums = self._added(sums, block.vectors, values, lines)
        for share, totals in lines.items():
            self._add_numbers(share, start, totals)
        return sums

    def _at(self, vector: tuple[Any, int], action: Callable[[], Any]) -> Any:
        """Do something where a vector stands."""
        self.at[-1], self.lanes = vector
        flat = [1]
        for size in reversed(self.group.axes[1:]):
            flat.insert(0, flat[0] * size)
        self.feature = self._place(flat, 0)
        return action()

    def _computed(
        self, known: dict[Piece, Any], changes: _Changes, given: Mapping[Piece, Any] | None = None
    ) -> dict[Piece, Any]:
        """What is known, and all pieces that change along just these axes; what is ``given`` they may be made of."""
        self.done = {**(given or {}), **known}
        for piece in self.group.pieces:
            if self.changes[piece] == changes and piece not in self.done:
                self.done[piece] = self._compute(piece)
        return self.done

    def _in_registers(self, share: _Share) -> bool:
        """Whether a fold adds up over the rows of the matrix."""
        return self.strides[share[0]][-2] == 0

    def _over_lanes(self, share: _Share) -> bool:
        """Whether a fold adds up along the last axis."""
        return self.strides[share[0]][-1] == 0

    def _nothing(self, vectors: int) -> dict[Any, Any]:
        """The sums in registers before the first row: one for each share and vector."""
        zero = self.vectors.constant(0)
        return {(share, n): zero for share in self.shares if self._in_registers(share) for n in range(vectors)}

    def _added(
        self,
        sums: dict[Any, Any],
        vectors: list[tuple[Any, int]],
        values: list[dict[Piece, Any]],
        lines: dict[_Share, list[Any]],
    ) -> dict[Any, Any]:
        """The sums in registers with a row's share; what is added up along the row goes to the end of its line."""
        found = dict(sums)
        for share, pieces in self.shares.items():
            along: Any = None
            for n, (vector, self.done) in enumerate(zip(vectors, values, strict=True)):
                self.at[-1], self.lanes = vector
                total = sums.get((share, n), along if self._over_lanes(share) else None)
                for piece in pieces:
                    total = self._plus(total, piece, whole=not self._over_lanes(share))
                if self._in_registers(share):
                    found[share, n] = total
                elif self._over_lanes(share):
                    along = total
                else:
                    self._add_vector(share, total)
            if along is not None:
                lines.setdefault(share, []).append(along)
        return found

    def _plus(self, total: Any, piece: Piece, *, whole: bool) -> Any:
        """A sum with a piece added; unless vectors are taken as a ``whole``, only the lanes that count."""
        counted = whole or self.lanes == self.target.lanes
        if total is not None and counted and self.graph.nodes[piece[0]].op == "multiply" and piece[0] in self.own:
            x, y = (self.done[inner] for inner in inner_pieces(self.graph, piece))
            return self.vectors.fma(x, y, total)
        value = self.done[piece] if whole else self._counted(self.done[piece])
        return value if total is None else self.builder.fadd(total, value)

    def _store_sums(self, sums: dict[Any, Any], vectors: list[tuple[Any, int]]) -> None:
        """Add the sums in registers to where their folds lie."""
        self.at[-2] = self.out.index(0)
        for share in dict.fromkeys(share for share, _ in sums):
            if self._over_lanes(share):
                self._add_number(share, self._total([sums[share, n] for n in range(len(vectors))]))
                continue
            for n, vector in enumerate(vectors):
                self.at[-1], self.lanes = vector
                self._add_vector(share, sums[share, n])

    def _total(self, values: list[Any]) -> Any:
        total = values[0]
        for value in values[1:]:
            total = self.builder.fadd(total, value)
        return total

    def _address_of(self, share: _Share) -> Any:
        place, start = share
        number = self.builder.add(self._first_of_row(place), self._place(self.strides[place], start))
        return self._offset(self.bases[place], number)

    def _add_vector(self, share: _Share, value: Any) -> None:
        address = self._address_of(share)
        self._store(self.builder.fadd(self._load(address), value), address)

    def _add_numbers(self, share: _Share, start: Any, vectors: list[Any]) -> None:
        """Add the sum over each vector's lanes to a fold, for as many rows from one on."""
        self.at[-2] = start
        if len(vectors) == 1 or self.strides[share[0]][-2] > 1:
            for n, vector in enumerate(vectors):
                self.at[-2] = self.builder.add(start, self.out.index(n))
                self._add_number(share, vector)
            return
        address, totals = self._address_of(share), self.vectors.totals(vectors)
        before = self.builder.load(address, typ=totals.type, align=self.target.bytes)
        self.builder.store(self.builder.fadd(before, totals), address, align=self.target.bytes)

    def _add_number(self, share: _Share, vector: Any) -> None:
        address = self._address_of(share)
        before = self.builder.load(address, typ=self.target.scalar)
        self.builder.store(self.builder.fadd(before, self.vectors.total(vector)), address)
