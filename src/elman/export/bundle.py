"""Writing a model folder, whole or not at all; `elman.runtime.bundle` describes and reads it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy

from elman import system
from elman.export.card import model_card
from elman.runtime.backends import Array
from elman.runtime.bundle import FORMAT, VERSION
from elman.runtime.model import Model


def write_bundle(
    folder: str | Path,
    *,
    task: str,
    model: Model,
    settings: Mapping[str, Any],
    metrics: Mapping[str, Any],
    sample: Mapping[str, Any],
) -> None:
    """Write a model folder that `Bundle.read` accepts.

    Every file is first written beside the folder's own files and moved into place only when all are complete,
    so an interruption or a full disk leaves the earlier model, or none, never half of one.

    Args:
        folder: Where; made if it does not exist. Files that are not part of a bundle are left alone.
        task: Name of the task, such as ``language-model``.
        model: With its weights; it saves its own files.
        settings: The effective settings, as plain values.
        metrics: Figures for ``metrics.json`` and the model card.
        sample: What `Model.record` makes of some input: whatever loads the model must agree with it.

    Raises:
        SaveError: The disk is full, or the folder cannot be written to.
    """
    tensors = {name: np.ascontiguousarray(value, np.float32) for name, value in model.tensors.items()}
    config = {
        "format": FORMAT,
        "version": VERSION,
        "elman": metadata.version("elman"),
        "task": task,
        **model.to_config(),
        "settings": dict(settings),
        "versions": {name: metadata.version(name) for name in ("numpy", "safetensors", "torch")},
    }
    with system.replacing_files(Path(folder)) as draft:
        model.save(draft)
        # Not save_file, which makes a file that only its owner may read.
        (draft / "model.safetensors").write_bytes(safetensors.numpy.save(tensors, {"format": FORMAT}))
        _write_json(draft / "metrics.json", metrics)
        _write_json(draft / "sample.json", sample)
        (draft / "README.md").write_text(model_card(config, metrics, _count(tensors)), encoding="utf-8")
        _write_json(draft / "config.json", config)


def _count(tensors: Mapping[str, Array]) -> int:
    return sum(value.size for value in tensors.values())


def _write_json(path: Path, values: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(values, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
