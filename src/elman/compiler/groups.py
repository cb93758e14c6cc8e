"""What a stage computes together: results whose features fall into blocks of the same size, and their products."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from math import gcd

from elman.compiler.graph import Graph, Id
from elman.compiler.repetition import axes_of, repetition_of
from elman.compiler.stages import Stage
from elman.compiler.tile import Group, Pack, Piece, Target
from elman.compiler.window import Window


@dataclass
class _Roots:
    """What one group is to compute, and how its features are told apart.

    Attributes:
        unit: Features of a block.
        cuts: Where the pieces of expands and folds begin, within a block.
        has_products: Whether any of it is made of products.
    """

    unit: int
    cuts: set[int] = field(default_factory=set)
    has_products: bool = False
    rows: list[Id] = field(default_factory=list)
    totals: list[Id] = field(default_factory=list)
    sums: list[Id] = field(default_factory=list)


def groups_of(graph: Graph, stage: Stage, target: Target) -> list[Group]:
    """The groups of a stage; no pack has more products than the target has accumulators."""
    found: list[_Roots] = []

    def group(place: Id) -> _Roots:
        """The group that a result belongs to."""
        own = _roots(graph, stage, place)
        for other in found:
            alike = other.unit == own.unit and other.has_products == own.has_products
            if alike and axes_of(own.unit, other.cuts | own.cuts):
                other.cuts |= own.cuts
                return other
        found.append(own)
        return own

    numbers = [] if stage.products else [place for place in stage.rows if _is_number(graph, stage, place)]
    for place in stage.sums:
        group(place).sums.append(place)
    for place in stage.rows:
        if place not in numbers:
            group(place).rows.append(place)
    for place in stage.totals:
        group(place).totals.append(place)
    # Single numbers of a row are computed on the way to its features.
    if numbers:
        if not found:
            found.append(_Roots(1))
        max(found, key=lambda roots: roots.unit).rows.extend(numbers)
    return [_group(graph, stage, roots, target) for roots in found]


def _group(graph: Graph, stage: Stage, roots: _Roots, target: Target) -> Group:
    unit = roots.unit

    def pieces(places: Iterable[Id]) -> list[Piece]:
        return [(place, start) for place in places for start in range(0, graph.nodes[place].width, unit)]

    added = {place: tuple(pieces(graph.nodes[place].operands)) for place in roots.sums}
    made: dict[Piece, None] = {}
    for piece in (*pieces(roots.rows), *pieces(roots.totals), *(piece for found in added.values() for piece in found)):
        _visit(graph, stage, piece, made)
    wanted: dict[tuple[Id, Window], list[Piece]] = {}
    for piece in made:
        if piece[0] in stage.products:
            operand = graph.nodes[piece[0]].operands[0]
            wanted.setdefault((operand, _window(graph, piece, unit, target.lanes)), []).append(piece)
    accumulators = target.accumulators
    packs = [
        Pack(operand, tuple(found[n : n + accumulators]), window)
        for (operand, window), found in wanted.items()
        for n in range(0, len(found), accumulators)
    ]
    axes = axes_of(unit, roots.cuts)
    if len(axes) == 1 and any(graph.nodes[place].op == "fold" for place in roots.sums):
        axes = (1, *axes)
    rows, totals = tuple(pieces(roots.rows)), tuple(pieces(roots.totals))
    return Group(unit, stage, rows, totals, added, tuple(made), tuple(packs), axes)


def _window(graph: Graph, piece: Piece, unit: int, lanes: int) -> Window:
    """What a product reads of its operand."""
    node = graph.nodes[piece[0]]
    features = graph.nodes[node.operands[0]].width // node.heads
    # With one head it is the same wherever the piece begins.
    results, start = (unit, 0) if node.heads == 1 else (node.width // node.heads, piece[1])
    return Window(node.heads, features, results, start, unit, lanes)


def _visit(graph: Graph, stage: Stage, piece: Piece, made: dict[Piece, None]) -> None:
    """Note a piece after all those that it is made of, as far back as to memory and to products."""
    if piece not in made:
        if piece[0] in stage.run and not lying(graph, stage, piece):
            for inner in inner_pieces(graph, piece):
                _visit(graph, stage, inner, made)
        made[piece] = None


def lying(graph: Graph, stage: Stage, piece: Piece) -> Piece | None:
    """Where a single number lies that is one of a row in memory; None for all else."""
    place, start = piece
    if graph.nodes[place].width > 1:
        return None
    while place in stage.run and graph.nodes[place].op == "part":
        (place, start), *_ = inner_pieces(graph, (place, start))
    return None if place in (*stage.run, *stage.products) or place == piece[0] else (place, start)


def row_of(graph: Graph, stage: Stage, piece: Piece) -> Piece:
    """What is read for a piece where that is not the piece itself: the operand of an expand, the row of a number."""
    if piece[0] in stage.run and graph.nodes[piece[0]].op == "expand":
        return graph.nodes[piece[0]].operands[0], repetition_of(graph, piece[0]).feature(piece[1])
    return lying(graph, stage, piece) or piece


def _is_number(graph: Graph, stage: Stage, place: Id) -> bool:
    """Whether a value is made of single numbers alone, of none that is one of many made with it."""
    return all(graph.nodes[each].width == 1 for each in _cone(graph, stage, place))


def inner_pieces(graph: Graph, piece: Piece) -> Iterable[Piece]:
    """The pieces that a piece of a value is made of; an expand reads its operand from memory."""
    place, start = piece
    node = graph.nodes[place]
    if node.op == "expand":
        return []
    if node.op == "part":
        return [(node.operands[0], start + node.part[0] * node.width)]
    if node.op == "join":
        for operand in node.operands:
            width = graph.nodes[operand].width
            if start < width:
                return [(operand, start)]
            start -= width
    return [(operand, start if graph.nodes[operand].width > 1 else 0) for operand in node.operands]


def _cone(graph: Graph, stage: Stage, root: Id) -> list[Id]:
    """What a stage makes a value of, and the value itself, the first one."""
    own = {*stage.products, *stage.run}
    found: dict[Id, None] = {}
    waiting = [root]
    while waiting:
        place = waiting.pop()
        if place not in found:
            found[place] = None
            read = graph.nodes[place].op == "expand" or lying(graph, stage, (place, 0))
            waiting += [] if read else [operand for operand in graph.nodes[place].operands if operand in own]
    return [*found]


def _roots(graph: Graph, stage: Stage, root: Id) -> _Roots:
    """A group for one result: its blocks run over features without crossing from one part of a value into the next."""
    is_sum = root in stage.sums
    seen = _cone(graph, stage, graph.nodes[root].operands[0] if is_sum else root)
    unit = graph.nodes[seen[0]].width
    for place in seen:
        node = graph.nodes[place]
        # A single number holds for all features, but not where it is one of them.
        if node.width > 1 or (node.op == "part" and not lying(graph, stage, (place, 0))):
            unit = gcd(unit, node.width)
        if node.op == "join":
            unit = gcd(unit, *(graph.nodes[operand].width for operand in node.operands))
    if not set(seen).isdisjoint(stage.products):
        # Tiles of products go over the features in one row of vectors.
        return _Roots(unit, has_products=True)
    cuts: set[int] = set()
    if is_sum:
        added = repetition_of(graph, root)
        # Every block lies within one sum, or is made of whole ones.
        unit = added.unit_within(unit)
        cuts = added.cuts(unit)
    expands = (place for place in seen if place in stage.run and graph.nodes[place].op == "expand")
    for expand in sorted(repetition_of(graph, place) for place in expands):
        if axes_of(unit, cuts | expand.cuts(unit)):
            cuts |= expand.cuts(unit)
    return _Roots(unit, cuts)
