"""Models as ONNX files: every cell, for any runtime that knows the standard.

A file takes a batch of any number of rows and steps, with the state as inputs and outputs, so that it runs whole
sequences and live streams alike. Where ONNX has an operator of a cell's equations (RNN, GRU, LSTM) the file has that
one; everything else is a Scan over the cell's step as it was traced (`elman.compiler.trace`).
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

import numpy as np

from elman import system
from elman.errors import ExportError
from elman.runtime.bundle import Bundle
from elman.runtime.engine import NetworkShape
from elman.runtime.label_model import LabelModel
from elman.runtime.text_model import TextModel

if TYPE_CHECKING:
    from elman.export.onnx.labels import Labels
    from elman.export.onnx.model import Model

__all__ = ["Exported", "to_onnx"]


@final
@dataclass(frozen=True)
class Exported:
    """A file that was written.

    Attributes:
        path: Where.
        difference: The largest between the file's results under ONNX Runtime and the model's, relative to values above
            1; None where ONNX Runtime is not installed and nothing could be compared.
    """

    path: Path
    difference: float | None

    def __str__(self) -> str:
        if self.difference is None:
            return (
                f"{self.path}: not checked, since ONNX Runtime is not installed. "
                "Get it with: pip install 'elman[export]'"
            )
        return f"{self.path}: gives under ONNX Runtime what the model gives, to {self.difference:.1g}."


def to_onnx(model: Any, path: str | Path) -> Exported:
    """Write a model as an ONNX file, whole or not at all, and prove that it gives what the model gives.

    Args:
        model: A layer of `elman.nn` (``Recurrent`` with any cell, your own too, ``RNN``, ``LSTM``, ``GRU``,
            ``ConvLSTM``, ``ConvGRU``, or ``Stack`` and ``Residual`` of ``Recurrent`` and torch's Linear and LayerNorm),
            a language model (`elman.LanguageModel`, or its network), a model of labels
            (`elman.runtime.label_model.LabelModel`), a `elman.runtime.Bundle`, or the folder of one.
            Without torch, a list of cells with their weights, as `elman.runtime.LayerStream` takes it.
        path: The file.

    The file computes what the model does in evaluation: no dropout, zoneout as its expectation, and exact activations.
    Weights in float32 or float64 keep their type. Its inputs are

    - ``inputs`` (batch, time, features), or ``symbols`` (batch, time) int64 of a language model;
    - the states, ``hidden_l0``, ``cell_l0``, ... (batch, size), which may be left out at the beginning of a sequence:
      they are zeros then, or the learnt initial state;
    - ``elapsed`` (batch, time) for cells that use the time between steps; 1 where it is left out;
    - ``lengths`` (batch,) int64, the valid steps of each row; all where it is left out.

    Its outputs are ``outputs`` (batch, time, features), or ``logits`` (batch, time, symbols), zero beyond a row's
    length, and the states after each row's last valid step, ``hidden_l0_after``, ... Of images all have two more axes,
    height and width, at the end.

    The file of a model of labels takes whole sequences: ``symbols`` (batch, time, fields) or ``inputs`` as its codec
    makes them, ``lengths``, ``elapsed`` and, where it has one, ``bag`` (batch, features). It gives ``scores``, (batch,
    answers) or (batch, time, labels), before the softmax; those of a CRF are its labels' at each step alone.

    Raises:
        ExportError: The package onnx is missing, the model cannot be exported, or the file gives another result than
            the model; then no file is left.
        BundleError: The folder is no complete model.
        DataError: Weights in a list do not fit their cell.
        SaveError: The disk is full, or the file cannot be written.

    >>> import tempfile
    >>> from elman.nn import Recurrent
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     exported = to_onnx(Recurrent("gru_layer_norm", 3, 5), f"{folder}/layer.onnx")
    >>> exported.path.name, exported.difference < 1e-5
    ('layer.onnx', True)
    """
    path = Path(path)
    described = _describe(model)
    from elman.export.onnx import parity
    from elman.export.onnx.labels import Labels

    content = described.content()
    difference: float | None = None

    def write(part: Path) -> None:
        nonlocal difference
        part.write_bytes(content)
        if parity.installed():
            difference = described.check(part) if isinstance(described, Labels) else parity.check(part, described)

    if path.is_dir():
        raise ExportError(f"{path}: is a folder; the name of a file is needed, such as {path / 'model.onnx'}.")
    system.write_atomically(path, write)
    return Exported(path, difference)


def _describe(model: Any) -> Model | Labels:
    """What of a model is exported; only a torch module needs torch."""
    from elman.export.onnx.labels import Labels
    from elman.export.onnx.model import of_cells, of_network

    if isinstance(model, (str, Path)):
        model = Bundle.read(model)
    if isinstance(getattr(model, "model", None), LabelModel):
        model = model.model
    if isinstance(model, LabelModel):
        return Labels(model.shape, model.tensors)
    if isinstance(model, (list, tuple)):
        return of_cells(model)
    if isinstance(model, Bundle):
        if not isinstance(model.model, TextModel):
            raise ExportError(f"A {model.model.called} cannot be exported: its folder runs without torch.")
        return of_network(model.model.shape, model.model.tensors, np.array(model.sample["symbols"], np.int64))
    if isinstance(getattr(model, "shape", None), NetworkShape):
        return of_network(model.shape, model.tensors)
    if "torch" in sys.modules:
        from torch import nn

        from elman.export.onnx.modules import of_module

        if isinstance(model, nn.Module):
            return of_module(model)
    raise ExportError(
        f"A {type(model).__name__} cannot be exported; what can is a layer of elman.nn, a language model, the "
        "folder of a model, a model of labels, or a list of cells with their weights."
    )
