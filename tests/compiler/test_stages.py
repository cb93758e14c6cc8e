from __future__ import annotations

from elman import cells
from elman.compiler.adjoint import adjoint
from elman.compiler.graph import Builder, Graph, Id, Node
from elman.compiler.schedule import schedule_step, schedule_training
from elman.compiler.stages import Stage, cut_into_stages
from elman.compiler.trace import trace


def leaf(builder: Builder, name: str, width: int = 4, op: str = "input") -> Id:
    return builder.add(Node(op, width=width, name=name))


def cut(graph: Graph, *wanted: Id) -> tuple[Stage, ...]:
    body = [place for place, node in enumerate(graph.nodes) if node.operands]
    return cut_into_stages(graph, body, {*wanted})


def test_what_is_made_of_few_rows_is_made_again_and_what_is_made_of_many_is_kept() -> None:
    builder = Builder()
    x, y, z = (leaf(builder, name) for name in "xyz")
    few = builder.elementwise("multiply", x, y)
    many = builder.elementwise("multiply", few, z)
    total = builder.reduce("sum", many)
    results = [builder.elementwise("multiply", value, total) for value in (few, many)]
    first, second = cut(builder.graph, *results)
    assert first == Stage(products=(), run=(few, many), sums=(total,), rows=(many,))
    assert second == Stage(products=(), run=(few, *results), sums=(), rows=(*results,))


def test_what_is_dear_is_kept() -> None:
    builder = Builder()
    x = leaf(builder, "x")
    dear = builder.elementwise("tanh", x)
    result = builder.elementwise("multiply", dear, builder.reduce("sum", dear))
    first, second = cut(builder.graph, result)
    assert first.rows == (dear,)
    assert second.run == (result,)


def test_what_only_a_later_stage_needs_is_computed_there() -> None:
    builder = Builder()
    x, y = leaf(builder, "x"), leaf(builder, "y")
    late = builder.elementwise("multiply", x, y)
    result = builder.elementwise("subtract", late, builder.reduce("sum", x))
    first, second = cut(builder.graph, result)
    assert first.run == ()
    assert second.run == (late, result)


def test_sums_never_stand_beside_products() -> None:
    builder = Builder()
    product = builder.linear(leaf(builder, "x"), builder.add(Node("parameter", width=3, columns=4, name="m")))
    total = builder.reduce("sum", product)
    result = builder.elementwise("subtract", product, total)
    stages = cut(builder.graph, result)
    assert [(stage.products, stage.sums) for stage in stages] == [((product,), ()), ((), (total,)), ((), ())]
    assert stages[0].rows == (product,)


def test_a_product_of_one_number_is_complete_before_all_features_read_it() -> None:
    builder = Builder()
    x = leaf(builder, "x")
    product = builder.linear(x, builder.add(Node("parameter", width=1, columns=4, name="m")))
    gate = builder.elementwise("sigmoid", product)
    result = builder.elementwise("multiply", gate, x)
    first, second = cut(builder.graph, result)
    assert first == Stage(products=(product,), run=(gate,), sums=(), rows=(gate,))
    assert second.run == (result,)


def test_totals_are_not_written_out() -> None:
    builder = Builder()
    x, y = leaf(builder, "x"), leaf(builder, "y")
    total = builder.elementwise("multiply", x, y)
    result = builder.elementwise("tanh", x)
    (stage,) = cut_into_stages(builder.graph, [total, result], wanted={result}, totals={total})
    assert (stage.rows, stage.totals) == ((result,), (total,))


def test_a_layer_normed_lstm_stores_little_more_than_a_plain_one() -> None:
    step = trace(cells.make("lstm_layer_norm", 3, 4))
    ahead, back = schedule_training(step, adjoint(step), hoist=False)
    assert [len(stage.sums) for stage in ahead.stages] == [0, 2, 2, 1, 1, 0]
    assert [len(stage.sums) for stage in back.stages] == [2, 4, 0, 0]
    # Stored are the gradients of states, of gates and of both products, and two shares of the output's.
    widths = [[back.graph.nodes[place].width for place in stage.rows] for stage in back.stages]
    assert widths == [[4, 4], [4, 16], [16, 16], [4, 3]]
    assert len(back.totals) == 5
    assert not schedule_step(step).totals
