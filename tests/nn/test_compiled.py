"""The operator as torch sees it. That its numbers are right for every cell, tests/contracts proves."""

from __future__ import annotations

import copy
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import elman.nn
from contracts.cells import ROWS, Row, random_extras, random_state, tensors, weights
from elman.cells import make
from elman.compiler.compiled_cell import CompiledCell
from elman.errors import BackendError, DataError
from elman.nn import Recurrent, unroll
from elman.nn.cell_keys import key_of
from elman.nn.engine import engine
from tolerances import BFLOAT16_RECURRENCE, FLOAT32_RECURRENCE, FLOAT64_RECURRENCE

#: torch itself still scripts what forward mode and its default compiler need, and says so.
torch_scripts = pytest.mark.filterwarnings("ignore:.torch.jit.script:DeprecationWarning")

every_cell = pytest.mark.parametrize("row", ROWS, ids=str)
CELL = make("lstm", 3, 5)
BATCH, TIME = 4, 7
LENGTHS = torch.tensor([7, 3, 5, 1])
RESETS = torch.arange(BATCH * TIME).view(BATCH, TIME) == TIME + 2


def close(one: Tensor, other: Tensor, tolerance: float = FLOAT64_RECURRENCE) -> None:
    torch.testing.assert_close(one, other, rtol=tolerance, atol=tolerance)


def arguments(*, grad: bool = True, **given: Any) -> tuple[Any, ...]:
    """What the operator is called with."""
    params, state = tensors(weights(CELL), grad=grad), tensors(random_state(CELL, BATCH), grad=grad)
    inputs = torch.randn(TIME, BATCH, CELL.input_size, dtype=torch.float64, requires_grad=grad)
    initial = [] if given.get("resets") is None else [*tensors(random_state(CELL, BATCH, seed=5), grad=grad).values()]
    options = [given.get(name) for name in ("batch_sizes", "lengths", "resets")]
    switches = [given.get(name, False) for name in ("reverse", "all_states", "recompute")]
    return key_of(CELL), inputs, [*state.values()], [*params.values()], initial, [], *options, *switches


@pytest.mark.parametrize(
    "options",
    [{"all_states": True}, {"reverse": True}, {"lengths": LENGTHS, "resets": RESETS, "recompute": True}],
    ids=["dense", "reverse", "cut"],
)
def test_torchs_own_check_of_operators(options: dict[str, Any]) -> None:
    torch.library.opcheck(torch.ops.elman.unroll.default, arguments(**options))


def test_torchs_own_check_of_the_two_operators_behind() -> None:
    given = arguments(grad=False)[:-1]
    torch.library.opcheck(torch.ops.elman.unroll_keep.default, given)
    kept = torch.ops.elman.unroll_keep(*given)[2:]
    by_step, by_final = (torch.randn(*shape, 5, dtype=torch.float64) for shape in ((TIME, BATCH), (BATCH,)))
    torch.library.opcheck(torch.ops.elman.unroll_backward.default, (*given, kept, [by_step, None, by_final]))


def function_of(row: Row, backend: str) -> tuple[Callable[..., tuple[Tensor, ...]], list[Tensor]]:
    """A layer with lengths and resets as a function of all that has gradients, and where to take them."""
    cell = row.make()
    params, state = tensors(weights(cell), grad=True), tensors(random_state(cell, 2), grad=True)
    inputs = torch.randn(2, 3, cell.input_size, dtype=torch.float64, requires_grad=True)
    options: dict[str, Any] = {"lengths": torch.tensor([3, 2]), "resets": torch.tensor([[0, 1, 0], [0, 0, 0]]).bool()}
    extras = random_extras(cell, 2, 3)

    def function(x: Tensor, *leaves: Tensor) -> tuple[Tensor, ...]:
        own = dict(zip(params, leaves, strict=False))
        first = dict(zip(state, leaves[len(params) :], strict=True))
        run = unroll(cell, own, x, first, extras=extras, backend=backend, **options)
        return run.outputs, *run.state.values()

    return function, [inputs, *params.values(), *state.values()]


@every_cell
def test_gradients_and_their_gradients(row: Row) -> None:
    function, leaves = function_of(row, "compiled")
    assert torch.autograd.gradcheck(function, leaves, fast_mode=True)
    assert torch.autograd.gradgradcheck(function, leaves, fast_mode=True)


