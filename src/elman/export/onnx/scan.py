"""A cell over time as ONNX's Scan, whose body is the cell's step as it was traced.

What does not hang on the state, products of the input above all, is computed before the loop, for all steps at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set

import numpy as np

from elman.cells import Cell
from elman.compiler import Graph, trace
from elman.compiler.graph import Id
from elman.compiler.trace import AFTER
from elman.export.onnx.document import Document
from elman.export.onnx.operations import Operand, Rows, known_values, number, write
from elman.export.onnx.sequence import Direction, Sequence


def write_scan(sequence: Sequence, layer: Direction) -> tuple[str, dict[str, str]]:
    """Add a layer in one direction to a model.

    Returns:
        The outputs (time, batch, output_size), zero beyond a row's length, and the states after its last step.
    """
    graph, document = trace(layer.cell), sequence.document
    inputs = {place: layer.rows[name] for name, place in graph.leaves("input").items() if name in layer.rows}
    values: dict[Id, Operand] = dict(known_values(graph, layer.given))
    values |= {place: Rows(name, 2 + len(sequence.between)) for place, name in inputs.items()}
    needed = graph.before(graph.outputs.values())
    inside = needed & graph.after(graph.leaves("state").values())
    _write_nodes(document, graph, needed - inside, values)
    # What a step reads of the values before the loop.
    read = {operand for place in inside for operand in graph.nodes[place].operands} | {*graph.outputs.values()}
    crossing = {place: value for place in sorted(read - inside) if isinstance(value := values[place], Rows)}
    body = _body(sequence, layer.cell, graph, inside, values, crossing)
    scanned = [sequence.valid, *(value.name for value in crossing.values())]
    *final, outputs = document.add_many(
        len(layer.state) + 1,
        "Scan",
        *layer.state.values(),
        *scanned,
        name=layer.name,
        body=body.graph("step"),
        num_scan_inputs=len(scanned),
        scan_input_directions=[int(layer.reverse)] * len(scanned),
        scan_output_directions=[int(layer.reverse)],
    )
    return outputs, dict(zip(layer.state, final, strict=True))


def _body(
    sequence: Sequence,
    cell: Cell,
    graph: Graph,
    inside: Set[Id],
    values: Mapping[Id, Operand],
    crossing: Mapping[Id, Rows],
) -> Document:
    """One step: the states, whether the step is valid and what crosses into the loop, to the states and the output."""
    axes = ("batch", *sequence.between)
    body, values = Document(sequence.document.dtype, outer=sequence.document), dict(values)
    before = {name: body.input(body.fresh(name), (*axes, size)) for name, size in cell.state_sizes.items()}
    values |= {place: Rows(before[name], len(axes)) for name, place in graph.leaves("state").items()}
    valid = body.input(body.fresh("valid"), ("batch", *[1] * len(axes)), np.bool_)
    for place, value in crossing.items():
        kind = np.bool_ if value.boolean else None
        name = body.input(body.fresh("each"), (*axes, graph.nodes[place].width), kind)
        values[place] = Rows(name, len(axes), value.boolean)
    _write_nodes(body, graph, inside, values)
    after = {name: number(body, values[graph.outputs[AFTER.format(name)]]) for name in cell.state_sizes}
    for name, size in cell.state_sizes.items():
        body.output(body.add("Where", valid, after[name], before[name]), (*axes, size))
    output = body.add("Where", valid, next(iter(after.values())), body.weight(np.zeros(1)))
    body.output(output, (*axes, cell.output_size))
    return body


def _write_nodes(document: Document, graph: Graph, places: Iterable[Id], values: dict[Id, Operand]) -> None:
    """Add those of the nodes that have no value yet."""
    for place in sorted(places):
        if place not in values:
            node = graph.nodes[place]
            values[place] = write(document, node, *(values[operand] for operand in node.operands))
