"""Writing a model folder, whole or not at all; `elman.runtime.bundle` describes and reads it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy
from numpy.typing import NDArray

from elman import system
from elman.codecs import TextCodec
from elman.export.card import model_card
from elman.runtime.backends import Array
from elman.runtime.bundle import FORMAT, VERSION
from elman.runtime.engine import Engine, NetworkShape

#: Symbols in the recorded sample: enough that every gate and layer has its say, few enough to check on each load.
SAMPLE_LENGTH = 16


def write_bundle(
    folder: str | Path,
    *,
    task: str,
    shape: NetworkShape,
    tensors: Mapping[str, Array],
    codec: TextCodec,
    settings: Mapping[str, Any],
    metrics: Mapping[str, Any],
    sample: NDArray[np.int64],
) -> None:
    """Write a model folder that `Bundle.read` accepts.

    Every file is first written beside the folder's own files and moved into place only when all are complete,
    so an interruption or a full disk leaves the earlier model, or none, never half of one.

    Args:
        folder: Where; made if it does not exist. Files that are not part of a bundle are left alone.
        task: Name of the task, such as ``language-model``.
        shape: What the network is made of.
        tensors: Its parameters, float32.
        codec: Text <-> symbols; saves its own vocabulary file.
        settings: The effective settings, as plain values.
        metrics: Figures for ``metrics.json`` and the model card.
        sample: Symbols, shape (n,), n >= 2, whose output is recorded; the first 16 are used.

    Raises:
        SaveError: The disk is full, or the folder cannot be written to.
    """
    tensors = {name: np.ascontiguousarray(value, np.float32) for name, value in tensors.items()}
    sample = sample[:SAMPLE_LENGTH]
    # What the equations themselves give: whatever loads the model must agree with them.
    recorded = Engine(shape, tensors, backend="reference").score(sample)
    config = {
        "format": FORMAT,
        "version": VERSION,
        "elman": metadata.version("elman"),
        "task": task,
        "network": shape.to_dict(),
        "codec": codec.to_config(),
        "settings": dict(settings),
        "versions": {name: metadata.version(name) for name in ("numpy", "safetensors", "torch")},
    }
    with system.replacing_files(Path(folder)) as draft:
        codec.save(draft)
        # Not save_file, which makes a file that only its owner may read.
        (draft / "model.safetensors").write_bytes(safetensors.numpy.save(tensors, {"format": FORMAT}))
        _write_json(draft / "metrics.json", metrics)
        _write_json(
            draft / "sample.json", {"symbols": sample.tolist(), "log_probabilities": [float(x) for x in recorded]}
        )
        (draft / "README.md").write_text(model_card(config, metrics, _count(tensors)), encoding="utf-8")
        _write_json(draft / "config.json", config)


def _count(tensors: Mapping[str, Array]) -> int:
    return sum(value.size for value in tensors.values())


def _write_json(path: Path, values: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(values, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