@every_cell
@torch_scripts
def test_forward_mode(row: Row) -> None:
    function, leaves = function_of(row, "compiled")
    assert torch.autograd.gradcheck(function, leaves, check_forward_ad=True, check_backward_ad=False, fast_mode=True)
    directions = tuple(torch.randn_like(leaf) for leaf in leaves)
    values, found = torch.func.jvp(function, tuple(leaves), directions)
    plain, expected = torch.func.jvp(function_of(row, "reference")[0], tuple(leaves), directions)
    for one, other in zip((*values, *found), (*plain, *expected), strict=True):
        close(one, other)


@every_cell
def test_many_inputs_at_once(row: Row) -> None:
    function, (inputs, *others) = function_of(row, "compiled")
    many = torch.randn(3, *inputs.shape, dtype=torch.float64)
    found = torch.vmap(lambda x: function(x, *others)[0])(many)
    close(found, torch.stack([function(x, *others)[0] for x in many]))


@every_cell
def test_gradients_of_every_sample(row: Row) -> None:
    cell = row.make()
    params, inputs = tensors(weights(cell)), torch.randn(4, 3, cell.input_size, dtype=torch.float64)
    extras = {name: value[:1] for name, value in random_extras(cell, 1, 3).items()}

    def loss(own: dict[str, Tensor], x: Tensor) -> Tensor:
        return unroll(cell, own, x[None], extras=extras, backend="compiled").outputs.pow(2).sum()

    found = torch.vmap(torch.func.grad(loss), in_dims=(None, 0))(params, inputs)
    for n, x in enumerate(inputs):
        leaves = {name: value.clone().requires_grad_() for name, value in params.items()}
        expected = torch.autograd.grad(loss(leaves, x), [*leaves.values()])
        for name, gradient in zip(params, expected, strict=True):
            close(found[name][n], gradient)


def test_many_layers_at_once() -> None:
    layers = [Recurrent("lstm", 3, 5, backend="compiled") for _ in range(3)]
    params, _ = torch.func.stack_module_state(layers)
    inputs = torch.randn(2, 6, 3)
    found = torch.vmap(lambda own: torch.func.functional_call(layers[0], own, (inputs,))[0])(params)
    close(found, torch.stack([layer(inputs)[0] for layer in layers]), FLOAT32_RECURRENCE)


def test_many_gradients_at_once() -> None:
    function, (inputs, *others) = function_of(ROWS[3], "compiled")

    def outputs(x: Tensor) -> Tensor:
        return function(x, *others)[0]

    found, expected = (torch.autograd.functional.jacobian(outputs, inputs, vectorize=v) for v in (True, False))
    close(found, expected)


def test_an_input_that_depends_on_a_weight_is_not_counted_twice() -> None:
    params = tensors(weights(CELL), grad=True)
    leaves, found = [*params.values()], []
    for backend in ("compiled", "reference"):
        x = params["weight_ih"][:12].tanh().view(2, 6, 3)
        state = {name: x[:, 0, :1].expand(2, 5) for name in CELL.state_sizes}
        outputs = unroll(CELL, params, x, state, backend=backend).outputs
        first = torch.autograd.grad(outputs.pow(2).sum(), leaves, create_graph=True)
        found.append([*first, *torch.autograd.grad(sum(g.pow(2).sum() for g in first), leaves)])
    for one, other in zip(*found, strict=True):
        close(one, other)


def test_every_state_has_gradients() -> None:
    params, inputs = tensors(weights(CELL), grad=True), torch.randn(BATCH, TIME, 3, dtype=torch.float64)
    weighing, found = torch.randn(BATCH, TIME, 5, dtype=torch.float64), []
    for backend in ("compiled", "reference"):
        run = unroll(CELL, params, inputs, lengths=LENGTHS, resets=RESETS, backend=backend, all_states=True)
        memory = run.states["cell"]
        found.append([memory, *torch.autograd.grad((memory * weighing).sum(), [*params.values()])])
    for one, other in zip(*found, strict=True):
        close(one, other)


# torch.compile and torch.export


@pytest.fixture
def nothing_compiled() -> None:
    torch._dynamo.reset()


