"""A layer as an ONNX file, run live: one step at a time, the state handed from step to step.

Run it with:  python examples/stream_onnx.py
It needs:     pip install 'elman[export]'
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnxruntime
import torch

from elman.export import to_onnx
from elman.nn import Recurrent


def stream(file: Path, steps: np.ndarray) -> Iterator[np.ndarray]:
    """Outputs (output_size,) of a file for steps (time, input_size) that come one by one."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # or it warns of every input that may be left out
    session = onnxruntime.InferenceSession(file, options)
    states = session.get_modelmeta().custom_metadata_map["states"].split()
    state: dict[str, np.ndarray] = {}  # left out at first: the file knows the state of a new sequence
    for step in steps:
        outputs, *after = session.run(None, {"inputs": step[None, None], **state})
        state = dict(zip(states, after, strict=True))
        yield outputs[0, 0]


def main() -> float:
    """The largest difference between the stream and the layer on the whole sequence."""
    layer = Recurrent("mgu", input_size=4, hidden_size=16, num_layers=2)
    steps = np.random.default_rng(0).standard_normal((50, 4)).astype(np.float32)
    with tempfile.TemporaryDirectory() as folder:
        print(to_onnx(layer, Path(folder) / "layer.onnx"))
        live = np.stack(list(stream(Path(folder) / "layer.onnx", steps)))
    with torch.no_grad():
        whole, _ = layer(torch.from_numpy(steps)[None])
    difference = float(np.abs(live - whole[0].numpy()).max())
    print(f"50 steps one by one, against the whole sequence at once: off by {difference:.1g}")
    return difference


if __name__ == "__main__":
    main()
