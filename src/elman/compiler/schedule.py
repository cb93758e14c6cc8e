"""What is computed when: which products leave the time loop, what its body does in which order, what is kept.

A step is taken apart by what its values depend on:

- on parameters alone: computed *once* a call;
- on the input and not on the state: its products are *hoisted*, one large product over all steps before the loop;
- on the state: the loop's body, cut into *stages*. A stage begins with the products whose operands stand complete,
  and goes on elementwise with all that can be computed from them in place. A product, or a sum over the features,
  needs whole rows, so what it gives belongs to the next stage (`elman.compiler.stages`).

The gradient runs through the same cuts backwards. What it needs of the step is *saved* at every step where it was
dear (a product, or a function such as tanh), and computed again from the rest where it was cheap; in a loop without
products all but those before it is cheap. Products that no other step waits for, and their sums, are *deferred* to
large products after the loop: the gradient of the input above all, and in training an output that no step reads. So
are the gradients of matrices. The gradient of a vector parameter is a sum over rows, a *total*: the loop adds each row
up as it goes.
"""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace

from elman.compiler.adjoint import Adjoint
from elman.compiler.graph import OPS, Graph, Id, Node
from elman.compiler.stages import DEAR, Stage, cut_into_stages, of_parameters
from elman.compiler.trace import AFTER


@dataclass(frozen=True)
class Schedule:
    """One direction of a cell's time loop.

    Attributes:
        graph: The nodes that all places below refer to.
        once: Nodes that depend on parameters alone.
        hoisted: Nodes computed for all steps before the loop.
        stages: The loop's body.
        deferred: Nodes computed for all steps after the loop.
        saved: Nodes of the step that are stored at every step for the gradient; empty for inference.
    """

    graph: Graph
    once: tuple[Id, ...]
    hoisted: tuple[Id, ...]
    stages: tuple[Stage, ...]
    deferred: tuple[Id, ...]
    saved: tuple[Id, ...] = ()

    @property
    def rows(self) -> tuple[Id, ...]:
        """Values that the body writes out whole."""
        return tuple(place for stage in self.stages for place in stage.rows)

    @property
    def totals(self) -> tuple[Id, ...]:
        """Values that the body adds up over all rows and steps."""
        return tuple(place for stage in self.stages for place in stage.totals)

    def __str__(self) -> str:
        def shown(title: str, places: Iterable[Id]) -> list[str]:
            lines = [f"  %{place} = {self.graph.nodes[place].op}" for place in places]
            return [title, *lines] if lines else []

        lines = shown("once", self.once) + shown("before the loop", self.hoisted)
        for number, stage in enumerate(self.stages, 1):
            lines += shown(f"stage {number}, products", stage.products)
            lines += shown(f"stage {number}, elementwise", stage.run) + shown(f"stage {number}, sums", stage.sums)
        return "\n".join(lines + shown("after the loop", self.deferred) + shown("saved", self.saved))


def schedule_step(step: Graph, *, hoist: bool = True) -> Schedule:
    """Schedule the step that `trace` returned, for inference; without ``hoist`` every product stays in the loop."""
    return _schedule(step, list(step.outputs.values()), given=set(), hoist=hoist)


def schedule_hoisted(plan: Schedule) -> Schedule:
    """What ``plan`` computes before its loop, as a step of its own, for the rows of all steps at once."""
    graph, users = plan.graph, plan.graph.users()
    body = {place for stage in plan.stages for place in stage.nodes}
    handed_on = {place for place in plan.hoisted if body.intersection(users[place])}
    return Schedule(graph, plan.once, (), cut_into_stages(graph, list(plan.hoisted), handed_on), ())


def schedule_training(step: Graph, derived: Adjoint, *, hoist: bool = True) -> tuple[Schedule, Schedule]:
    """Schedule a step and its gradient; ``derived`` is the `adjoint` of ``step``.

    Without ``hoist`` every product stays in the loop, none is hoisted or deferred.
    """
    saved = _saved(step, derived)
    forward = _schedule(step, list(step.outputs.values()), given=set(), saved=saved, hoist=hoist, defer=hoist)
    results = list(derived.graph.outputs.values())
    for share in derived.parameters:
        results += [] if share.operand is None else [share.grad, share.operand]
    totals = {share.grad for share in derived.parameters if share.operand is None}
    always = set(step.leaves("state").values()) | set(step.leaves("input").values())
    loop = _carried(derived)
    given = set(saved) | always
    backward = _schedule(derived.graph, results, given, totals=totals, loop=loop, hoist=hoist, defer=hoist)
    return forward, backward


#: Name of the copy of a state after a step that is written to another place.
TWICE = "{} twice"


def written_twice(plan: Schedule, states: Iterable[str]) -> Schedule:
    """The same schedule with copies of some states after a step, for another place than that of the next step's.

    There is none of what the body does not write vector by vector; it lies complete where the loop is done.
    """
    nodes, outputs, stages = list(plan.graph.nodes), dict(plan.graph.outputs), list(plan.stages)
    for name in states:
        place = outputs[AFTER.format(name)]
        for number, stage in enumerate(stages):
            if place in stage.rows:
                outputs[TWICE.format(name)] = len(nodes)
                stages[number] = replace(stage, run=(*stage.run, len(nodes)), rows=(*stage.rows, len(nodes)))
                nodes.append(Node("copy", (place,), nodes[place].width, name=TWICE.format(name)))
    return replace(plan, graph=Graph(nodes, outputs), stages=tuple(stages))