def never_again() -> Any:
    """A context in which torch.compile must not compile anything that it has compiled before."""
    return torch._dynamo.config.patch(error_on_recompile=True)


def trained(layer: Any, inputs: Tensor, **options: Any) -> list[Tensor]:
    """Outputs, and gradients of all weights."""
    outputs = layer(inputs, **options)[0]
    layer.zero_grad()
    outputs.pow(2).sum().backward()
    return [outputs, *(parameter.grad.clone() for parameter in layer.parameters())]


def assert_equal(found: list[Tensor], expected: list[Tensor]) -> None:
    for one, other in zip(found, expected, strict=True):
        close(one, other, FLOAT32_RECURRENCE)


#: Seconds of processor time for the graph of two layers in both directions, forward and backward.
COMPILE_SECONDS = 5.0


@pytest.mark.usefixtures("nothing_compiled")
def test_the_whole_layer_is_one_graph() -> None:
    layer = Recurrent("lstm", 3, 5, 2, bidirectional=True, learn_initial_state=True, backend="compiled")
    inputs = torch.randn(BATCH, TIME, 3)
    expected = trained(layer, inputs)
    before = time.thread_time()
    found = trained(torch.compile(layer, fullgraph=True, backend="aot_eager"), inputs)
    assert time.thread_time() - before < COMPILE_SECONDS
    assert_equal(found, expected)


@pytest.mark.usefixtures("nothing_compiled")
def test_lengths_and_resets_are_arguments_of_the_graph() -> None:
    layer = Recurrent("gru", 3, 5, bidirectional=True, learn_initial_state=True, backend="compiled")
    inputs = torch.randn(BATCH, TIME, 3)
    compiled = torch.compile(layer, fullgraph=True, backend="aot_eager")
    with never_again():
        for options in ({"lengths": LENGTHS, "resets": RESETS}, {"lengths": LENGTHS.flip(0), "resets": RESETS.flip(0)}):
            assert_equal(trained(compiled, inputs, **options), trained(layer, inputs, **options))


@pytest.mark.usefixtures("nothing_compiled")
@pytest.mark.parametrize("backend", ["aot_eager", "inductor"])
@torch_scripts
def test_other_batches_and_times_use_the_same_graph(backend: str) -> None:
    if backend == "inductor" and not any(map(shutil.which, ("g++", "c++", "clang++"))):
        pytest.skip("torch's default backend needs a C++ compiler")
    layer = Recurrent("lstm", 3, 5, backend="compiled")
    compiled = torch.compile(layer, fullgraph=True, backend=backend)
    for shape in ((4, 7, 3), (5, 9, 3)):  # the second tells torch that sizes change
        trained(compiled, torch.randn(shape))
    with never_again():
        for shape in ((40, 30, 3), (2, 3, 3)):
            inputs = torch.randn(shape)
            assert_equal(trained(compiled, inputs), trained(layer, inputs))


@pytest.mark.usefixtures("nothing_compiled")
def test_sizes_that_are_said_to_change_compile_once() -> None:
    layer = Recurrent("lstm", 3, 5, backend="compiled")
    compiled = torch.compile(layer, fullgraph=True, backend="aot_eager", dynamic=True)
    with never_again():
        for shape in ((4, 7, 3), (5, 9, 3), (40, 30, 3)):
            trained(compiled, torch.randn(shape))


@pytest.mark.usefixtures("nothing_compiled")
def test_graphs_see_live_weights() -> None:
    layer = Recurrent("gru", 3, 5, backend="compiled")
    compiled = torch.compile(layer, fullgraph=True, backend="aot_eager")
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.5)
    inputs = torch.randn(BATCH, TIME, 3)
    before = trained(compiled, inputs)
    optimizer.step()
    after = trained(compiled, inputs)
    assert_equal(after, trained(layer, inputs))
    assert not torch.allclose(after[0], before[0])


@pytest.mark.usefixtures("nothing_compiled")
def test_drop_ins_are_one_graph_where_torch_allows_layers_of_its_own() -> None:
    layer = elman.nn.GRU(3, 5, 2, backend="compiled")
    inputs = torch.randn(TIME, BATCH, 3)
    with torch._dynamo.config.patch(allow_rnn=True):
        found = torch.compile(layer, fullgraph=True, backend="aot_eager")(inputs)
    close(found[0], layer(inputs)[0], FLOAT32_RECURRENCE)


