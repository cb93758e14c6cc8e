"""Every property of a recurrence, for every cell in the table."""

from __future__ import annotations

import copy
import importlib
import inspect
import pickle
import pkgutil
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import elman.cells
from contracts.cells import (
    EXEMPT,
    IN_THE_LOOP,
    ROWS,
    Row,
    cut,
    of_one_step,
    random_extras,
    random_state,
    tensors,
    weights,
)
from elman.cells import CELLS, Cell, NumpyOps
from elman.cells.modifiers import FastActivations, Modifier
from elman.compiler.schedule import schedule_step
from elman.compiler.trace import trace
from elman.errors import BackendError
from elman.nn import Recurrent, TorchOps, Unrolled, choose, unroll
from tolerances import BFLOAT16_RECURRENCE, FLOAT32_RECURRENCE, FLOAT64_RECURRENCE

BATCH, TIME = 4, 9
BACKENDS = ("reference", "compiled", "torch")

every_cell = pytest.mark.parametrize("row", ROWS, ids=str)
# torch says so once per process for float32 on the CPU; it is right, and nothing to act on.
pytestmark = pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN")
quick = settings(max_examples=10, deadline=None, derandomize=True)


def backends(row: Row) -> tuple[str, ...]:
    return BACKENDS if row.has_kernel else BACKENDS[:-1]


def gradients(run: Unrolled, leaves: list[torch.Tensor]) -> list[torch.Tensor]:
    """Of a random weighing of outputs and final state, so that no error cancels."""
    generator = torch.Generator().manual_seed(7)
    values = [run.outputs, *run.state.values()]
    loss = sum((torch.randn(v.shape, generator=generator, dtype=v.dtype) * v).sum() for v in values)
    found = torch.autograd.grad(loss, leaves, allow_unused=True)
    return [torch.zeros_like(leaf) if g is None else g for leaf, g in zip(leaves, found, strict=True)]


def assert_close(found: list[torch.Tensor], expected: list[torch.Tensor], tolerance: float) -> None:
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=tolerance, atol=tolerance)


def random_inputs(cell: Cell, batch: int = BATCH, time: int = TIME) -> torch.Tensor:
    generator = torch.Generator().manual_seed(3)
    return torch.randn(batch, time, cell.input_size, generator=generator, dtype=torch.float64, requires_grad=True)


@every_cell
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_numpy_and_torch_take_the_same_step(row: Row, dtype: type) -> None:
    cell = row.make()
    params = weights(cell) | of_one_step(random_extras(cell, BATCH, 1))
    params = {name: value.astype(dtype) for name, value in params.items()}
    state = {name: value.astype(dtype) for name, value in random_state(cell, BATCH).items()}
    x = np.random.default_rng(2).standard_normal((BATCH, cell.input_size)).astype(dtype)
    plain = cell.step(NumpyOps(), x, state, params)
    other = cell.step(TorchOps(), torch.tensor(x), tensors(state), tensors(params))
    assert {name: value.shape[-1] for name, value in plain.items()} == cell.state_sizes
    tolerance = FLOAT32_RECURRENCE if dtype == np.float32 else FLOAT64_RECURRENCE
    for name, value in plain.items():
        assert value.dtype == dtype
        np.testing.assert_allclose(value, other[name].numpy(), rtol=tolerance, atol=tolerance)


@every_cell
def test_a_step_needs_no_batch(row: Row) -> None:
    cell = row.make()
    params, state = weights(cell), random_state(cell, BATCH)
    x = np.random.default_rng(2).standard_normal((BATCH, cell.input_size))
    extras = of_one_step(random_extras(cell, BATCH, 1))
    batched = cell.step(NumpyOps(), x, state, params | extras)
    state, extras = ({name: value[1] for name, value in values.items()} for values in (state, extras))
    single = cell.step(NumpyOps(), x[1], state, params | extras)
    for name, value in single.items():
        np.testing.assert_allclose(value, batched[name][1], rtol=FLOAT64_RECURRENCE, atol=FLOAT64_RECURRENCE)


