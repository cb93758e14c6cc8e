from __future__ import annotations

import logging

import pytest

from elman.cells import make
from elman.errors import BackendError
from elman.nn import backends, choose


@pytest.mark.parametrize("name", ["rnn", "rnn_relu", "lstm", "gru"])
def test_auto_takes_torchs_kernel_where_there_is_one(name: str) -> None:
    assert str(choose(make(name, 3, 4))) == f"torch: torch has a kernel for the cell {name}."


def test_reference_runs_everything() -> None:
    assert choose(make("lstm", 3, 4), "reference", all_states=True).backend == "reference"


def test_every_state_is_torchs_where_the_output_is_the_only_state() -> None:
    assert choose(make("gru", 3, 4), all_states=True).backend == "torch"
    assert choose(make("lstm", 3, 4), all_states=True).backend == "reference"


def test_a_named_backend_never_falls_back() -> None:
    with pytest.raises(BackendError) as caught:
        choose(make("gru_before", 3, 4), "torch")
    assert str(caught.value) == (
        "The backend 'torch' cannot run this layer: torch has no kernel for the cell gru_before. "
        "Use backend 'reference' or 'auto'."
    )
    with pytest.raises(BackendError, match=r"does not give every state at every step. Use backend"):
        choose(make("lstm", 3, 4), "torch", all_states=True)


def test_auto_says_once_that_it_falls_back(caplog: pytest.LogCaptureFixture) -> None:
    backends._tell_once.cache_clear()
    with caplog.at_level(logging.WARNING, "elman"):
        for _ in range(3):
            choose(make("gru_before", 3, 4))
    assert caplog.messages == ["backend auto takes reference: torch has no kernel for the cell gru_before."]
