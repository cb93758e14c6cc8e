from __future__ import annotations

import copy
import io
import pickle
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm
from torch.nn.utils.rnn import PackedSequence, pack_sequence

import elman.nn
from elman.errors import BackendError
from tolerances import FLOAT32_GRADIENT, FLOAT32_RECURRENCE

# torch says so once per process for float32 on the CPU; it is right, and nothing to act on.
pytestmark = pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN")

LAYERS: list[tuple[str, dict[str, Any]]] = [
    ("RNN", {}),
    ("RNN", {"nonlinearity": "relu", "bidirectional": True}),
    ("LSTM", {"num_layers": 2}),
    ("LSTM", {"bidirectional": True, "num_layers": 2, "proj_size": 4, "batch_first": True}),
    ("LSTM", {"bias": False}),
    ("GRU", {"num_layers": 2, "bidirectional": True}),
    ("GRU", {"bias": False, "batch_first": True}),
]
every_layer = pytest.mark.parametrize(("kind", "options"), LAYERS, ids=str)
every_backend = pytest.mark.parametrize("backend", ["compiled", "torch", "reference"])


def pair(kind: str, options: dict[str, Any], backend: str, sizes: tuple[int, int] = (5, 7)) -> tuple[Any, Any]:
    """Torch's layer and ours, from the same seed."""
    torch.manual_seed(1)
    theirs = getattr(nn, kind)(*sizes, **options)
    torch.manual_seed(1)
    return theirs, getattr(elman.nn, kind)(*sizes, **options, backend=backend)


def first_state(layer: nn.RNNBase, batch: int | None) -> Any:
    """A random ``hx`` that wants gradients."""
    rows = layer.num_layers * (2 if layer.bidirectional else 1)
    sizes = [layer.proj_size or layer.hidden_size, layer.hidden_size][: 2 if layer.mode == "LSTM" else 1]
    shape = (rows,) if batch is None else (rows, batch)
    states = tuple(torch.randn(*shape, size, requires_grad=True) for size in sizes)
    return states if len(states) > 1 else states[0]


def tensors(value: Any) -> list[Tensor]:
    """The tensors in a result, however nested."""
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, PackedSequence):
        return [value.data]
    return [tensor for part in value for tensor in tensors(part)]


def results(layer: Any, given: Any, hx: Any = None) -> tuple[list[Tensor], list[Tensor]]:
    """Outputs and states, then the gradients of a random weighing of them."""
    values = tensors(layer(given, hx))
    generator = torch.Generator().manual_seed(2)
    loss = sum((torch.randn(value.shape, generator=generator) * value).sum() for value in values)
    leaves = [*layer.parameters(), *([] if hx is None else tensors(hx))]
    if isinstance(given, Tensor) and given.requires_grad:
        leaves.append(given)
    return values, list(torch.autograd.grad(loss, leaves))


def assert_same(ours: tuple[list[Tensor], list[Tensor]], theirs: tuple[list[Tensor], list[Tensor]]) -> None:
    for found, expected, tolerance in zip(ours, theirs, (FLOAT32_RECURRENCE, FLOAT32_GRADIENT), strict=True):
        for one, other in zip(found, expected, strict=True):
            torch.testing.assert_close(one, other, rtol=tolerance, atol=tolerance)


@every_layer
def test_the_same_seed_gives_torchs_weights(kind: str, options: dict[str, Any]) -> None:
    theirs, ours = pair(kind, options, "auto")
    assert list(ours.state_dict()) == list(theirs.state_dict())
    assert all(torch.equal(value, theirs.state_dict()[name]) for name, value in ours.state_dict().items())