@every_cell
def test_the_input_product_leaves_the_loop(row: Row) -> None:
    """A step may do anything with x, but what ``weight_ih`` multiplies waits for no other step.

    A compiler makes it one large product over all steps before the loop.
    """
    step = trace(row.make())
    own = {step.leaves("parameter")["weight_ih"]}
    own |= {place for place, node in enumerate(step.nodes) if node.op == "part" and own.issuperset(node.operands)}
    products = {place for place, node in enumerate(step.nodes) if node.op == "linear" and node.operands[1] in own}
    assert products
    hoisted = products & set(schedule_step(step).hoisted)
    assert hoisted == (set() if row.name in IN_THE_LOOP else products)


@every_cell
def test_gradients_are_those_of_finite_differences(row: Row) -> None:
    cell = row.make(2, 3)
    params = tensors(weights(cell), grad=True)
    state = tensors(random_state(cell, 2), grad=True)
    inputs = random_inputs(cell, 2, 3)
    resets = torch.tensor([[False, True, False], [False, False, False]])

    def function(x: torch.Tensor, *leaves: torch.Tensor) -> tuple[torch.Tensor, ...]:
        given_params = dict(zip(params, leaves, strict=False))
        given_state = dict(zip(state, leaves[len(params) :], strict=True))
        run = unroll(
            cell,
            given_params,
            x,
            given_state,
            extras=random_extras(cell, 2, 3),
            lengths=torch.tensor([3, 2]),
            resets=resets,
            backend="reference",
        )
        return run.outputs, *run.state.values()

    assert torch.autograd.gradcheck(function, (inputs, *params.values(), *state.values()))


@every_cell
@quick
@given(data=st.data())
def test_backends_agree(row: Row, data: st.DataObject) -> None:
    """Outputs, final state and every gradient, for any sizes, lengths, resets and direction."""
    batch, time = data.draw(st.integers(1, 5), "batch"), data.draw(st.integers(1, 8), "time")
    # Two sizes only: machine code is made for each; where both are equal some cells use the input itself.
    cell = row.make(*data.draw(st.sampled_from([(3, 5), (17, 17)]), "sizes"))
    lengths = data.draw(st.none() | st.lists(st.integers(1, time), min_size=batch, max_size=batch), "lengths")
    marks = st.lists(st.booleans(), min_size=batch * time, max_size=batch * time)
    resets = data.draw(st.none() | marks, "resets")
    reverse = data.draw(st.booleans(), "reverse")
    params, state = tensors(weights(cell), grad=True), tensors(random_state(cell, batch), grad=True)
    initial = tensors(random_state(cell, batch, seed=5), grad=True)
    inputs = random_inputs(cell, batch, time)
    leaves = [inputs, *params.values(), *state.values(), *initial.values()]
    found = []
    for backend in backends(row):
        run = unroll(
            cell,
            params,
            inputs,
            state,
            initial=initial,
            extras=random_extras(cell, batch, time),
            lengths=None if lengths is None else torch.tensor(lengths),
            resets=None if resets is None else torch.tensor(resets).view(batch, time),
            reverse=reverse,
            backend=backend,
        )
        found.append([run.outputs, *run.state.values(), *gradients(run, leaves)])
    for other in found[1:]:
        assert_close(found[0], other, FLOAT64_RECURRENCE)


@every_cell
def test_torchs_kernel_is_refused_where_there_is_none(row: Row) -> None:
    if not row.has_kernel:
        with pytest.raises(BackendError):
            choose(row.make(), "torch")


@pytest.mark.parametrize("name", CELLS)
def test_every_cell_is_compiled_and_trains_so_but_for_the_exempt(name: str) -> None:
    layer = Recurrent(name, 3, 5)
    assert layer.eval().why().startswith("compiled: ")
    why = layer.train().why()
    assert EXEMPT[name] in why if name in EXEMPT else why.startswith("compiled: ")


