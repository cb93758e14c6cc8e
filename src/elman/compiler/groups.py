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

    numbers = [] if stage.products else [place for place in stage.rows if graph.nodes[place].width == 1]
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
        if piece[0] in stage.run:
            for inner in inner_pieces(graph, piece):
                _visit(graph, stage, inner, made)
        made[piece] = None


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


def _roots(graph: Graph, stage: Stage, root: Id) -> _Roots:
    """A group for one result: its blocks run over features without crossing from one part of a value into the next."""
    own = {*stage.products, *stage.run}
    is_sum = root in stage.sums
    waiting, unit = [graph.nodes[root].operands[0] if is_sum else root], 0
    seen: set[Id] = set()
    while waiting:
        place = waiting.pop()
        if place in seen:
            continue
        seen.add(place)
        node = graph.nodes[place]
        # A single number holds for all features, but not where it is one of them.
        unit = gcd(unit, node.width) if node.width > 1 or not unit or node.op == "part" else unit
        if node.op == "join":
            unit = gcd(unit, *(graph.nodes[operand].width for operand in node.operands))
        waiting += [] if node.op == "expand" else [operand for operand in node.operands if operand in own]
    if not seen.isdisjoint(stage.products):
        # Tiles of products go over the features in one row of vectors.
        return _Roots(unit, has_products=True)
    cuts: set[int] = set()
    if is_sum:
        added = repetition_of(graph, root)
        # Every block lies within one sum, or is made of whole ones.
        unit = added.unit_within(unit)
        cuts = added.cuts(unit)
    for expand in sorted(repetition_of(graph, place) for place in seen & own if graph.nodes[place].op == "expand"):
        if axes_of(unit, cuts | expand.cuts(unit)):
            cuts |= expand.cuts(unit)
    return _Roots(unit, cuts)
