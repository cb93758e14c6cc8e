"""The time between steps, from `Recurrent` down to the backends and streams."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pytest
import torch

import small_models
import tolerances
from elman import cells
from elman.cells import Cell
from elman.cells.cell import ELAPSED
from elman.compiler.streaming import FEW_SYMBOLS, MANY_ROWS, StreamingStack
from elman.errors import DataError, SettingsError
from elman.nn import Recurrent, unroll
from elman.nn.elapsed import elapsed_backwards
from elman.nn.explain import explain

BATCH, TIME = 3, 8
TIMED = [name for name in cells.CELLS if ELAPSED in cells.make(name, 3, 5).extras]


@dataclass(frozen=True)
class Decaying(Cell):
    """A cell of one's own, whose input is worth as much as time has passed; the product of it is hoisted."""

    name: ClassVar[str] = "decaying"
    gates: ClassVar[tuple[str, ...]] = ("hidden",)

    @property
    def extras(self) -> dict[str, int]:
        return {ELAPSED: 1}

    def step(self, ops: Any, x: Any, state: Any, params: Any) -> dict[str, Any]:
        elapsed = params[ELAPSED]
        kept = ops.linear(state["hidden"] * ops.exp(-elapsed), params["weight_hh"], params["bias_hh"])
        return {"hidden": ops.tanh(ops.linear(x * elapsed, params["weight_ih"], params["bias_ih"]) + kept)}


torch.manual_seed(0)
INPUTS, TIMES = torch.randn(BATCH, TIME, 3), torch.rand(BATCH, TIME) * 3


def layer(cell: Any, **options: Any) -> Recurrent:
    torch.manual_seed(1)
    return Recurrent(cell, 3, 5, **options)


def close(found: torch.Tensor, expected: torch.Tensor) -> None:
    torch.testing.assert_close(found, expected, rtol=tolerances.FLOAT32_RECURRENCE, atol=tolerances.FLOAT32_RECURRENCE)


def test_there_are_cells_that_take_it() -> None:
    assert {"cfc", "phased_lstm"} <= set(TIMED)


@pytest.mark.parametrize("cell", [*TIMED, Decaying])
def test_backends_are_told_the_same_time(cell: Any) -> None:
    lengths, resets = torch.tensor([8, 5, 3]), torch.zeros(BATCH, TIME, dtype=torch.bool)
    resets[0, 4] = True
    dirty = TIMES.clone()
    dirty[1, 5:] = float("nan")
    found = {}
    for backend in ("reference", "compiled"):
        stack = layer(cell, num_layers=2, bidirectional=True, backend=backend)
        outputs, state = stack(INPUTS, lengths=lengths, resets=resets, elapsed=dirty)
        outputs.square().sum().backward()
        found[backend] = [outputs, *state.values(), *(value.grad for value in stack.parameters())]
    for one, other in zip(*found.values(), strict=True):
        torch.testing.assert_close(one, other, rtol=tolerances.FLOAT32_GRADIENT, atol=tolerances.FLOAT32_GRADIENT)


@pytest.mark.parametrize("name", TIMED)
def test_it_is_1_where_it_is_left_out_and_it_matters(name: str) -> None:
    stack = layer(name, num_layers=2, bidirectional=True)
    left_out = stack(INPUTS)[0]
    assert torch.equal(left_out, stack(INPUTS, elapsed=torch.ones(BATCH, TIME))[0])
    assert not torch.allclose(left_out, stack(INPUTS, elapsed=TIMES)[0])


@pytest.mark.parametrize("name", TIMED)
def test_it_is_given_to_unroll_as_an_extra(name: str) -> None:
    one = layer(name)
    params = {n.removesuffix("_l0"): value for n, value in one.named_parameters()}
    run = unroll(one.cells[0], params, INPUTS, extras={ELAPSED: TIMES[..., None]})
    close(one(INPUTS, elapsed=TIMES)[0], run.outputs)


@pytest.mark.parametrize("name", TIMED)
def test_it_gets_no_gradient_and_takes_any_type(name: str) -> None:
    times = TIMES.double().requires_grad_()
    for backend in ("reference", "compiled"):
        outputs, _ = layer(name, backend=backend)(INPUTS.requires_grad_(), elapsed=times)
        outputs.sum().backward()
    assert times.grad is None


@pytest.mark.parametrize("name", TIMED)
def test_options_of_the_step_go_along_with_it(name: str) -> None:
    stack = layer(name, zoneout=0.3, recurrent_dropout=0.2, clip=0.9, checkpoint_every=3)
    torch.manual_seed(2)
    outputs, _ = stack(INPUTS, elapsed=TIMES)
    torch.manual_seed(2)
    assert torch.equal(outputs, stack(INPUTS, elapsed=TIMES)[0])
    stack.eval()
    assert not torch.equal(stack(INPUTS, elapsed=TIMES)[0], stack(INPUTS)[0])