@every_cell
@quick
@given(cuts=st.sets(st.integers(1, TIME - 1)))
def test_any_chunks_give_the_whole(row: Row, cuts: set[int]) -> None:
    cell = row.make()
    params, inputs = tensors(weights(cell)), random_inputs(cell).detach()
    extras = random_extras(cell, BATCH, TIME)
    for backend in backends(row):
        whole = unroll(cell, params, inputs, extras=extras, backend=backend)
        state, outputs = None, []
        for start, stop in pairwise([0, *sorted(cuts), TIME]):
            own = cut(extras, slice(None), slice(start, stop))
            run = unroll(cell, params, inputs[:, start:stop], state, extras=own, backend=backend)
            state = run.state
            outputs.append(run.outputs)
        expected = [whole.outputs, *whole.state.values()]
        assert_close([torch.cat(outputs, 1), *state.values()], expected, FLOAT64_RECURRENCE)


@every_cell
@quick
@given(lengths=st.lists(st.integers(1, TIME), min_size=BATCH, max_size=BATCH), reverse=st.booleans())
def test_padding_changes_nothing(row: Row, lengths: list[int], reverse: bool) -> None:
    """Each row gives what it gives alone; the padding may be NaN, and gets no gradient."""
    cell = row.make()
    params, initial = tensors(weights(cell), grad=True), tensors(random_state(cell, BATCH))
    clean = random_inputs(cell)
    valid = (torch.arange(TIME) < torch.tensor(lengths)[:, None])[..., None]
    dirty = clean.detach().masked_fill(~valid, float("nan")).requires_grad_()
    extras = random_extras(cell, BATCH, TIME)
    for backend in backends(row):
        options = {"reverse": reverse, "backend": backend}
        run = unroll(cell, params, dirty, initial, extras=extras, lengths=torch.tensor(lengths), **options)
        assert not run.outputs.masked_select(~valid).any()
        found = gradients(run, [dirty, *params.values()])
        assert not found[0].masked_select(~valid).any()
        assert all(gradient.isfinite().all() for gradient in found)
        for index, length in enumerate(lengths):
            before = {name: value[index, None] for name, value in initial.items()}
            own = cut(extras, slice(index, index + 1), slice(length))
            alone = unroll(cell, params, clean[index, None, :length], before, extras=own, **options)
            expected = [alone.outputs[0], *(value[0] for value in alone.state.values())]
            found = [run.outputs[index, :length], *(value[index] for value in run.state.values())]
            assert_close(found, expected, FLOAT64_RECURRENCE)


@every_cell
@quick
@given(marks=st.sets(st.integers(0, TIME - 1)), reverse=st.booleans())
def test_resets_separate_sequences(row: Row, marks: set[int], reverse: bool) -> None:
    cell = row.make()
    params, inputs = tensors(weights(cell)), random_inputs(cell, batch=1).detach()
    state, initial = tensors(random_state(cell, 1)), tensors(random_state(cell, 1, seed=5))
    resets = torch.zeros(1, TIME, dtype=torch.bool)
    resets[0, list(marks)] = True
    spans = list(pairwise([*sorted(marks | {0}), TIME]))
    extras = random_extras(cell, 1, TIME)
    for backend in backends(row):
        options = {"reverse": reverse, "backend": backend}
        run = unroll(cell, params, inputs, state, initial=initial, extras=extras, resets=resets, **options)
        alone = []
        for start, stop in spans:
            continues = stop == TIME if reverse else (start == 0 and 0 not in marks)
            before = state if continues else initial
            own = cut(extras, slice(None), slice(start, stop))
            alone.append(unroll(cell, params, inputs[:, start:stop], before, extras=own, **options))
        leaving = alone[0 if reverse else -1].state
        expected = [torch.cat([part.outputs for part in alone], 1), *leaving.values()]
        assert_close([run.outputs, *run.state.values()], expected, FLOAT64_RECURRENCE)


