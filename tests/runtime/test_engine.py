from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import small_models
import tolerances
from elman import cells
from elman.errors import BundleError
from elman.runtime import Engine, NetworkShape
from elman.runtime import engine as engine_module
from elman.runtime.engine import log_softmax
from elman.tasks.language_model_training import build

BACKENDS = ["compiled", "reference"]

SHAPES = [
    {},
    {"tie_weights": False, "hidden_sizes": (5,)},
    {"learn_initial_state": False, "hidden_sizes": (11, 4, 7)},
]


@pytest.mark.parametrize("cell", cells.CELLS)
@pytest.mark.parametrize(
    ("changes", "backend"), [*((changes, "compiled") for changes in SHAPES), (SHAPES[-1], "reference")]
)
def test_engine_steps_as_the_torch_network_does(cell: str, changes: dict[str, object], backend: str) -> None:
    engine = small_models.engine(cell=cell, backend=backend, **changes)
    network = build(engine.shape, small_models.tensors(engine.shape)).eval()
    symbols = np.random.default_rng(1).integers(0, engine.shape.vocabulary, (3, 12))
    with torch.no_grad():
        expected = network(torch.from_numpy(symbols))
    state = engine.initial_state(batch=3)
    for t in range(symbols.shape[1]):
        logits, state = engine.step(symbols[:, t], state)
        np.testing.assert_allclose(logits, expected.logits[:, t], **tolerances.NUMPY_AGAINST_TORCH)
    for name, value in expected.state.items():
        np.testing.assert_allclose(state[name], value, **tolerances.NUMPY_AGAINST_TORCH)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("shape", [(0,), (5,), (60,), (3, 11), (2, 40)])
def test_reading_many_symbols_is_stepping_through_them(
    backend: str, shape: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_module, "ROWS_AT_ONCE", 50)
    engine = small_models.engine(backend=backend)
    symbols = np.random.default_rng(0).integers(0, engine.shape.vocabulary, shape)
    rows = np.atleast_2d(symbols)
    state, expected = engine.initial_state(len(rows)), np.zeros((*rows.shape, engine.shape.vocabulary), np.float32)
    for t in range(rows.shape[1]):
        expected[:, t], state = engine.step(rows[:, t], state)
    logits, after = engine.read(symbols, engine.initial_state(len(rows)))
    np.testing.assert_array_equal(logits, expected.reshape(*shape, engine.shape.vocabulary))
    assert all(np.array_equal(after[name], value) for name, value in state.items())


def test_the_score_is_the_probability_of_what_came(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_module, "ROWS_AT_ONCE", 7)
    engine = small_models.engine()
    symbols = np.random.default_rng(0).integers(0, engine.shape.vocabulary, 20)
    logits, _ = engine.read(symbols, engine.initial_state())
    expected = log_softmax(logits)[np.arange(19), symbols[1:]]
    np.testing.assert_array_equal(engine.score(symbols), expected)


def test_bfloat16_gives_nearly_the_same_logits() -> None:
    whole, rounded = small_models.engine(), small_models.engine(precision="bfloat16")
    symbols = np.random.default_rng(0).integers(0, whole.shape.vocabulary, 40)
    logits, _ = whole.read(symbols, whole.initial_state())
    nearly, _ = rounded.read(symbols, rounded.initial_state())
    assert 0 < np.abs(logits - nearly).max() < tolerances.BFLOAT16_WEIGHTS


def test_a_step_leaves_the_state_it_was_given() -> None:
    engine = small_models.engine()
    before = engine.initial_state()
    copy = {name: value.copy() for name, value in before.items()}
    engine.step(np.array([1]), before)
    assert all(np.array_equal(before[name], copy[name]) for name in copy)


@pytest.mark.parametrize("cell", ["lstm", "gru", "gru_layer_norm"])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_row_is_the_same_bits_in_any_batch_and_however_it_is_cut(cell: str, precision: Any) -> None:
    engine = small_models.engine(cell=cell, backend="compiled", precision=precision)
    rng = np.random.default_rng(0)
    for _ in range(50):
        batch, time, cut = (int(number) for number in rng.integers(1, [9, 30, 30]))
        symbols = rng.integers(0, engine.shape.vocabulary, (batch, time))
        logits, state = engine.read(symbols[:, :cut], engine.initial_state(batch))
        after, state = engine.read(symbols[:, cut:], state)
        row = int(rng.integers(batch))
        own = engine.initial_state()
        for symbol, expected in zip(symbols[row], np.concatenate([logits, after], 1)[row], strict=True):
            found, own = engine.step(symbol[None], own)
            np.testing.assert_array_equal(found[0], expected)
        assert all(np.array_equal(own[name][0], value[row]) for name, value in state.items())


def test_shape_goes_through_json_values() -> None:
    shape = small_models.shape(20)
    assert NetworkShape.from_dict(shape.to_dict()) == shape


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda t: t.pop("softmax.bias"), r"tensor 'softmax.bias' is missing; expected it with shape \(20,\)"),
        (lambda t: t.update({"softmax.bias": np.zeros(3)}), r"has shape \(3,\), config.json asks for \(20,\)"),
        (lambda t: t.update({"other": np.zeros(3)}), "tensor 'other' has no place"),
    ],
)
def test_tensors_that_do_not_fit_are_named(damage: object, message: str) -> None:
    shape = small_models.shape(20)
    tensors = small_models.tensors(shape)
    damage(tensors)  # type: ignore[operator]
    with pytest.raises(BundleError, match=message):
        Engine(shape, tensors)


@pytest.mark.parametrize(
    "values", [{"cell": "lstm"}, {"vocabulary": 3, "hidden_sizes": "x"}, {"hidden_sizes": [1], "a": 1}]
)
def test_a_network_that_is_not_described_is_an_error(values: dict[str, object]) -> None:
    with pytest.raises(BundleError, match="'network' does not describe a network"):
        NetworkShape.from_dict(values)


def test_unknown_cell_names_the_nearest() -> None:
    with pytest.raises(BundleError, match="Did you mean 'lstm'"):
        small_models.shape(20, "lstn").parameter_shapes()
