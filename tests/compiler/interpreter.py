"""Runs schedules over time in NumPy, strictly: a value that the schedule does not keep is gone.

Registers live for one stage; rows live to the end of the step; saved values, states and inputs live for the call.
Whatever reads something else fails with a KeyError, so a run proves that the schedule keeps what it needs, and that
every state, and every gradient of one, is written by the step itself.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from elman.compiler import OPS, Adjoint, Graph
from elman.compiler.schedule import Schedule

Values = dict[int, Any]


def compute(graph: Graph, places: tuple[int, ...], known: Values) -> None:
    for place in places:
        node = graph.nodes[place]
        known[place] = OPS[node.op].compute(node, *(known[operand] for operand in node.operands))


def constants(graph: Graph) -> Values:
    return {place: np.full(node.width, node.value) for place, node in enumerate(graph.nodes) if node.op == "constant"}


def body(plan: Schedule, always: Values) -> tuple[Values, Values]:
    """One step of the loop: what it leaves are its rows, and the values that are added to totals."""
    rows: Values = {}
    added: Values = {}
    for stage in plan.stages:
        registers = {**always, **rows}
        products_read = {**always, **rows}
        for place in stage.products:
            compute(plan.graph, (place,), products_read)
            registers[place] = products_read[place]
        compute(plan.graph, stage.run + stage.sums, registers)
        # Sums of a stage are complete after it, like rows.
        rows |= {place: registers[place] for place in (*stage.rows, *stage.sums)}
        added |= {place: registers[place] for place in stage.totals}
    return rows, added


def forward(
    plan: Schedule, inputs: dict[str, Any], state: dict[str, Any], params: dict[str, Any]
) -> tuple[list[dict[str, Any]], list[Values]]:
    """Run over inputs (time, batch, features) by name; returns the states after every step and what each step saved."""
    graph = plan.graph
    given = {place: inputs[name] for name, place in graph.leaves("input").items()}
    fixed = constants(graph) | {place: params[name] for name, place in graph.leaves("parameter").items()}
    compute(graph, plan.once, fixed)
    before = {**fixed, **given}
    compute(graph, plan.hoisted, before)
    states, saved = [], []
    for t in range(len(inputs["x"])):
        always = {**fixed, **{place: value[t] for place, value in given.items()}}
        always |= {place: before[place][t] for place in plan.hoisted}
        always |= {place: state[name] for name, place in graph.leaves("state").items()}
        rows, _ = body(plan, always)
        found = {**always, **rows}
        compute(graph, plan.deferred, found)
        after = {name.removesuffix(" after"): found[place] for name, place in graph.outputs.items()}
        state = {name: np.broadcast_to(value, state[name].shape) for name, value in after.items()}
        states.append(state)
        saved.append({place: found[place] for place in plan.saved})
    return states, saved


def backward(
    plan: Schedule,
    derived: Adjoint,
    given: dict[str, Any],
    first: dict[str, Any],
    states: list[dict[str, Any]],
    saved: list[Values],
    params: dict[str, Any],
    upstream: list[dict[str, Any]],
) -> dict[str, Any]:
    """Gradients of x, of the first state and of the parameters, given those of every state."""
    graph, x = plan.graph, given["x"]
    fixed = constants(graph) | {place: params[name] for name, place in graph.leaves("parameter").items()}
    compute(graph, plan.once, fixed)
    grads = {name: np.zeros_like(value) for name, value in first.items()}
    d_x = np.zeros_like(x)
    d_params = {name: np.zeros_like(value) for name, value in params.items()}
    made = {name: derived.made.nodes[place] for name, place in derived.made.leaves("input").items()}
    d_made = {name.removeprefix("d "): np.zeros(node.shape) for name, node in made.items()}
    inputs = graph.leaves("input")
    carried = [name for name in grads if f"d {name} carried" in inputs]
    for t in reversed(range(len(x))):
        earlier = states[t - 1] if t else first
        always = {**fixed, **saved[t], **{inputs[name]: value[t] for name, value in given.items()}}
        always |= {place: earlier[name] for name, place in graph.leaves("state").items()}
        always |= {inputs[f"d {name} after"]: upstream[t][name] for name in grads}
        always |= {inputs[f"d {name} carried"]: grads[name] for name in carried}
        compute(graph, plan.hoisted, always)
        written, added = body(plan, always)
        # What is handed on to the next step is not kept for what comes after the loop.
        handed_on = {graph.outputs[f"d {name}"] for name in carried}
        found = {**always, **{place: value for place, value in written.items() if place not in handed_on}}
        compute(graph, plan.deferred, found)
        grads |= {name: np.broadcast_to(written[graph.outputs[f"d {name}"]], grads[name].shape) for name in carried}
        d_x[t] = found[graph.outputs["d x"]]
        for share in derived.parameters:
            index, count = share.part
            total = d_params[share.name] if share.name in params else d_made[share.name]
            block = np.split(total, count)[index]
            values = found | added if share.operand is None else found
            rows = np.broadcast_to(values[share.grad], (x.shape[1], np.shape(values[share.grad])[-1]))
            if share.operand is None:
                block += rows.sum(0)
                continue
            grads_of, operands = (np.split(v, share.heads, axis=-1) for v in (rows, values[share.operand]))
            block += np.concatenate([grad.T @ operand for grad, operand in zip(grads_of, operands, strict=True)])
    for share, value in derived.through_made(params, d_made):
        index, count = share.part
        np.split(d_params[share.name], count)[index] += value
    return {"x": d_x, **{f"first {name}": value for name, value in grads.items()}, **d_params}
