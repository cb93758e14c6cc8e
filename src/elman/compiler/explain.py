"""What the compiler makes of a cell, to be read: its step as formulas, what is computed when, and how much it is."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from elman.cells import Cell
from elman.compiler.adjoint import MADE, ParameterGradient, adjoint
from elman.compiler.compiled_cell import MANY_ROWS, NEAR_WEIGHTS
from elman.compiler.graph import OPS, Graph, Id
from elman.compiler.schedule import Schedule, is_elementwise, schedule_training
from elman.compiler.stages import DEAR
from elman.compiler.trace import trace

#: Of a float32 number.
BYTES = 4

#: Characters of a formula in a line.
FORMULA = 42

#: Operations that are written between their operands.
SIGNS = {"add": "+", "subtract": "-", "multiply": "*", "divide": "/", "greater": ">"}


def formula(graph: Graph, place: Id) -> str:
    """A node as one would write it, with leaves by their names and other nodes as ``%`` and their place.

    >>> from elman.cells import make
    >>> step = trace(make("rnn", 3, 4))
    >>> formula(step, next(place for place, node in enumerate(step.nodes) if node.op == "linear"))
    'x @ weight_ih.T'
    """
    node = graph.nodes[place]
    operands = [_shown(graph, operand) for operand in node.operands]
    if node.op in SIGNS:
        return f"{operands[0]} {SIGNS[node.op]} {operands[1]}"
    if node.op in ("linear", "back"):
        heads = f" in {node.heads} heads" if node.heads > 1 else ""
        return f"{operands[0]} @ {operands[1]}{'.T' if node.op == 'linear' else ''}{heads}"
    if node.op == "part":
        return _block(operands[0], node.part)
    if node.op in ("expand", "fold"):
        return f"{node.op}({operands[0]}, {node.pieces[0]}, {node.pieces[1]})"
    if node.op == "transpose":
        return f"{operands[0]}.T"
    return {"negative": "-", "copy": ""}.get(node.op, node.op) + (
        operands[0] if node.op in ("negative", "copy") else f"({', '.join(operands)})"
    )


def _shown(graph: Graph, place: Id) -> str:
    """How a node is called in the formulas of others."""
    if not _has_name(graph, place):
        return f"%{place}"
    node = graph.nodes[place]
    if node.op == "part":
        return _block(_shown(graph, node.operands[0]), node.part)
    return f"{node.value:g}" if node.op == "constant" else node.name


def _has_name(graph: Graph, place: Id) -> bool:
    """Leaves have names, and blocks of parameters are called by those."""
    node = graph.nodes[place]
    return OPS[node.op].kind == "leaf" or (node.op == "part" and graph.nodes[node.operands[0]].op == "parameter")


def _block(whole: str, part: tuple[int, int]) -> str:
    return f"{whole}[{part[0] + 1} of {part[1]}]"


@dataclass(frozen=True)
class Work:
    """Operations on one sequence at one step.

    Attributes:
        products: Multiply-adds of matrix products within the time loop.
        outside: Multiply-adds of the products over all steps at once, before and after the loop.
        functions: Values of tanh, sigmoid, exp, log, square roots and quotients.
        arithmetic: Sums, products and choices of single numbers.
    """

    products: int
    outside: int
    functions: int
    arithmetic: int


@dataclass(frozen=True)
class CellPlan:
    """What is compiled for a cell.

    Attributes:
        cell: The recurrence.
        step: One step as a graph.
        forward: When its nodes are computed, in training.
        backward: The same for the gradient.
        parameters: Sums over all steps that give the gradients of the parameters.

    >>> from elman.cells import make
    >>> CellPlan.of(make("rnn", 3, 4)).work_forward
    Work(products=16, outside=12, functions=4, arithmetic=12)
    """

    cell: Cell
    step: Graph
    forward: Schedule
    backward: Schedule
    parameters: tuple[ParameterGradient, ...]

    @classmethod
    def of(cls, cell: Cell, *, hoist: bool = True) -> CellPlan:
        """Trace a cell and schedule it as `schedule_training` does. Raises `UsageError` for what cannot be compiled."""
        step = trace(cell)
        derived = adjoint(step)
        forward, backward = schedule_training(step, derived, hoist=hoist)
        return cls(cell, step, forward, backward, derived.parameters)

    @property
    def work_forward(self) -> Work:
        """Of the step."""
        return _work(self.forward, 0)

    @property
    def work_backward(self) -> Work:
        """Of the gradient, with what the parameters' gradients take."""
        nodes = self.backward.graph.nodes
        outer = [
            (nodes[s.grad].width, nodes[s.operand].width // s.heads) for s in self.parameters if s.operand is not None
        ]
        return _work(self.backward, sum(rows * columns for rows, columns in outer))

    @property
    def saved_numbers(self) -> int:
        """Numbers that a training run keeps of every sequence at every step: the states, and what is saved."""
        return sum(self.cell.state_sizes.values()) + sum(
            self.step.nodes[place].width for place in self.forward.saved if place not in self.step.outputs.values()
        )

    def schedule(self) -> str:
        """What is computed when, forward and backward."""
        return "\n".join(_schedule_lines(self))

    def work(self) -> str:
        """How much that is."""
        return "\n".join(_work_lines(self))

    def __str__(self) -> str:
        return f"{self.schedule()}\n{self.work()}"


def _work(plan: Schedule, products_outside: int) -> Work:
    graph = plan.graph
    inside = [place for stage in plan.stages for place in stage.nodes]
    outside = [*plan.hoisted, *plan.deferred]

    def multiply_adds(places: Iterable[Id]) -> int:
        products = (graph.nodes[place] for place in places if OPS[graph.nodes[place].op].kind == "product")
        return sum(node.width * graph.nodes[node.operands[0]].width // node.heads for node in products)

    single = [graph.nodes[place] for place in (*inside, *outside) if OPS[graph.nodes[place].op].kind == "elementwise"]
    return Work(
        products=multiply_adds(inside),
        outside=multiply_adds(outside) + products_outside,
        functions=sum(node.width for node in single if node.op in DEAR),
        arithmetic=sum(node.width for node in single if node.op not in DEAR | {"copy"}),
    )


def _schedule_lines(plan: CellPlan) -> Iterator[str]:
    shapes = [parameter.shape for parameter in plan.cell.parameters().values() if len(parameter.shape) == 2]
    weights = sum(rows * columns for rows, columns in shapes) * BYTES

    def moved(purpose: str) -> str:
        near = weights <= NEAR_WEIGHTS[purpose] and not is_elementwise(plan.step)
        return f"; in the loop for batches of {MANY_ROWS} and more" if near else ""

    yield "Forward"
    yield from _phases(plan.forward, moved("forward"))
    yield "Backward, from the last step to the first"
    yield from _phases(plan.backward, moved("backward"))
    yield "  gradients of the parameters, sums over all steps and sequences"
    graph = plan.backward.graph
    for share in plan.parameters:
        grad = _shown(graph, share.grad)
        for name in _reached(plan.step, share):
            yield f"    {name}: {grad if share.operand is None else f'outer({grad}, {_shown(graph, share.operand)})'}"


def _reached(step: Graph, share: ParameterGradient) -> list[str]:
    """The parameter, or those that a vector or a matrix is made of."""
    if share.name in step.leaves("parameter"):
        return [share.name if share.part == (0, 1) else _block(share.name, share.part)]
    made = next(place for place in range(len(step.nodes)) if MADE.format(place) == share.name)
    behind = step.before([made])
    return [f"{name} by way of {share.name}" for name, p in step.leaves("parameter").items() if p in behind]


def _work_lines(plan: CellPlan) -> Iterator[str]:
    yield "Work for one sequence at one step"
    yield f"  {'':<10}{'multiply-adds in products':>34}{'values of':>14}{'other':>14}"
    yield f"  {'':<10}{'in the loop':>15}{'all steps at once':>19}{'functions':>14}{'arithmetic':>14}"
    for name, work in {"forward": plan.work_forward, "backward": plan.work_backward}.items():
        yield f"  {name:<10}{work.products:>15,}{work.outside:>19,}{work.functions:>14,}{work.arithmetic:>14,}"
    yield f"  kept for the gradient: {plan.saved_numbers:,} numbers, the states and what is marked above"


def _phases(plan: Schedule, moved: str) -> Iterator[str]:
    titles = {
        "once a call, from the weights alone": plan.once,
        f"before the loop, for all steps at once{moved}": plan.hoisted,
        **{
            f"at every step, stage {number} of {len(plan.stages)}": stage.nodes
            for number, stage in enumerate(plan.stages, 1)
        },
        f"after the loop, for all steps at once{moved}": plan.deferred,
    }
    results = {place: name for name, place in plan.graph.outputs.items()}
    before: set[Id] = set()
    for title, places in titles.items():
        # What a stage makes again is shown where it is made first.
        shown = [place for place in places if not _has_name(plan.graph, place) and place not in before]
        before.update(shown)
        if shown:
            yield f"  {title}"
        for place in shown:
            written, *rest = textwrap.wrap(formula(plan.graph, place), FORMULA)
            line = f"    {f'%{place}':<5}{plan.graph.nodes[place].width:>6}   {written}"
            notes = [results[place]] if place in results else []
            notes += ["kept"] if place in plan.saved else []
            yield f"{line:<50} {', '.join(notes)}".rstrip()
            yield from (f"{'':<22}{more}" for more in rest)
