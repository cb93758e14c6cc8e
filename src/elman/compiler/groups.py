"""What a stage computes together: results whose features fall into blocks of the same size, and their products."""

from __future__ import annotations

from collections.abc import Iterable
from math import gcd

from elman.compiler.graph import Graph, Id
from elman.compiler.stages import Stage
from elman.compiler.tile import Group, Pack, Piece


def groups_of(graph: Graph, stage: Stage, accumulators: int) -> list[Group]:
    """The groups of a stage; no product sums more than so many vectors at once."""
    units: dict[int, tuple[list[Id], list[Id], list[Id]]] = {}

    def group(place: Id) -> tuple[list[Id], list[Id], list[Id]]:
        return units.setdefault(_unit(graph, stage, place), ([], [], []))

    numbers = [] if stage.products else [place for place in stage.rows if graph.nodes[place].width == 1]
    for place in stage.rows:
        if place not in numbers:
            group(place)[0].append(place)
    for place in stage.totals:
        group(place)[1].append(place)
    for place in stage.sums:
        group(graph.nodes[place].operands[0])[2].append(place)
    # Single numbers of a row are computed on the way to its features.
    if numbers:
        units.setdefault(max(units, default=1), ([], [], []))[0].extend(numbers)
    return [_group(graph, stage, unit, *found, accumulators) for unit, found in units.items()]


def _group(
    graph: Graph, stage: Stage, unit: int, rows: list[Id], totals: list[Id], sums: list[Id], accumulators: int
) -> Group:
    def pieces(places: Iterable[Id]) -> list[Piece]:
        return [(place, start) for place in places for start in range(0, graph.nodes[place].width, unit)]

    added = {place: tuple(pieces(graph.nodes[place].operands)) for place in sums}
    made: dict[Piece, None] = {}
    for piece in (*pieces(rows), *pieces(totals), *(piece for found in added.values() for piece in found)):
        _visit(graph, stage, piece, made)
    wanted: dict[Id, list[Piece]] = {}
    for piece in made:
        if piece[0] in stage.products:
            wanted.setdefault(graph.nodes[piece[0]].operands[0], []).append(piece)
    packs = [
        Pack(operand, tuple(found[n : n + accumulators]), unit)
        for operand, found in wanted.items()
        for n in range(0, len(found), accumulators)
    ]
    return Group(unit, stage, tuple(pieces(rows)), tuple(pieces(totals)), added, tuple(made), tuple(packs))


def _visit(graph: Graph, stage: Stage, piece: Piece, made: dict[Piece, None]) -> None:
    """Note a piece after all those that it is made of, as far back as to memory and to products."""
    if piece not in made:
        if piece[0] in stage.run:
            for inner in inner_pieces(graph, piece):
                _visit(graph, stage, inner, made)
        made[piece] = None


def inner_pieces(graph: Graph, piece: Piece) -> Iterable[Piece]:
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


def _unit(graph: Graph, stage: Stage, root: Id) -> int:
    """Features that a block of ``root`` may run over without crossing from one part of a value into the next."""
    own, waiting, unit = {*stage.products, *stage.run}, [root], 0
    while waiting:
        node = graph.nodes[waiting.pop()]
        # A single number holds for all features, but not where it is one of them.
        unit = gcd(unit, node.width) if node.width > 1 or not unit or node.op == "part" else unit
        if node.op == "join":
            unit = gcd(unit, *(graph.nodes[operand].width for operand in node.operands))
        waiting += [operand for operand in node.operands if operand in own]
    return unit