@every_layer
@every_backend
@pytest.mark.parametrize("with_state", [False, True])
def test_outputs_states_and_gradients_are_torchs(
    kind: str, options: dict[str, Any], backend: str, with_state: bool
) -> None:
    theirs, ours = pair(kind, options, backend)
    batch = 6 if options.get("batch_first") else 3
    given = torch.randn(6, 3, 5, requires_grad=True)
    hx = first_state(theirs, batch) if with_state else None
    assert_same(results(ours, given, hx), results(theirs, given, hx))


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
@pytest.mark.parametrize("sizes", [(100, 100), (13, 33), (1, 1)])
@pytest.mark.parametrize("backend", ["compiled", "reference"])
def test_odd_sizes(kind: str, sizes: tuple[int, int], backend: str) -> None:
    theirs, ours = pair(kind, {}, backend, sizes)
    given = torch.randn(11, 3, sizes[0], requires_grad=True)
    hx = first_state(theirs, 3)
    assert_same(results(ours, given, hx), results(theirs, given, hx))


@every_layer
@every_backend
def test_unbatched_input(kind: str, options: dict[str, Any], backend: str) -> None:
    theirs, ours = pair(kind, options, backend)
    given, hx = torch.randn(6, 5, requires_grad=True), first_state(theirs, None)
    assert_same(results(ours, given, hx), results(theirs, given, hx))
    assert_same(results(ours, given), results(theirs, given))


@every_layer
@every_backend
@settings(max_examples=8, deadline=None, derandomize=True)
@given(lengths=st.lists(st.integers(1, 6), min_size=1, max_size=5), with_state=st.booleans())
def test_packed_sequences(
    kind: str, options: dict[str, Any], backend: str, lengths: list[int], with_state: bool
) -> None:
    theirs, ours = pair(kind, options, backend)
    given = pack_sequence([torch.randn(length, 5) for length in lengths], enforce_sorted=False)
    hx = first_state(theirs, len(lengths)) if with_state else None
    assert_same(results(ours, given, hx), results(theirs, given, hx))
    packed, expected = ours(given)[0], theirs(given)[0]
    assert torch.equal(packed.batch_sizes, expected.batch_sizes)
    assert torch.equal(packed.sorted_indices, expected.sorted_indices)
    assert torch.equal(packed.unsorted_indices, expected.unsorted_indices)


@every_backend
def test_sorted_packed_sequences_carry_no_permutation(backend: str) -> None:
    theirs, ours = pair("GRU", {}, backend)
    given = pack_sequence([torch.randn(length, 5) for length in (4, 4, 2)])
    assert ours(given)[0].sorted_indices is None
    assert_same(results(ours, given), results(theirs, given))


@every_layer
def test_state_dicts_load_both_ways(kind: str, options: dict[str, Any]) -> None:
    _, ours = pair(kind, options, "reference")
    theirs = getattr(nn, kind)(5, 7, **options)
    given = torch.randn(6, 3, 5)
    theirs.load_state_dict(ours.state_dict())
    assert_same(results(ours, given), results(theirs, given))
    other = getattr(elman.nn, kind)(5, 7, **options)
    other.load_state_dict(theirs.state_dict())
    assert_same(results(other, given), results(theirs, given))


@pytest.mark.parametrize("backend", ["compiled", "reference"])
def test_the_same_seed_drops_the_same_units(backend: str) -> None:
    theirs, ours = pair("LSTM", {"num_layers": 3, "dropout": 0.5, "bidirectional": True}, backend)
    packed = pack_sequence([torch.randn(length, 5) for length in (6, 2, 4)], enforce_sorted=False)
    for sequences in (torch.randn(6, 3, 5), packed):
        torch.manual_seed(4)
        expected = results(theirs, sequences)
        torch.manual_seed(4)
        assert_same(results(ours, sequences), expected)
    assert_same(results(ours.eval(), packed), results(theirs.eval(), packed))


@every_backend
def test_copies_and_pickles_are_independent_and_equal(backend: str) -> None:
    _, ours = pair("LSTM", {"num_layers": 2}, backend)
    given = torch.randn(6, 3, 5)
    expected = results(ours, given)
    buffer = io.BytesIO()
    torch.save(ours, buffer)
    buffer.seek(0)
    copies = [copy.deepcopy(ours), pickle.loads(pickle.dumps(ours)), torch.load(buffer, weights_only=False)]  # noqa: S301
    for other in copies:
        assert other.backend == backend
        assert_same(results(other, given), expected)
        with torch.no_grad():
            other.weight_hh_l0.zero_()
    assert_same(results(ours, given), expected)


