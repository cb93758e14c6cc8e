from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

from elman.cells import make
from elman.compiler import loop
from elman.compiler.loop import Loop
from elman.nn import Recurrent
from elman.nn.cell_keys import key_of
from elman.nn.engine import engine


def count_packings(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How often memory for packed weights was made, from now on."""
    prepared, count = Loop.weights, [0]

    def counted(self: Loop, params: Any) -> Any:
        count[0] += 1
        return prepared(self, params)

    monkeypatch.setattr(Loop, "weights", counted)
    return count


def test_weights_are_packed_once_for_each_version_and_never_too_seldom(monkeypatch: pytest.MonkeyPatch) -> None:
    count = count_packings(monkeypatch)
    layer, x = Recurrent("lstm", 130, 131, backend="compiled"), torch.randn(2, 3, 130)
    with torch.no_grad():
        first = layer(x)[0]
        packed = list(count)
        assert torch.equal(layer(x)[0], first)
        assert count == packed
        layer.weight_hh_l0.mul_(0.5)
        changed = layer(x)[0]
        layer.weight_hh_l0.data.mul_(2)  # torch does not count this
        assert torch.equal(layer(x)[0], first)
        assert not torch.equal(changed, first)
    with torch.inference_mode():
        assert torch.equal(layer(x)[0], first)


def test_few_weights_are_packed_anew_where_they_lie(monkeypatch: pytest.MonkeyPatch) -> None:
    count = count_packings(monkeypatch)
    layer, x = Recurrent("lstm", 7, 9, backend="compiled"), torch.randn(2, 3, 7)
    zeros = {f"{name}_l0": torch.zeros(2, 9) for name in ("hidden", "cell")}
    expected = Recurrent("lstm", 7, 9, backend="reference")
    for halve in (False, True, True):
        with torch.no_grad():
            layer.weight_hh_l0.mul_(0.5 if halve else 1)
        packed = list(count)
        expected.load_state_dict(layer.state_dict())
        upstream = torch.randn(2, 3, 9)
        for found, known in zip(*(run(each, x, zeros, upstream) for each in (layer, expected)), strict=True):
            torch.testing.assert_close(found, known)
        assert not halve or count == packed
    other = Recurrent("lstm", 7, 9, backend="compiled")
    expected.load_state_dict(other.state_dict())
    torch.testing.assert_close(other(x)[0], expected(x)[0])


@pytest.fixture
def deterministic(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Torch's switch is on, and small work is shared among threads too."""
    monkeypatch.setattr(loop, "SMALL_WORK", 0)
    monkeypatch.setattr(loop, "WORTH_MEETING", 0)
    threads = torch.get_num_threads()
    torch.use_deterministic_algorithms(True)
    yield
    torch.use_deterministic_algorithms(False)
    torch.set_num_threads(threads)


def test_torchs_switch_is_read_at_every_call() -> None:
    key = key_of(make("gru", 3, 5))
    assert not engine(key, torch.float32).compiled.deterministic
    torch.use_deterministic_algorithms(True)
    try:
        assert engine(key, torch.float32).compiled.deterministic
    finally:
        torch.use_deterministic_algorithms(False)
    assert not engine(key, torch.float32).compiled.deterministic


def run(layer: Recurrent, inputs: Tensor, state: dict[str, Tensor], upstream: Tensor, **cut: Any) -> list[Tensor]:
    """Outputs, final state, and the gradients of inputs and first state."""
    leaves = [value.clone().requires_grad_() for value in (inputs, *state.values())]
    outputs, last = layer(leaves[0], dict(zip(state, leaves[1:], strict=True)), **cut)
    loss = (outputs * upstream).sum() + sum(value.sum() for value in last.values())
    return [outputs.detach(), *last.values(), *torch.autograd.grad(loss, leaves)]


LAYERS: list[dict[str, Any]] = [{"cell": "lstm", "bidirectional": True}, {"cell": "gru", "num_layers": 2}]
DRAWS = 1000


@pytest.mark.parametrize("options", LAYERS, ids=str)
@pytest.mark.usefixtures("deterministic")
def test_a_row_is_the_same_bits_in_any_company(options: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """1,000 draws of a batch and one of its rows, which is run alone, by one thread and without padding."""
    layer = Recurrent(**options, input_size=6, hidden_size=19, learn_initial_state=True, backend="compiled")
    torch.nn.init.normal_(layer.get_parameter("initial_hidden_l0"))
    rng = random.Random(0)
    for _ in range(DRAWS // len(LAYERS)):
        batch, time = rng.randint(1, 12), rng.randint(1, 7)
        inputs, upstream = torch.randn(batch, time, 6), torch.randn(batch, time, layer.output_size)
        state = {name: torch.randn(batch, size) for name, size in layer.state_sizes.items()}
        lengths, resets = torch.randint(1, time + 1, (batch,)), torch.rand(batch, time) < 0.15
        row = rng.randrange(batch)
        own, steps = slice(row, row + 1), int(lengths[row])
        inputs[torch.arange(time) >= lengths[:, None]] = torch.nan  # of the padding
        torch.set_num_threads(rng.choice([1] * 14 + [2, 3]))
        monkeypatch.setattr(loop, "LARGE_WEIGHTS", rng.choice([0, 10**9]))  # threads share every row, or have their own
        together = run(layer, inputs, state, upstream, lengths=lengths, resets=resets)
        torch.set_num_threads(1)
        own_state = {name: value[own] for name, value in state.items()}
        alone = run(layer, inputs[own, :steps], own_state, upstream[own, :steps], resets=resets[own, :steps])
        for one, other in zip(together, alone, strict=True):
            assert torch.equal(one[own, :steps] if one.dim() == 3 else one[own], other)
