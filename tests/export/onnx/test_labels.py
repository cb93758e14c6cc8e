from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import label_networks
import onnx_files
import small_models
from elman.errors import ExportError
from elman.export import to_onnx, write_bundle
from elman.export.onnx.labels import Labels
from elman.export.onnx.parity import TOLERANCE
from elman.settings import ClassifierSettings, to_dict

NOT_EXPORTED = ("irregular time, convolved", "ctc", "ctc, both directions", "planes", "planes, both directions")
EXPORTED = {name: changes for name, changes in label_networks.SHAPES.items() if name not in NOT_EXPORTED}


def labels(**changes: Any) -> Labels:
    of = label_networks.shape(**changes)
    return Labels(of, label_networks.tensors(of))


@pytest.mark.parametrize("name", EXPORTED)
def test_the_file_gives_the_scores_of_the_network(name: str, tmp_path: Path) -> None:
    described = labels(**EXPORTED[name])
    (tmp_path / "file").write_bytes(described.content())
    assert described.check(tmp_path / "file") < TOLERANCE["float32"]


def test_lengths_may_be_left_out() -> None:
    described = labels()
    steps = label_networks.steps(described.shape, 7)
    found = onnx_files.run(described.content(), {"symbols": steps.values[None]})["scores"]
    expected = label_networks.engine().scores([steps])[0]
    np.testing.assert_allclose(found[0], expected, atol=TOLERANCE["float32"])


def test_another_network_is_found_out(tmp_path: Path) -> None:
    described = labels()
    (tmp_path / "file").write_bytes(described.content())
    other = Labels(described.shape, label_networks.tensors(described.shape, seed=1))
    with pytest.raises(ExportError, match="another result"):
        other.check(tmp_path / "file")


def test_a_model_and_its_folder_are_exported(tmp_path: Path) -> None:
    model, examples = label_networks.model(bidirectional=True)
    write_bundle(
        tmp_path / "model", task="classify", model=model, settings=to_dict(ClassifierSettings()),
        metrics=small_models.FIGURES, sample=model.record(examples.inputs[0]),
    )  # fmt: skip
    for one in (model, tmp_path / "model"):
        exported = to_onnx(one, tmp_path / "model.onnx")
        assert exported.difference is not None
        assert exported.difference < TOLERANCE["float32"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (label_networks.SHAPES["irregular time, convolved"], "cells that use elapsed time"),
        (label_networks.SHAPES["ctc"], "runs without torch"),
        (label_networks.SHAPES["planes"], "across features"),
        ({**label_networks.FRAMES, "encoder": 5}, "an encoder of one's own"),
    ],
)
def test_what_a_file_cannot_hold_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ExportError, match=message):
        labels(**changes).content()