SOMEWHERE_ELSE = """
import sys, torch, elman.nn
program = torch.export.load(sys.argv[1]).module()
inputs, lengths, expected = torch.load(sys.argv[2])
tolerance = float(sys.argv[3])
torch.testing.assert_close(program(inputs, lengths=lengths)[0], expected, rtol=tolerance, atol=tolerance)
"""


def test_an_exported_program_takes_any_batch_time_and_lengths_in_another_process(tmp_path: Path) -> None:
    layer = Recurrent("lstm", 3, 5, 2, bidirectional=True, clip=0.5, backend="compiled")
    batch, steps = torch.export.Dim("batch", min=1, max=64), torch.export.Dim("time", min=1, max=512)
    program = torch.export.export(
        layer,
        (torch.randn(BATCH, TIME, 3),),
        {"lengths": LENGTHS},
        dynamic_shapes={"inputs": {0: batch, 1: steps}, "lengths": {0: batch}},
    )
    inputs, lengths = torch.randn(6, 11, 3), torch.tensor([11, 3, 1, 8, 2, 11])
    expected = layer(inputs, lengths=lengths)[0].detach()
    close(program.module()(inputs, lengths=lengths)[0], expected, FLOAT32_RECURRENCE)
    with pytest.raises(DataError, match=r"lengths must be 6 whole numbers from 1 to 11, found \[11, 3, 1, 8, 2, 12\]"):
        program.module()(inputs, lengths=torch.tensor([11, 3, 1, 8, 2, 12]))
    torch.export.save(program, tmp_path / "layer.pt2")
    torch.save((inputs, lengths, expected), tmp_path / "data.pt")
    command = [sys.executable, "-c", SOMEWHERE_ELSE, tmp_path / "layer.pt2", tmp_path / "data.pt", FLOAT32_RECURRENCE]
    subprocess.run([str(part) for part in command], check=True, timeout=120)


# Memory and safety


def test_tensors_and_arrays_share_their_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []
    inner = CompiledCell.forward

    def forward(self: CompiledCell, inputs: Any, sizes: Any, state: Any, params: Any, **options: Any) -> Any:
        seen.extend([inputs, params["weight_hh"]])
        run = inner(self, inputs, sizes, state, params, **options)
        seen.append(run.states["hidden"])
        return run

    monkeypatch.setattr(CompiledCell, "forward", forward)
    layer = Recurrent("gru", 3, 5, backend="compiled")
    inputs = torch.randn(TIME, BATCH, 3).transpose(0, 1)
    outputs, _ = layer(inputs)
    tensors_of_the_layer = (inputs, layer.weight_hh_l0, outputs)
    assert all(np.shares_memory(a, t.detach().numpy()) for a, t in zip(seen, tensors_of_the_layer, strict=True))
    assert outputs.transpose(0, 1).is_contiguous()


def test_gradients_of_two_parameters_never_share_memory() -> None:
    layer = Recurrent("lstm", 3, 5, backend="compiled")
    layer(torch.randn(BATCH, TIME, 3))[0].sum().backward()
    addresses = [parameter.grad.data_ptr() for parameter in layer.parameters()]
    assert len({*addresses}) == len(addresses)


def test_outputs_changed_in_place_are_an_error_and_not_a_wrong_gradient() -> None:
    layer = Recurrent("lstm", 3, 5, backend="compiled")
    outputs, state = layer(torch.randn(BATCH, TIME, 3))
    with pytest.raises(RuntimeError, match=r"in-?place"):
        outputs.mul_(2).sum().backward()
    state["hidden_l0"].mul_(2).sum().backward()


def test_a_state_does_not_keep_the_outputs_alive() -> None:
    for grad in (True, False):
        with torch.set_grad_enabled(grad):
            _, state = Recurrent("lstm", 3, 5, backend="compiled")(torch.randn(BATCH, TIME, 3))
        assert all(value.untyped_storage().nbytes() == BATCH * 5 * 4 for value in state.values())


