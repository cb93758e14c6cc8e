from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest
import torch

import elman.nn
from elman.cells import CELLS, Cell, make
from elman.errors import BackendError
from elman.nn import backends, choose
from elman.nn.backends import Circumstances
from tolerances import FLOAT32_RECURRENCE

EVERY_STATE = Circumstances(all_states=True)


@dataclass(frozen=True)
class Untraceable(Cell):
    """What its step does depends on its values."""

    name: ClassVar[str] = "untraceable"
    gates: ClassVar[tuple[str, ...]] = ("hidden",)

    def step(self, ops: Any, x: Any, state: Any, params: Any) -> dict[str, Any]:
        hidden = ops.linear(x, params["weight_ih"]) + ops.linear(state["hidden"], params["weight_hh"])
        return {"hidden": hidden if hidden.sum() > 0 else -hidden}


@pytest.mark.parametrize("name", CELLS)
def test_auto_takes_the_compiled_engine_on_the_cpu(name: str) -> None:
    expected = f"compiled: machine code for this CPU, made of the equations of the cell {name}."
    assert str(choose(make(name, 3, 4))) == expected


@pytest.mark.parametrize(
    "elsewhere",
    [
        Circumstances("cuda"),
        Circumstances(dtype=torch.bfloat16),
        Circumstances(autocast=True),
        Circumstances(translated=True),
    ],
    ids=["device", "type", "autocast", "translated"],
)
def test_auto_takes_torchs_kernel_where_there_is_one(elsewhere: Circumstances) -> None:
    assert str(choose(make("gru", 3, 4), "auto", elsewhere)) == "torch: torch has a kernel for the cell gru."


def test_under_autocast_no_cell_falls_back_to_the_reference_that_can_be_compiled() -> None:
    assert choose(make("gru_before", 3, 4), "auto", Circumstances(autocast=True)).backend == "compiled"


def test_reference_runs_everything() -> None:
    for circumstances in (EVERY_STATE, Circumstances("cuda", torch.float16, autocast=True)):
        assert choose(Untraceable(3, 4), "reference", circumstances).backend == "reference"


def test_every_state_is_torchs_where_the_output_is_the_only_state() -> None:
    assert choose(make("gru", 3, 4), "torch", EVERY_STATE).backend == "torch"
    with pytest.raises(BackendError, match=r"does not give every state at every step. Use backend"):
        choose(make("lstm", 3, 4), "torch", EVERY_STATE)


def test_a_named_backend_never_falls_back() -> None:
    with pytest.raises(BackendError) as caught:
        choose(make("gru_before", 3, 4), "torch")
    assert str(caught.value) == (
        "The backend 'torch' cannot run this layer: torch has no kernel for the cell gru_before. "
        "Use backend 'reference' or 'auto'."
    )


WITHOUT_MACHINE_CODE = [
    (Circumstances("cuda"), "the compiled engine runs on the CPU, not on cuda."),
    (Circumstances(dtype=torch.float16), "the compiled engine computes in float32 and float64, not in torch.float16."),
    (Circumstances(translated=True), "TorchScript and ONNX do not know the operator of the compiled engine."),
]


@pytest.mark.parametrize(("circumstances", "reason"), WITHOUT_MACHINE_CODE, ids=["device", "type", "translated"])
def test_the_compiled_engine_says_what_it_cannot_run(circumstances: Circumstances, reason: str) -> None:
    with pytest.raises(BackendError, match=re.escape(f"The backend 'compiled' cannot run this layer: {reason} Use")):
        choose(make("gru", 3, 4), "compiled", circumstances)


def test_a_cell_that_cannot_be_traced_is_named_with_its_line() -> None:
    with pytest.raises(BackendError, match=r"the cell untraceable cannot be compiled: .*line \d+: if on a value"):
        choose(Untraceable(3, 4), "compiled")


def test_auto_says_once_that_it_falls_back(caplog: pytest.LogCaptureFixture) -> None:
    backends._tell_once.cache_clear()
    backends._choose.cache_clear()
    with caplog.at_level(logging.WARNING, "elman"):
        for _ in range(3):
            choose(make("gru_before", 3, 4), "auto", Circumstances("cuda"))
    assert caplog.messages == [
        "backend auto takes reference: the compiled engine runs on the CPU, not on cuda. "
        "torch has no kernel for the cell gru_before."
    ]


@pytest.mark.filterwarnings("ignore:.torch.jit.trace:DeprecationWarning", "ignore::torch.jit.TracerWarning")
def test_torchscript_reads_torchs_kernel() -> None:
    layer = elman.nn.GRU(3, 5)
    traced = torch.jit.trace(layer, torch.randn(7, 2, 3))
    inputs = torch.randn(4, 6, 3)
    expected = layer(inputs)[0]
    torch.testing.assert_close(traced(inputs)[0], expected, rtol=FLOAT32_RECURRENCE, atol=FLOAT32_RECURRENCE)
