from __future__ import annotations

import importlib
import sys

import numpy as np
import onnx
import pytest

import onnx_files
from elman.errors import ExportError
from elman.export.onnx import document as module
from elman.export.onnx.document import Document


def small() -> Document:
    """``2 x + 2`` of x (batch, 3)."""
    document = Document(np.dtype(np.float32))
    x = document.input("x", ("batch", 3), default=np.ones((1, 3), np.float32))
    two = document.weight(np.array([2.0]))
    document.output(document.add("Add", document.add("Mul", x, two), two), ("batch", 3), "y")
    return document


def test_what_was_put_together_runs_and_says_who_made_it() -> None:
    content = small().content("small", {"states": "none"})
    assert onnx_files.run(content, {"x": np.zeros((2, 3), np.float32)})["y"].tolist() == [[2] * 3] * 2
    assert onnx_files.run(content, {})["y"].tolist() == [[4] * 3], "an input with a default may be left out"
    found = onnx.load_from_string(content)
    assert {each.key for each in found.metadata_props} == {"elman", "states"}
    assert found.producer_name == "elman"


def test_equal_small_weights_are_kept_once_and_of_large_ones_the_same() -> None:
    document, large = Document(np.dtype(np.float32)), np.ones(100)
    assert document.weight(large) == document.weight(large)
    assert document.weight(np.ones(3)) == document.weight(np.ones(3))
    assert document.weight(np.ones(3)) != document.weight(np.ones((3, 1)))
    assert document.weight(np.ones(3)) != document.weight(np.ones(3, np.int64))
    assert document.weight(np.ones(100)) != document.weight(np.ones(100))


def test_names_and_weights_of_a_body_are_those_of_the_whole() -> None:
    document = Document(np.dtype(np.float64))
    body = Document(document.dtype, outer=document)
    assert document.add("Neg", "x") != body.add("Neg", "x")
    assert body.weight(np.ones(2)) == document.weight(np.ones(2))
    assert not body.graph("body").initializer


def test_weights_that_no_file_can_hold_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LARGEST_FILE", 10)
    with pytest.raises(ExportError, match="16 bytes; an ONNX file holds at most 10"):
        small().content("small", {})


def test_without_onnx_the_way_to_get_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    monkeypatch.delitem(sys.modules, "elman.export.onnx.document")
    with pytest.raises(ExportError, match=r"pip install 'elman\[export\]'"):
        importlib.import_module("elman.export.onnx.document")
