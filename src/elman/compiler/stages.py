"""The body of a time loop cut into stages, each of which goes over the features of a row once.

A product, or a sum over the features, needs whole rows, so what it gives belongs to a later stage than what it is made
of. Between two stages values lie in memory: those that were dear, or that are made of many others. What is cheaply made
of a row or two that lie in memory anyway is made again in every stage that needs it, and never written out.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from elman.compiler.graph import OPS, Graph, Id

#: Functions that are dearer to compute again than to read back.
DEAR = frozenset({"sigmoid", "tanh", "exp", "log", "sqrt", "rsqrt", "sin", "cos", "divide"})

#: A value that is made of so many rows in memory is made again instead of kept: to read those costs no more than to
#: write one and to read it back.
FEW_ROWS = 2


@dataclass(frozen=True)
class Stage:
    """A part of the loop's body without a need for whole rows in its middle.

    Attributes:
        products: `linear` and `back` nodes, from rows that were complete before this stage.
        run: Elementwise and layout nodes, in the order of computation; earlier stages may compute some of them too.
        sums: Reductions over the features of values of this stage, complete after it; there are no products then.
        rows: Values of this stage that are written out whole: operands of products, what a later stage reads, and
            what is wanted beyond the loop's body.
        totals: Values of this stage whose sum over all rows and steps is wanted.
    """

    products: tuple[Id, ...]
    run: tuple[Id, ...]
    sums: tuple[Id, ...]
    rows: tuple[Id, ...]
    totals: tuple[Id, ...] = ()

    @property
    def nodes(self) -> tuple[Id, ...]:
        """All that it computes."""
        return (*self.products, *self.run, *self.sums)


def cut_into_stages(
    graph: Graph, body: list[Id], wanted: AbstractSet[Id], totals: AbstractSet[Id] = frozenset()
) -> tuple[Stage, ...]:
    """Cut a body where whole rows are needed.

    Args:
        graph: Of the nodes.
        body: What the loop computes, in the order of computation; all else lies in memory.
        wanted: Values of it that must be written out whole, whatever the stages need.
        totals: Values of it whose sum over all rows is wanted.
    """
    stage_of, kept = _stage_of(graph, body), _kept(graph, set(body))
    rows = set(wanted)
    stages = []
    # From the last to the first: what a stage reads, an earlier one must write.
    for number in sorted(set(stage_of.values()), reverse=True):
        here = [place for place in body if stage_of[place] == number]
        earlier = {place for place in body if stage_of[place] < number}
        made, read = _made(graph, here, earlier, wanted=rows | totals, lying=kept | rows)
        rows |= read
        kinds = {place: OPS[graph.nodes[place].op].kind for place in sorted(made)}
        stages.append(
            Stage(
                products=tuple(place for place, kind in kinds.items() if kind == "product"),
                run=tuple(place for place, kind in kinds.items() if kind in ("elementwise", "layout")),
                sums=tuple(place for place, kind in kinds.items() if kind == "reduction"),
                rows=tuple(place for place in here if place in rows and kinds[place] != "reduction"),
                totals=tuple(place for place in here if place in totals),
            )
        )
    return tuple(stage for stage in reversed(stages) if stage.nodes)


def _made(
    graph: Graph, here: list[Id], earlier: set[Id], *, wanted: set[Id], lying: set[Id]
) -> tuple[set[Id], set[Id]]:
    """What a stage computes, for its products and sums and for what is wanted of it, and the rows that it reads."""
    made: set[Id] = set()
    read: set[Id] = set()
    waiting = [place for place in here if place in wanted or _takes_whole_rows(graph, place)]
    while waiting:
        place = waiting.pop()
        if place in earlier and place in lying:
            read.add(place)
        elif place not in made and (place in earlier or place in here):
            made.add(place)
            operands = graph.nodes[place].operands
            if reads_whole_rows(graph, place):
                read.add(operands[0])
            else:
                waiting += operands
    return made, read


def reads_whole_rows(graph: Graph, place: Id) -> bool:
    """Whether it reads other features of its operand than it gives itself; the operand lies in memory then."""
    node = graph.nodes[place]
    return OPS[node.op].kind == "product" or node.op == "expand"


def _takes_whole_rows(graph: Graph, place: Id) -> bool:
    return OPS[graph.nodes[place].op].kind in ("product", "reduction")


def _stage_of(graph: Graph, body: list[Id]) -> dict[Id, int]:
    """The earliest stage in which each node can be computed; sums that would stand beside products come after them."""
    level: dict[Id, int] = {}
    narrow: set[Id] = set()  # single numbers that hang on a product of their own stage, or are one of many made there
    for place in body:
        node = graph.nodes[place]
        kind = OPS[node.op].kind
        inside = [operand for operand in node.operands if operand in level]
        # A product reads rows that earlier stages completed; the state is complete before the first.
        whole = reads_whole_rows(graph, place)
        late = {p for p in inside if whole or OPS[graph.nodes[p].op].kind == "reduction"}
        # All features need a single number at once, also where it is not one of their own.
        late |= narrow if node.width > 1 else set()
        level[place] = max((level[operand] + (operand in late) for operand in inside), default=0)
        of_many = kind == "product" or (node.op == "part" and inside)
        if node.width == 1 and (of_many or any(p in narrow and level[p] == level[place] for p in inside)):
            narrow.add(place)
    with_products = {level[place] for place in body if OPS[graph.nodes[place].op].kind == "product"}
    with_sums = _with_sums(graph, level)
    return {place: 2 * number + (place in with_sums and number in with_products) for place, number in level.items()}


def _with_sums(graph: Graph, level: dict[Id, int]) -> set[Id]:
    """Sums, and what expands spread over whole rows unless a product of its level is added to it.

    Beside products they would go over these rows a second time.
    """
    inside = {place: [n for n in graph.nodes[place].operands if level.get(n) == level[place]] for place in level}
    of_products: set[Id] = set()
    spread: set[Id] = set()
    for place in level:
        node = graph.nodes[place]
        if OPS[node.op].kind == "product" or not of_products.isdisjoint(inside[place]):
            of_products.add(place)
        elif node.op == "expand" or not spread.isdisjoint(inside[place]):
            spread.add(place)
    beside: set[Id] = set()
    for place in reversed(level):
        if OPS[graph.nodes[place].op].kind != "reduction" and (place in of_products or place in beside):
            beside.update(inside[place])
    sums = {place for place in level if OPS[graph.nodes[place].op].kind == "reduction"}
    return sums | (spread - beside)


def _kept(graph: Graph, body: set[Id]) -> set[Id]:
    """The nodes of a body that are kept for later stages; the others are cheaply made of a few rows that lie there."""
    kept: set[Id] = set()
    rows_of: list[set[Id]] = []  # the rows in memory that each node is made of, beside numbers and parameters
    for place, node in enumerate(graph.nodes):
        found = set().union(*(rows_of[operand] for operand in node.operands))
        if node.op == "expand":
            found = set()  # few numbers, however often they are read
        cheap = OPS[node.op].kind in ("elementwise", "layout") and node.op not in DEAR
        if place in body and not (cheap and len(found) <= FEW_ROWS):
            kept.add(place)
        if place in kept or place not in body:
            found = set() if node.width == 1 or of_parameters(graph, place) else {place}
        rows_of.append(found)
    return kept


def of_parameters(graph: Graph, place: Id) -> bool:
    """Whether a value depends on parameters and constants alone; a copy is the result of a step, whatever it is of."""
    node = graph.nodes[place]
    if OPS[node.op].kind == "leaf":
        return node.op in ("parameter", "constant")
    if node.op == "copy":
        return False
    return all(of_parameters(graph, operand) for operand in node.operands)
