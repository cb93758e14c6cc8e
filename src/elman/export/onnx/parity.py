"""The proof that an ONNX file gives what the model gives, under ONNX Runtime."""

from __future__ import annotations

import contextlib
import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from elman.cells.cell import ELAPSED
from elman.errors import ExportError
from elman.export.onnx.document import Array
from elman.export.onnx.model import Model, State

#: Largest difference, where values are near 1: float32 sums in another order differ by about 1e-6, exchanged gates by
#: far more. In float64 ONNX Runtime keeps the factors of some products in float32.
TOLERANCE = {"float32": 1e-3, "float64": 1e-6}

#: Rows, and steps of the first and the second random piece: odd numbers show what is taken for something else.
ROWS, STEPS = 3, (7, 5)

#: Valid steps of the rows in the second piece.
LENGTHS = (5, 1, 3)

#: Height and width of random images.
IMAGE = (5, 6)

#: Severities of ONNX Runtime's messages from which on they are shown: errors. By nature it warns of every input that
#: may be left out.
ERRORS = 3


def installed() -> bool:
    """Whether ONNX Runtime is there."""
    return importlib.util.find_spec("onnxruntime") is not None


def check(file: Path, model: Model) -> float:
    """Run a file and the model on samples and random sequences; returns the largest difference.

    Differences are relative where values are above 1. Random sequences come in two pieces, the state carried from one
    to the other: the first as long for all rows and from a new sequence's state, the second of several lengths.

    Raises `ExportError` where they differ, and where ONNX Runtime refuses the file.
    """
    session = opened(file)
    rng = np.random.default_rng(0)
    worst = 0.0
    for sample in model.samples:
        worst = max(worst, _differences(model, session, sample, None, None, None)[0])
    state: State | None = None
    for steps, lengths in zip(STEPS, (None, np.array(LENGTHS)), strict=True):
        inputs, elapsed = _random_inputs(model, rng, steps), None
        if lengths is not None and ELAPSED in {each.name for each in session.get_overridable_initializers()}:
            elapsed = rng.uniform(0.5, 2, inputs.shape[:2]).astype(model.dtype)
        found, state = _differences(model, session, inputs, state, lengths, elapsed)
        worst = max(worst, found)
    if not worst <= TOLERANCE[model.dtype.name]:
        raise ExportError(
            f"The file gives under ONNX Runtime another result than the model (off by {worst:.3g}, at most "
            f"{TOLERANCE[model.dtype.name]:g} expected), so it was not kept. Please report this."
        )
    return worst


def opened(file: Path) -> Any:
    """A file in ONNX Runtime. Raises `ExportError` where that refuses it."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = ERRORS
    options.intra_op_num_threads = 1
    with refusing():
        return onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])


@contextlib.contextmanager
def refusing() -> Iterator[None]:
    """Errors of ONNX Runtime as `ExportError`."""
    try:
        yield
    except Exception as error:  # ONNX Runtime's errors have no base of their own
        raise ExportError(f"ONNX Runtime refuses the file, so it was not kept. Please report this: {error}") from error


def _random_inputs(model: Model, rng: np.random.Generator, steps: int) -> Array:
    if model.symbols:
        return rng.integers(0, model.part.input_size, (ROWS, steps))
    sizes = (ROWS, steps, model.part.input_size, *(IMAGE if model.part.images else ()))
    return rng.standard_normal(sizes).astype(model.dtype)


def _differences(
    model: Model,
    session: Any,
    inputs: Array,
    state: State | None,
    lengths: Array | None,
    elapsed: Array | None,
) -> tuple[float, State]:
    """The largest difference of outputs and states, and the model's states after the inputs."""
    given = {model.takes: inputs, **(state or {})}
    given |= {} if lengths is None else {"lengths": lengths}
    given |= {} if elapsed is None else {ELAPSED: elapsed}
    with refusing():
        found = dict(zip((each.name for each in session.get_outputs()), session.run(None, given), strict=True))
    outputs, after = _row_by_row(model, inputs, state, lengths, elapsed)
    expected = {model.gives: outputs}
    expected |= {f"{name}_after": value for name, value in after.items()}
    return max(difference(found[name], value) for name, value in expected.items()), after


def _row_by_row(
    model: Model,
    inputs: Array,
    state: State | None,
    lengths: Array | None,
    elapsed: Array | None,
) -> tuple[Array, State]:
    """What the model gives where every row stands alone, so that there is nothing to mask."""
    outputs = np.zeros((*inputs.shape[:2], model.part.output_size, *inputs.shape[3:]), model.dtype)
    rows = []
    for row in range(len(inputs)):
        one, steps = slice(row, row + 1), slice(None if lengths is None else int(lengths[row]))
        before = None if state is None else {name: value[one] for name, value in state.items()}
        outputs[one, steps], after = model.run(
            inputs[one, steps], before, None if elapsed is None else elapsed[one, steps]
        )
        rows.append(after)
    return outputs, {name: np.concatenate([after[name] for after in rows]) for name in rows[0]}


def difference(found: Array, expected: Array) -> float:
    """The largest, relative to expected values above 1; infinite where the shapes differ or one is no number."""
    if found.shape != expected.shape:
        return float("inf")
    with np.errstate(invalid="ignore"):
        largest = float((np.abs(found - expected) / np.maximum(1, np.abs(expected))).max())
    return largest if np.isfinite(largest) else float("inf")
