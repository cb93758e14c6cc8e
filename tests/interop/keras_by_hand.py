"""Keras files put together by hand, as small as they can be."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np

INPUTS, UNITS = 2, 3
GATES = {"LSTM": 4, "GRU": 3, "SimpleRNN": 1}


def layer(kind: str = "LSTM", name: str = "layer", **options: Any) -> dict[str, Any]:
    """A layer's entry in a model's configuration."""
    return {"class_name": kind, "config": {"name": name, "units": UNITS, **options}}


def arrays(kind: str = "LSTM", seed: int = 0) -> list[np.ndarray]:
    """Kernel, recurrent kernel and bias."""
    columns = GATES[kind] * UNITS
    shapes = [(INPUTS, columns), (UNITS, columns), (columns,)]
    return [np.random.default_rng(seed).standard_normal(shape).astype(np.float32) for shape in shapes]


def model(*layers: dict[str, Any]) -> dict[str, Any]:
    """A model's configuration."""
    return {"class_name": "Sequential", "config": {"name": "sequential", "layers": list(layers)}}


def weights(groups: dict[str, list[np.ndarray]]) -> bytes:
    """An HDF5 file with the arrays of a ``.keras`` file, by the group of each cell."""
    data = io.BytesIO()
    with h5py.File(data, "w") as file:
        for group, values in groups.items():
            for index, value in enumerate(values):
                file[f"{group}/vars/{index}"] = value
    return data.getvalue()


def write(path: Path, config: Any, data: bytes, version: str = "3.4.0") -> Path:
    """A ``.keras`` file."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", config if isinstance(config, str) else json.dumps(config))
        archive.writestr("metadata.json", json.dumps({"keras_version": version}))
        archive.writestr("model.weights.h5", data)
    return path


def write_h5(path: Path, config: Any, groups: dict[str, dict[str, np.ndarray]], version: str = "2.4.0") -> Path:
    """An ``.h5`` file: layer -> name of a weight -> array."""
    with h5py.File(path, "w") as file:
        file.attrs["keras_version"] = version
        file.attrs["model_config"] = json.dumps(config)
        for name, values in groups.items():
            group = file.create_group(f"model_weights/{name}")
            group.attrs["weight_names"] = [key.encode() for key in values]
            for key, value in values.items():
                group[key] = value
    return path
