"""Rooms that promise to work without torch really do, seen from a fresh process."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

import labelled_examples
import small_models
from elman.tasks import Classifier

HEAVY = {"torch", "lightning_fabric"}
LEFT_WING = [
    "errors",
    "settings",
    "system",
    "timing",
    "cells",
    "codecs",
    "decoding",
    "metrics",
    "plots",
    "compiler",
    "shapes",
    "runtime",
    "serving",
    "watch",
]


def modules_after(statement: str) -> set[str]:
    """What a fresh interpreter has loaded once it has run ``statement``."""
    code = f"{statement}\nimport json, sys; print(json.dumps([*sys.modules]))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout))


def heavy_modules_after(statement: str) -> set[str]:
    """Which of ``HEAVY`` it has loaded."""
    return HEAVY & modules_after(statement)


def test_importing_elman_loads_neither_torch_nor_llvm() -> None:
    assert not modules_after("import elman") & {*HEAVY, "llvmlite", "numpy"}


def test_the_left_wing_loads_no_torch() -> None:
    every_module = "import elman, importlib, pkgutil"
    for room in LEFT_WING:
        assert importlib.util.find_spec(f"elman.{room}"), f"elman.{room} is gone: mend LEFT_WING"
        every_module += f"\nroom = importlib.import_module('elman.{room}')"
        every_module += "\nfor m in pkgutil.walk_packages(getattr(room, '__path__', []), room.__name__ + '.'): "
        every_module += "importlib.import_module(m.name)"
    assert heavy_modules_after(every_module) == set()


@pytest.mark.parametrize("backend", ["compiled", "reference"])
def test_a_saved_model_runs_without_torch(backend: str, tmp_path: Path) -> None:
    folder = small_models.bundle(tmp_path / "model")
    loaded = heavy_modules_after(f"""
import elman
model = elman.load({str(folder)!r})
model.generate("The same", 20)
model.next("The")
model.score("The same input")
stream = model.stream(backend={backend!r})
stream.push("The same")
stream.push_symbol(3)
assert stream.engine.backend == {backend!r}
""")
    assert loaded == set()


def test_a_saved_model_of_labels_runs_without_torch(tmp_path: Path) -> None:
    known = labelled_examples.texts(20)
    Classifier(steps=1, hidden_size=4, bidirectional=False, bag=True).fit_examples(known).save(tmp_path / "model")
    loaded = heavy_modules_after(f"""
import elman
model = elman.load({str(tmp_path / "model")!r})
model.predict(["a fine film"])
model.evaluate(["a fine film", "a dull one"], ["good", "bad"])
stream = model.stream()
stream.push("a fine ")
stream.flush()
""")
    assert loaded == set()


def test_a_model_is_watched_without_torch(tmp_path: Path) -> None:
    folder = small_models.bundle(tmp_path / "model")
    loaded = heavy_modules_after(f"""
import signal
from pathlib import Path
from elman.serving import Session
from elman.serving.protocol import Edit
from elman.watch import read, watch
watch([Path({str(folder)!r})], port=0, ready=lambda address: signal.raise_signal(signal.SIGINT))
session = Session(read([Path({str(folder)!r})]))
session.receive(Edit(turn=1, keep=0, add="The same"))
while session.behind:
    session.advance()
""")
    assert loaded == set()


@pytest.mark.parametrize("statement", ["import torch", "import elman.nn"])
def test_the_check_itself_sees_torch(statement: str) -> None:
    assert "torch" in heavy_modules_after(statement)
