"""From the graph of a step to the graph of its gradient, by the derivative rules of the operations.

Backpropagation through time (Werbos 1990) goes through the steps in reverse; this is what it does in one of them:
from the gradients of the states after the step to those of the states before it and of the input. Gradients of the
parameters are sums over all rows and steps. They are not part of the step: `Adjoint` says which products and sums
they are, to be taken all at once after the loop.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from elman.compiler.graph import OPS, Builder, Graph, Id, Node
from elman.compiler.stages import of_parameters

#: Name of a matrix that is made of parameters, by its node.
MADE = "%{}"

#: Name of the gradient of the value of some name; and of the share of a state's that the step after hands over.
GRAD, CARRIED = "d {}", "d {} carried"


@dataclass(frozen=True)
class ParameterGradient:
    """A share of a parameter's gradient: the sum over all rows and steps of ``grad``, or of ``outer(grad, operand)``.

    Attributes:
        name: Of the parameter, or `MADE` of a vector or matrix that is made of parameters.
        part: ``(index, count)`` of the block of its rows that the share belongs to.
        grad: Node of the gradient that arrives there, (rows of the block,) for each row of the batch.
        operand: Node that a matrix was multiplied with; None for a vector parameter.
        heads: Blocks of both, of which each has an outer product with its own alone.
    """

    name: str
    part: tuple[int, int]
    grad: Id
    operand: Id | None
    heads: int = 1


@dataclass(frozen=True)
class Adjoint:
    """The step and its gradient in one graph.

    The nodes of the step come first, unchanged. The gradient of a state after the step has two shares, which enter as
    inputs: ``"d hidden after"``, by what the step's own output is used for, and ``"d hidden carried"``, by the steps
    that follow. The results are ``"d hidden"`` for each state and ``"d x"``; a cell's extras have no gradient. A state
    that the step does not read, an output alone, has neither a carried share nor a result.

    The gradient of a vector or a matrix that is made of parameters goes on to these once, after the loop: by the graph
    ``made``, from parameters and ``"d %7"`` to the shares ``of_made``.
    """

    graph: Graph
    parameters: tuple[ParameterGradient, ...]
    made: Graph
    of_made: tuple[ParameterGradient, ...]

    def through_made(
        self, params: Mapping[str, Any], found: Mapping[str, Any]
    ) -> Iterator[tuple[ParameterGradient, Any]]:
        """Each share ``of_made`` and its value, from parameters and the gradients that were found after the loop."""
        given = dict(params)
        for name, place in self.made.leaves("input").items():
            node = self.made.nodes[place]
            given[name] = found.get(name.removeprefix(GRAD.format("")), np.zeros(node.shape))
        values = self.made.evaluate(given)
        return ((share, values[share.grad]) for share in self.of_made)


def adjoint(step: Graph, without: AbstractSet[str] = frozenset()) -> Adjoint:
    """Derive the gradient of a step that `trace` returned.

    The loss does not use the states ``without`` after the single steps: their gradients are those that are carried.
    """
    builder = Builder(Graph(list(step.nodes), {}))
    users = step.users()
    after = step.outputs.values()
    read = {name: place for name, place in step.leaves("state").items() if users[place] or place in after}
    before = {**read, "x": step.leaves("input")["x"]}
    learning = step.after([*before.values(), *step.leaves("parameter").values()])
    grads: dict[Id, Id] = {}
    parts: dict[Id, dict[tuple[int, int], Id]] = {}
    carried = []
    for name, place in step.outputs.items():
        state, width = name.removesuffix(" after"), step.nodes[place].width
        if state not in without or state not in read:
            _accumulate(builder, grads, place, builder.add(Node("input", width=width, name=GRAD.format(name))))
        if state in read:
            carried.append(builder.add(Node("input", width=width, name=CARRIED.format(state))))
            # What is handed on lies there for one step only; a product after the loop needs it of all.
            own = carried[-1] if place in grads else builder.copy(carried[-1], GRAD.format(name))
            _accumulate(builder, grads, place, own)
    parameters: list[ParameterGradient] = []
    for place in reversed(range(len(step.nodes))):
        node = step.nodes[place]
        if place in parts:
            _accumulate(builder, grads, place, _joined(builder, node.width, parts[place]))
        if place not in grads:
            continue
        grad = grads[place]
        if _parameter_of(step, place) is not None:
            name, part = _parameter_of(step, place) or ("", (0, 1))
            parameters.append(ParameterGradient(name, part, grad, None))
        elif of_parameters(step, place):
            if OPS[node.op].kind != "leaf":
                parameters.append(ParameterGradient(MADE.format(place), (0, 1), grad, None))
        elif node.op == "part":
            slot = parts.setdefault(node.operands[0], {})
            slot[node.part] = grad
        else:
            if node.op == "linear":
                operand, matrix = node.operands
                name, part = _parameter_of(step, matrix) or (MADE.format(matrix), (0, 1))
                parameters.append(ParameterGradient(name, part, grad, operand, node.heads))
            for operand, share in zip(node.operands, OPS[node.op].derivative(builder, place, grad), strict=True):
                if share is not None and operand in learning:
                    _accumulate(builder, grads, operand, share)
    results = {
        GRAD.format(name): grads[place] if place in grads else builder.constant(0, step.nodes[place].width)
        for name, place in before.items()
    }
    # These are kept for all steps, to be multiplied after the loop, as the gradient of the input is; what is handed to
    # the next step is not.
    kept = [share.grad for share in parameters]
    kept += [node.operands[0] for node in builder.graph.nodes if node.op == "back"]
    of_states = {name: place for name, place in results.items() if name != GRAD.format("x")}
    builder.name_results(of_states, loop=carried, taken=kept)
    taken = [builder.graph.outputs[name] for name in of_states]
    builder.name_results({GRAD.format("x"): results[GRAD.format("x")]}, loop=carried, taken=taken)
    made = _through_what_is_made(step, {share.name for share in parameters})
    return _without_waste(Adjoint(builder.graph, tuple(parameters), *made), len(step.nodes))


def _through_what_is_made(step: Graph, names: Iterable[str]) -> tuple[Graph, tuple[ParameterGradient, ...]]:
    """From the gradients of the values that are made of parameters, among ``names``, to those of the parameters."""
    builder = Builder(Graph(list(step.nodes)))
    grads: dict[Id, Id] = {}
    parts: dict[Id, dict[tuple[int, int], Id]] = {}
    reached: list[ParameterGradient] = []
    for place, node in enumerate(step.nodes):
        if MADE.format(place) in names:
            name = GRAD.format(MADE.format(place))
            grads[place] = builder.add(Node("input", width=node.width, columns=node.columns, name=name))
    for place in reversed(range(len(step.nodes))):
        parameter, node = _parameter_of(step, place), step.nodes[place]
        if place in parts:
            _accumulate(builder, grads, place, _joined(builder, node.width, parts[place]))
        if place not in grads:
            continue
        if parameter is not None:
            reached.append(ParameterGradient(*parameter, grads[place], None))
        elif node.op == "part":
            parts.setdefault(node.operands[0], {})[node.part] = grads[place]
        elif OPS[node.op].kind != "leaf":
            shares = OPS[node.op].derivative(builder, place, grads[place])
            for operand, share in zip(node.operands, shares, strict=True):
                if share is not None and step.nodes[operand].op != "constant":
                    _accumulate(builder, grads, operand, share)
    graph, new = _part_of(builder.graph, sorted(builder.graph.before(share.grad for share in reached)))
    return graph, tuple(replace(share, grad=new[share.grad]) for share in reached)


def _without_waste(derived: Adjoint, count: int) -> Adjoint:
    """Drop what the rules made and nobody needs, such as gradients of constants; the first ``count`` nodes stay."""
    graph = derived.graph
    needed = graph.before([*graph.outputs.values(), *(share.grad for share in derived.parameters)])
    entering = set(graph.leaves("input").values())
    kept = [place for place in range(len(graph.nodes)) if place < count or place in needed | entering]
    left, new = _part_of(graph, kept)
    parameters = tuple(replace(share, grad=new[share.grad]) for share in derived.parameters)
    return Adjoint(left, parameters, derived.made, derived.of_made)


def _part_of(graph: Graph, kept: list[Id]) -> tuple[Graph, dict[Id, Id]]:
    """The graph of some nodes, and their places there."""
    new = {place: number for number, place in enumerate(kept)}
    nodes = [graph.nodes[place] for place in kept]
    nodes = [replace(node, operands=tuple(new[operand] for operand in node.operands)) for node in nodes]
    return Graph(nodes, {name: new[place] for name, place in graph.outputs.items()}), new


def _accumulate(builder: Builder, grads: dict[Id, Id], place: Id, share: Id) -> None:
    """Add a share to the gradient of a node; one that was repeated over the features gets the sum of them."""
    if builder[place].width == 1 and not builder[place].columns:
        share = builder.reduce("sum", share)
    share = builder.repeat(share, builder[place].width)
    grads[place] = builder.elementwise("add", grads[place], share) if place in grads else share


def _joined(builder: Builder, width: int, found: dict[tuple[int, int], Id]) -> Id:
    """The gradient of a value from those of its parts; parts that nobody used have none."""
    counts = {count for _, count in found}
    total: Id | None = None
    for count in sorted(counts):
        blocks = [
            found[index, count] if (index, count) in found else builder.constant(0, width // count)
            for index in range(count)
        ]
        joined = builder.join(*blocks)
        total = joined if total is None else builder.elementwise("add", total, joined)
    assert total is not None
    return total


def _parameter_of(step: Graph, place: Id) -> tuple[str, tuple[int, int]] | None:
    """The parameter that a node is, or is a part of, and which part; None for any other node."""
    node = step.nodes[place]
    if node.op == "parameter":
        return node.name, (0, 1)
    if node.op == "part" and step.nodes[node.operands[0]].op == "parameter":
        return step.nodes[node.operands[0]].name, node.part
    return None
