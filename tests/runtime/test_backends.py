from __future__ import annotations

import logging
import sys
from typing import Any

import numpy as np
import pytest

import small_models
from elman.errors import BackendError
from elman.runtime import Engine, backends


@pytest.fixture
def without_llvm(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a machine where llvmlite cannot be loaded."""
    monkeypatch.setitem(sys.modules, "elman.compiler.streaming", None)
    backends._tell_once.cache_clear()


def engine(**options: Any) -> Engine:
    shape = small_models.shape(20)
    return Engine(shape, small_models.tensors(shape), **options)


def test_auto_compiles_where_that_can_be() -> None:
    assert engine().backend == "compiled"
    assert engine().explain() == "compiled: machine code for this processor, made of the cells' equations."


def test_a_backend_is_taken_by_name() -> None:
    assert engine(backend="compiled").backend == "compiled"
    assert engine(backend="reference").explain().startswith("reference: asked for by name")


@pytest.mark.usefixtures("without_llvm")
def test_auto_falls_back_and_says_so_once(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "elman"):
        assert [engine().backend for _ in range(2)] == ["reference"] * 2
    assert [record.getMessage() for record in caplog.records] == [
        "streams run on the reference, which is slow: llvmlite cannot be loaded (import of elman.compiler.streaming "
        "halted; None in sys.modules)."
    ]
    assert "llvmlite cannot be loaded" in engine().explain()


@pytest.mark.usefixtures("without_llvm")
@pytest.mark.parametrize("options", [{"backend": "compiled"}, {"precision": "bfloat16"}])
def test_what_was_asked_for_by_name_never_falls_back(options: dict[str, str]) -> None:
    with pytest.raises(BackendError, match=r"'compiled' cannot run here: llvmlite cannot be loaded .* Use backend"):
        engine(**options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"backend": "compile"}, "auto, compiled, reference, not with 'compile'. Did you mean 'compiled'?"),
        ({"precision": "float16"}, "float32, bfloat16, not with 'float16'"),
        ({"backend": "reference", "precision": "bfloat16"}, "'reference' runs in float32, not in bfloat16"),
    ],
)
def test_what_does_not_exist_is_named(options: dict[str, str], message: str) -> None:
    with pytest.raises(BackendError, match=message):
        engine(**options)


def test_both_give_the_last_results_alone() -> None:
    symbols = np.arange(18).reshape(2, 9)
    for backend in ("compiled", "reference"):
        of = engine(backend=backend)
        whole, state = of.read(symbols, of.initial_state(2))
        last, same = of.read(symbols, of.initial_state(2), last=True)
        np.testing.assert_array_equal(last, whole[:, -1:])
        assert all(np.array_equal(state[name], value) for name, value in same.items())