def test_threads_that_come_at_once_share_one_engine() -> None:
    key, found = key_of(make("rnn", 3, 41)), []
    threads = [threading.Thread(target=lambda: found.append(engine(key, torch.float32))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({*map(id, found)}) == 1


WRONG: list[tuple[str, int, Any, str]] = [
    ("a parameter of another shape", 3, lambda v: [v[0][1:], *v[1:]], r"'weight_ih' must be .*\(20, 3\)"),
    ("a parameter of another type", 3, lambda v: [v[0].float(), *v[1:]], r"'weight_ih' must be torch.float64"),
    ("a state of another batch", 2, lambda v: [v[0], v[1][1:]], r"'cell' must be .* of shape \(4, 5\)"),
    ("inputs of another width", 1, lambda v: v[..., 1:], r"'inputs' must be .* of shape \(7, 4, 3\) on the CPU, found"),
    ("other batch sizes", 6, lambda v: torch.tensor([4, 2]), r"'inputs' must be .* of shape \(7, 3\)"),
    ("lengths beyond the steps", 7, lambda v: torch.tensor([8, 1, 1, 1]), "lengths must be 4 whole numbers from 1 to"),
    ("resets of another shape", 8, lambda v: torch.ones(7, 4, dtype=torch.bool), r"resets must be \(4, 7\)"),
]


@pytest.mark.parametrize(("what", "place", "change", "message"), WRONG, ids=[what for what, *_ in WRONG])
def test_wrong_arguments_never_reach_the_machine_code(what: str, place: int, change: Any, message: str) -> None:
    given = list(arguments(grad=False))
    given[place] = change(given[place])
    with pytest.raises(DataError, match=message):
        torch.ops.elman.unroll(*given)


def test_batch_sizes_must_fit_the_rows() -> None:
    given = list(arguments(grad=False))
    given[1], given[6] = given[1].flatten(0, 1), torch.tensor([4, 2])
    with pytest.raises(DataError, match="batch_sizes must begin with 4 and sum up to 28, found 4 and 6"):
        torch.ops.elman.unroll(*given)


def test_a_program_with_an_unknown_cell_says_what_to_do() -> None:
    with pytest.raises(BackendError, match=r"runs the cell here.Mine\(\), .* make a layer of it in this process first"):
        torch.ops.elman.unroll("here.Mine()", *arguments(grad=False)[1:])


def test_weight_norm_and_copies_see_live_weights() -> None:
    layer = Recurrent("lstm", 3, 5, backend="compiled")
    nn.utils.parametrizations.weight_norm(layer, "weight_hh_l0")
    inputs = torch.randn(BATCH, TIME, 3)
    other = copy.deepcopy(layer)
    optimizer = torch.optim.Adam(layer.parameters(), lr=0.1)
    before = trained(layer, inputs)
    assert len(before) == 6
    optimizer.step()
    layer.backend = "reference"
    expected = trained(layer, inputs)
    layer.backend = "compiled"
    for one, reference in zip(trained(layer, inputs), expected, strict=True):
        close(one, reference, FLOAT32_RECURRENCE)
    assert_equal(trained(other, inputs), before)


def test_autocast_computes_in_the_precision_of_the_weights() -> None:
    layer = Recurrent("gru", 3, 5, backend="compiled")
    inputs = torch.randn(BATCH, TIME, 3)
    expected = trained(layer, inputs)
    with torch.autocast("cpu", torch.bfloat16):
        found = trained(layer, inputs)
        rounded, _ = layer(inputs.bfloat16(), {"hidden_l0": torch.zeros(BATCH, 5, dtype=torch.bfloat16)})
    assert_equal(found, expected)
    assert rounded.dtype == torch.float32
    close(rounded, layer(inputs.bfloat16().float())[0], FLOAT32_RECURRENCE)


def test_autocast_takes_whatever_else_a_step_is_given() -> None:
    layer = Recurrent("gru", 3, 5, zoneout=0.3, backend="compiled").eval()
    inputs = torch.randn(BATCH, TIME, 3).bfloat16()
    with torch.autocast("cpu", torch.bfloat16):
        found, _ = layer(inputs, resets=RESETS)
    # The rate of zoneout, too, has been a number of bfloat16.
    close(found, layer(inputs.float(), resets=RESETS)[0], BFLOAT16_RECURRENCE)