@every_backend
def test_functional_call_sees_the_weights_it_is_given(backend: str) -> None:
    theirs, ours = pair("GRU", {}, backend)
    given = torch.randn(6, 3, 5)
    doubled = {name: 2 * value for name, value in ours.state_dict().items()}
    expected = torch.func.functional_call(theirs, doubled, given)[0]
    found = torch.func.functional_call(ours, doubled, given)[0]
    torch.testing.assert_close(found, expected, rtol=FLOAT32_RECURRENCE, atol=FLOAT32_RECURRENCE)
    assert not torch.allclose(found, ours(given)[0])


@every_backend
def test_parametrised_weights_are_live(backend: str) -> None:
    theirs, ours = (weight_norm(layer, "weight_hh_l0") for layer in pair("LSTM", {"num_layers": 2}, backend))
    given = torch.randn(6, 3, 5)
    for layer in (theirs, ours):
        optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)
        layer(given)[0].sum().backward()
        optimizer.step()
    assert_same(results(ours, given), results(theirs, given))


def test_flatten_parameters_and_dtype_moves_are_harmless() -> None:
    _, ours = pair("LSTM", {}, "reference")
    ours.flatten_parameters()
    assert ours.double()(torch.randn(6, 3, 5, dtype=torch.float64))[0].dtype == torch.float64
    assert elman.nn.LSTM(5, 7, device="meta", dtype=torch.float16).weight_ih_l0.dtype == torch.float16


def test_constructors_take_torchs_positions() -> None:
    layer = elman.nn.RNN(5, 7, 2, "relu", False, True, 0.25, True)
    assert repr(layer) == repr(nn.RNN(5, 7, 2, "relu", False, True, 0.25, True))
    assert repr(elman.nn.LSTM(5, 7, 2, False, True, 0.25, True, 3)) == repr(
        nn.LSTM(5, 7, 2, False, True, 0.25, True, 3)
    )
    assert repr(elman.nn.GRU(5, 7, 2, False, True, 0.25, True)) == repr(nn.GRU(5, 7, 2, False, True, 0.25, True))
    assert isinstance(layer, nn.RNN)


WRONG_CALLS: list[tuple[str, Any]] = [
    ("a wrong feature size", lambda layer: layer(torch.randn(6, 3, 4))),
    ("a wrong dtype", lambda layer: layer(torch.randn(6, 3, 5, dtype=torch.float64))),
    ("four dimensions", lambda layer: layer(torch.randn(1, 6, 3, 5))),
    ("a state of another batch", lambda layer: layer(torch.randn(6, 3, 5), torch.randn(1, 2, 7))),
    ("a state without batch", lambda layer: layer(torch.randn(6, 3, 5), torch.randn(1, 7))),
    ("a state with batch", lambda layer: layer(torch.randn(6, 5), torch.randn(1, 1, 7))),
]


@pytest.mark.parametrize(("what", "call"), WRONG_CALLS, ids=[what for what, _ in WRONG_CALLS])
def test_errors_are_torchs(what: str, call: Any) -> None:
    theirs, ours = pair("GRU", {}, "reference")
    with pytest.raises((ValueError, RuntimeError)) as expected:
        call(theirs)
    with pytest.raises(expected.type) as found:
        call(ours)
    assert str(found.value) == str(expected.value)


@pytest.mark.parametrize("kind", ["RNN", "GRU"])
def test_a_projection_is_refused_as_in_torch(kind: str) -> None:
    with pytest.raises(ValueError, match="proj_size argument is only supported for LSTM"):
        getattr(elman.nn, kind)(5, 7, proj_size=3)


def test_an_unknown_backend_is_refused() -> None:
    with pytest.raises(BackendError, match=r"There is no backend 'torhc', only auto, .*, reference. Did you mean"):
        elman.nn.LSTM(5, 7, backend="torhc")