def _carried(derived: Adjoint) -> set[Id]:
    """The gradients that one step of the backward loop hands to the next."""
    return {place for name, place in derived.graph.leaves("input").items() if name.endswith(" carried")}


def _saved(step: Graph, derived: Adjoint) -> tuple[Id, ...]:
    """The dear values of the step that the gradient needs, itself or by way of cheap ones."""
    count = len(step.nodes)
    needed = {operand for node in derived.graph.nodes[count:] for operand in node.operands if operand < count}
    needed |= {share.operand for share in derived.parameters if share.operand is not None}
    # Without products in the loop memory is what is slow: the products before it are kept and all else is made again.
    dear = frozenset() if is_elementwise(step) else DEAR
    return tuple(sorted(set().union(*(_dear(step, place, dear) for place in needed))))


def is_elementwise(step: Graph) -> bool:
    """Whether the loop is elementwise where products that wait for no step stand before it or after it."""
    plan = _schedule(step, list(step.outputs.values()), given=set(), defer=True)
    ops = {plan.graph.nodes[place].op for stage in plan.stages for place in stage.nodes}
    return "expand" not in ops and {OPS[op].kind for op in ops} <= {"elementwise", "layout"}


def _dear(step: Graph, place: Id, dear: AbstractSet[str]) -> set[Id]:
    """The node itself if it is dear, else the nearest dear ones that it is computed from."""
    node = step.nodes[place]
    if OPS[node.op].kind == "leaf" or of_parameters(step, place):
        return set()
    if node.op in dear or OPS[node.op].kind in ("product", "reduction"):
        return {place}
    # Results of the step are kept in any case; of a matrix before the step and a few numbers it is made again sooner.
    if place in step.outputs.values() and not _is_spread(step, place):
        return {place}
    behind = set().union(*(_dear(step, operand, dear) for operand in node.operands))
    if not dear:
        return behind
    # A part of a product is less to keep than the whole.
    return {place} if node.op == "part" and behind else behind


def _is_spread(step: Graph, place: Id) -> bool:
    """Whether a value is cheaply made of what expands spread over it and of a state."""
    node = step.nodes[place]
    cheap = OPS[node.op].kind == "elementwise" and node.op not in DEAR
    return node.op == "expand" or (cheap and any(_is_spread(step, operand) for operand in node.operands))


def _schedule(
    graph: Graph,
    results: list[Id],
    given: set[Id],
    saved: tuple[Id, ...] = (),
    totals: AbstractSet[Id] = frozenset(),
    loop: set[Id] | None = None,
    hoist: bool = True,
    defer: bool = False,
) -> Schedule:
    """Sort the needed nodes into once, hoisted, stages and deferred.

    ``given`` values are read back at every step; of ``totals`` the sum over all rows is wanted; ``loop`` are the leaves
    by which steps depend on each other (the states, unless told otherwise).
    """
    needed = graph.before([*results, *saved, *totals], given)
    computed = [p for p in sorted(needed) if p not in given and OPS[graph.nodes[p].op].kind != "leaf"]
    loop = set(graph.leaves("state").values()) if loop is None else loop
    once = tuple(place for place in computed if of_parameters(graph, place))
    carried = graph.after(loop)
    hoisted = set(_hoisted(graph, computed, set(once), carried, given)) if hoist else set()
    wanted = {*results, *saved, *totals}
    deferred = _deferred(graph, computed, set(once) | hoisted, wanted, loop) if defer else set()
    body = [place for place in computed if place not in hoisted | deferred | set(once)]
    # A sum over the features is complete only after its stage.
    added = {place for place in body if place in totals and OPS[graph.nodes[place].op].kind != "reduction"}
    operands = {operand for place in deferred for operand in graph.nodes[place].operands}
    stages = cut_into_stages(graph, body, {*results, *saved, *(totals - added), *operands}, added)
    return Schedule(graph, once, tuple(sorted(hoisted)), stages, tuple(sorted(deferred)), saved)


def _hoisted(graph: Graph, computed: list[Id], once: set[Id], carried: set[Id], given: set[Id]) -> set[Id]:
    """Products that wait for no step, with what they are made of."""
    free = [place for place in computed if place not in carried and place not in once]
    products = {place for place in free if OPS[graph.nodes[place].op].kind == "product"}
    return {place for place in graph.before(products, given | once) if place in free}


def _deferred(graph: Graph, computed: list[Id], elsewhere: set[Id], results: set[Id], loop: set[Id]) -> set[Id]:
    """What only results need which no other step waits for: products, products of these, and sums with them."""
    users = graph.users()
    # A state that no step reads is an output alone.
    read = {graph.nodes[place].name for place in loop if users[place]}
    handed_on = [
        place for name, place in graph.outputs.items() if {name.removesuffix(" after"), f"{name} carried"} & read
    ]
    # Sums add up what lies there for all steps, which what is handed on does not.
    lying = set(computed).difference(handed_on)
    free = lying - graph.before(handed_on) - elsewhere
    products, sums = set[Id](), set[Id]()
    for place in sorted(free, reverse=True):
        node, used = graph.nodes[place], lying.intersection(users[place])
        is_own, is_term = place in results and products >= used, place not in results and sums >= used
        if OPS[node.op].kind == "product" and (is_own or is_term):
            products.add(place)
        whole = all(n in lying and graph.nodes[n].width == node.width for n in node.operands)
        if node.op == "add" and whole and (is_own or is_term):
            sums.add(place)
    found: set[Id] = set()
    for place in sorted(products | sums):
        if place in products or found.intersection(graph.nodes[place].operands):
            found.add(place)
    return found