@every_cell
def test_reverse_is_the_flipped_sequence(row: Row) -> None:
    cell = row.make()
    params, inputs = tensors(weights(cell)), random_inputs(cell).detach()
    extras = random_extras(cell, BATCH, TIME)
    mirrored = {name: value.flip(1) if value.dim() == 3 else value for name, value in extras.items()}
    for backend in backends(row):
        run = unroll(cell, params, inputs, extras=extras, reverse=True, backend=backend)
        flipped = unroll(cell, params, inputs.flip(1), extras=mirrored, backend=backend)
        expected = [flipped.outputs.flip(1), *flipped.state.values()]
        assert_close([run.outputs, *run.state.values()], expected, FLOAT64_RECURRENCE)


@every_cell
def test_all_states_end_in_the_final_state(row: Row) -> None:
    cell = row.make()
    extras = random_extras(cell, BATCH, TIME)
    run = unroll(cell, tensors(weights(cell)), random_inputs(cell), extras=extras, all_states=True)
    assert list(run.states) == list(cell.state_sizes)
    assert torch.equal(next(iter(run.states.values())), run.outputs)
    for name, value in run.state.items():
        assert torch.equal(run.states[name][:, -1], value)


@every_cell
def test_autocast_runs_every_backend(row: Row) -> None:
    cell = row.make()
    params = {name: value.float().requires_grad_() for name, value in tensors(weights(cell)).items()}
    inputs = random_inputs(cell).detach().float()
    extras = {name: value.float() for name, value in random_extras(cell, BATCH, TIME).items()}
    exact = unroll(cell, params, inputs, extras=extras, backend="reference")
    resets = torch.zeros(BATCH, TIME, dtype=torch.bool)
    for backend in backends(row):
        with torch.autocast("cpu", torch.bfloat16):
            run = unroll(cell, params, inputs, extras=extras, resets=resets, backend=backend)
        torch.testing.assert_close(
            run.outputs.float(), exact.outputs, rtol=BFLOAT16_RECURRENCE, atol=BFLOAT16_RECURRENCE
        )
        assert all(g.isfinite().all() for g in gradients(run, list(params.values())))


@every_cell
def test_a_cell_is_a_value(row: Row) -> None:
    cell = row.make()
    assert cell == row.make() == copy.deepcopy(cell) == pickle.loads(pickle.dumps(cell))  # noqa: S301
    assert hash(cell) == hash(row.make())
    assert type(cell).__name__ in repr(cell)


@every_cell
def test_the_declaration_is_consistent(row: Row) -> None:
    cell = row.make()
    drawn = weights(cell)
    for name, parameter in cell.parameters().items():
        assert drawn[name].shape == parameter.shape
        assert parameter.shape[0] % len(parameter.blocks) == 0
    assert set(cell.memory_gates) <= set(cell.gates)
    assert cell.output_size == next(iter(cell.state_sizes.values()))
    assert cell.step.__doc__


def public_cells() -> set[type[Cell]]:
    """Every cell that can be made, found in the package itself."""
    found = set()
    for module in pkgutil.iter_modules(elman.cells.__path__, "elman.cells."):
        for _, thing in inspect.getmembers(importlib.import_module(module.name), inspect.isclass):
            if issubclass(thing, Cell) and not inspect.isabstract(thing):
                found.add(thing)
    return found


def test_no_cell_is_missing() -> None:
    modifiers = {cell for cell in public_cells() if issubclass(cell, Modifier)}
    # What is fast is not the same in all backends; tests/nn/test_step_options.py says how near it is.
    exact = modifiers - {FastActivations}
    assert public_cells() - modifiers == set(CELLS.values()), "a cell is missing from elman.cells.CELLS"
    assert {each.name for each in ROWS} == set(CELLS), "a cell is missing from tests/contracts/cells.py"
    assert {type(cell) for each in ROWS for cell in within(each.make())} >= exact, "a modifier is missing there"


def within(cell: Cell) -> list[Cell]:
    """A cell and the cells that it stands around."""
    return [cell, *(within(cell.cell) if isinstance(cell, Modifier) else [])]
