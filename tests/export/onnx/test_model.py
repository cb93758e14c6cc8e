from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest

import elman
import onnx_files
import small_models
from elman.export import to_onnx
from tolerances import FLOAT32_RECURRENCE, FLOAT32_STEP


@pytest.mark.parametrize("changes", [{}, {"tie_weights": False, "learn_initial_state": False, "cell": "mgu"}])
def test_a_file_streams_as_the_model_does(changes: dict[str, object], tmp_path: Path) -> None:
    """Symbol by symbol, the state handed from step to step, from the learnt first state on."""
    folder = small_models.bundle(tmp_path / "model", **changes)
    to_onnx(folder, tmp_path / "model.onnx")
    session = onnx_files.open_file(tmp_path / "model.onnx")
    model = elman.load(folder)
    names = session.get_modelmeta().custom_metadata_map["states"].split()
    stream, state = model.stream(), {}
    for symbol in model.codec.encode("The same input")[:6]:
        expected = stream.push_symbol(int(symbol))
        logits, *after = session.run(None, {"symbols": np.array([[symbol]]), **state})
        state = dict(zip(names, after, strict=True))
        np.testing.assert_allclose(logits[0, 0], expected, **FLOAT32_STEP)


def test_a_loaded_model_and_its_folder_make_the_same_file(tmp_path: Path) -> None:
    folder = small_models.bundle(tmp_path / "model")
    for name, model in {"one": folder, "other": elman.load(folder)}.items():
        to_onnx(model, tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()


def test_a_tied_matrix_stands_in_the_file_once(tmp_path: Path) -> None:
    sizes = {}
    for tied in (True, False):
        folder = small_models.bundle(tmp_path / f"{tied}", tie_weights=tied)
        to_onnx(folder, tmp_path / "model.onnx")
        weights = onnx.load(tmp_path / "model.onnx").graph.initializer
        sizes[tied] = sum(weight.dims[0] == len(elman.load(folder).codec) for weight in weights)
    assert sizes == {True: 2, False: 3}, "embedding, softmax and its bias"


def test_symbols_have_no_time_between_them(tmp_path: Path) -> None:
    assert (
        to_onnx(small_models.bundle(tmp_path / "model", cell="cfc"), tmp_path / "model.onnx").difference
        < FLOAT32_RECURRENCE
    )
    assert "elapsed" not in {each.name for each in onnx.load(tmp_path / "model.onnx").graph.input}


def test_inputs_and_outputs_are_described(tmp_path: Path) -> None:
    to_onnx(small_models.bundle(tmp_path / "model"), tmp_path / "model.onnx")
    graph = onnx.load(tmp_path / "model.onnx").graph
    states = [f"{name}_l{layer}" for layer in range(2) for name in ("hidden", "cell")]
    assert [each.name for each in graph.input] == ["symbols", *states, "lengths"]
    assert [each.name for each in graph.output] == ["logits", *(f"{name}_after" for name in states)]
    assert all(each.doc_string for each in [*graph.input, *graph.output])


def test_a_model_folder_is_exported_without_torch(tmp_path: Path) -> None:
    folder = small_models.bundle(tmp_path / "model")
    code = f"""
import sys
from elman.export import to_onnx
assert to_onnx({str(folder)!r}, {str(tmp_path / "m.onnx")!r}).difference is not None
assert "torch" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)