def test_backwards_a_step_is_told_the_time_to_the_one_after_it() -> None:
    """Reading the sequences from their ends, as they would be had they been recorded in reverse."""
    stack = layer("cfc", bidirectional=True)
    lengths = torch.tensor([8, 5, 3])
    outputs, _ = stack(INPUTS, lengths=lengths, elapsed=TIMES)
    for row, length in enumerate(lengths.tolist()):
        times = torch.cat([TIMES[row, :1], TIMES[row, 1:length].flip(0)])
        weights = {n.removesuffix("_l0_reverse"): w for n, w in stack.named_parameters() if n.endswith("reverse")}
        inputs, extras = INPUTS[row : row + 1, :length].flip(1), {ELAPSED: times[None, :, None]}
        alone = unroll(stack.cells[0], weights, inputs, extras=extras).outputs.flip(1)
        close(outputs[row, :length, 5:], alone[0])


def test_resets_end_a_sequence_for_both_directions() -> None:
    resets = torch.tensor([[False, False, False, True, False]])
    times = torch.tensor([[0.0, 1, 2, 3, 4]])
    assert elapsed_backwards(times, torch.tensor([5]), resets).tolist() == [[1, 2, 0, 4, 3]]
    assert elapsed_backwards(times, torch.tensor([4]), None)[0, :4].tolist() == [1, 2, 3, 0]


def test_what_does_not_fit_is_named() -> None:
    with pytest.raises(DataError, match=r"elapsed must be \(3, 8\), as the inputs, found \(3, 7\)"):
        layer("cfc")(INPUTS, elapsed=TIMES[:, 1:])
    with pytest.raises(DataError, match="Cell gru takes steps as equally long and has no use for elapsed"):
        layer("gru")(INPUTS, elapsed=TIMES)
    with pytest.raises(SettingsError, match="has no values for zoneout hidden"):
        Recurrent(lambda i, h: cells.modifiers.Zoneout(cells.make("gru", i, h), ("hidden",)), 3, 5)


@pytest.mark.parametrize("name", TIMED)
def test_it_is_explained(name: str) -> None:
    assert "elapsed" in str(explain(layer(name)))


@pytest.mark.parametrize("name", TIMED)
def test_torch_compile_takes_it(name: str) -> None:
    stack = layer(name, bidirectional=True).eval()
    compiled = torch.compile(stack, fullgraph=True, backend="eager")
    lengths = torch.tensor([8, 5, 3])
    with torch.no_grad():
        close(
            compiled(INPUTS, lengths=lengths, elapsed=TIMES)[0],
            stack(INPUTS, lengths=lengths, elapsed=TIMES)[0],
        )


@pytest.mark.parametrize("cell", [*TIMED, Decaying])
@pytest.mark.parametrize("symbols", [0, 4, FEW_SYMBOLS + 1])
def test_streams_take_it(cell: Any, symbols: int) -> None:
    stack = layer(cell, num_layers=2)
    params = {n: value.detach().numpy() for n, value in stack.named_parameters()}
    layers = [(each, {n: params[f"{n}_l{k}"] for n in each.parameters()}) for k, each in enumerate(stack.cells)]
    time = MANY_ROWS
    rng = np.random.default_rng(0)
    embedding = np.float32(rng.normal(size=(symbols, 3))) if symbols else None
    inputs = rng.integers(0, symbols, (time, 2)) if symbols else np.float32(rng.normal(size=(time, 2, 3)))
    times = rng.exponential(size=(time, 2)).astype(np.float32)
    streaming = StreamingStack(layers, embedding=embedding)
    state = {n: np.zeros((2, size), np.float32) for n, size in stack.state_sizes.items()}
    whole, last = streaming.run(inputs, state, elapsed=times)
    features = inputs if embedding is None else embedding[inputs]
    with torch.no_grad():
        expected, _ = stack(torch.from_numpy(features).transpose(0, 1), elapsed=torch.from_numpy(times).T)
    close(torch.from_numpy(whole), expected.transpose(0, 1))
    for t in range(time):
        result, state = streaming.step(inputs[t], state, elapsed=times[t])
        np.testing.assert_array_equal(result, whole[t])
    assert all(np.array_equal(state[n], value) for n, value in last.items())
    np.testing.assert_array_equal(
        streaming.run(inputs, state)[0], streaming.run(inputs, state, elapsed=np.ones((time, 2)))[0]
    )


@pytest.mark.parametrize("backend", ["compiled", "reference"])
def test_engines_take_it(backend: str) -> None:
    engine = small_models.engine(cell="cfc", backend=backend)
    rng = np.random.default_rng(0)
    symbols, times = rng.integers(0, engine.shape.vocabulary, (2, 6)), rng.exponential(size=(2, 6)).astype(np.float32)
    logits, last = engine.read(symbols, engine.initial_state(2), elapsed=times)
    state = engine.initial_state(2)
    for t in range(6):
        step, state = engine.step(symbols[:, t], state, elapsed=times[:, t])
        np.testing.assert_array_equal(step, logits[:, t])
    assert all(np.array_equal(state[n], value) for n, value in last.items())
    assert not np.array_equal(logits, engine.read(symbols, engine.initial_state(2))[0])
    with pytest.raises(DataError, match=r"elapsed must be \(2, 6\), as the symbols, found \(2, 5\)"):
        engine.read(symbols, state, elapsed=times[:, 1:])
    with pytest.raises(DataError, match="Cell lstm has no use for the time between steps"):
        small_models.engine().read(symbols, state, elapsed=times)
