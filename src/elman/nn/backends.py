"""Which implementation runs a cell, and why."""

from __future__ import annotations

import functools
import logging
import sys
from typing import Any, NamedTuple

import torch
from torch import Tensor

from elman.cells import Cell
from elman.cells.dense import DenseCell
from elman.compiler import trace
from elman.errors import BackendError, UsageError, nearest
from elman.nn.constant import constant_result
from elman.nn.engine import PRECISIONS
from elman.nn.kernels import KERNELS

BACKENDS = ("auto", "compiled", "torch", "reference")

_logger = logging.getLogger("elman")


class Choice(NamedTuple):
    """The backend that runs, and the reason in a sentence."""

    backend: str
    reason: str

    def __str__(self) -> str:
        return f"{self.backend}: {self.reason}"


class Circumstances(NamedTuple):
    """What a choice depends on beside the cell.

    Attributes:
        device: Type of the device, ``"cpu"`` or another.
        dtype: Of the weights.
        autocast: Whether torch's autocast is on.
        all_states: Whether every state at every step is wanted.
        translated: Whether the layer is read by TorchScript or for ONNX, which know torch's own operators only.
    """

    device: str = "cpu"
    dtype: torch.dtype = torch.float32
    autocast: bool = False
    all_states: bool = False
    translated: bool = False

    @classmethod
    def of(cls, weight: Tensor, *, all_states: bool = False) -> Circumstances:
        """Those of a layer with this weight, here and now."""
        device = weight.device.type
        return cls(device, weight.dtype, torch.is_autocast_enabled(device), all_states, _is_translated())


@constant_result
def _is_translated() -> bool:
    # Who exports to ONNX has loaded that part of torch.
    onnx = sys.modules.get("torch.onnx")
    return torch._C._is_tracing() or (onnx is not None and onnx.is_in_onnx_export())


#: What holds if nothing else is said.
USUAL = Circumstances()


def choose(cell: Cell, backend: str = "auto", circumstances: Circumstances = USUAL) -> Choice:
    """Say which backend runs ``cell`` and why.

    - ``compiled``: machine code for the CPU, made of the cell's equations; all options of the time loop, float32 and
      float64. Under autocast it computes in the precision of the weights. What torch asks for beyond first gradients
      (gradients of gradients, forward mode, the transforms of ``torch.func`` such as ``vmap``) it computes by the
      reference loop: right, and slow.
    - ``torch``: torch's kernels, for the cells that they know.
    - ``reference``: a plain loop over `Cell.step`.
    - ``auto``: what `preferred` says; where that is neither the compiled engine nor torch's kernel, it is logged once.

    Raises `BackendError` for an unknown backend and for one that was asked for by name and cannot run.

    >>> from elman.cells import make
    >>> print(choose(make("lstm", 3, 4)))
    compiled: machine code for this CPU, made of the equations of the cell lstm.
    """
    if backend not in BACKENDS:
        raise BackendError(f"There is no backend '{backend}', only {', '.join(BACKENDS)}.{nearest(backend, BACKENDS)}")
    return _choose(cell, backend, circumstances)


# A matter of types and settings, never of values: torch.compile need not look inside.
@constant_result
def name_chosen(cell: Cell, backend: str, *circumstances: Any) -> str:
    """The name of the backend that `choose` picks."""
    return choose(cell, backend, Circumstances(*circumstances)).backend


def preferred(circumstances: Circumstances) -> tuple[str, ...]:
    """The rule of ``auto``: the backends in the order in which they are tried."""
    # bfloat16 products are what autocast is for, and torch's kernels have them.
    return ("torch", "compiled", "reference") if circumstances.autocast else ("compiled", "torch", "reference")


@functools.cache
def _choose(cell: Cell, backend: str, circumstances: Circumstances) -> Choice:
    obstacles = []
    for candidate in preferred(circumstances) if backend == "auto" else (backend,):
        obstacle = _OBSTACLES[candidate](cell, circumstances)
        if obstacle:
            obstacles.append(obstacle)
        elif candidate == "reference" and backend == "auto":
            choice = Choice("reference", " ".join(obstacles))
            _tell_once(choice)
            return choice
        else:
            return Choice(candidate, _REASONS[candidate].format(cell=cell.name))
    raise BackendError(
        f"The backend '{backend}' cannot run this layer: {' '.join(obstacles)} Use backend 'reference' or 'auto'."
    )


@functools.cache
def _tell_once(choice: Choice) -> None:
    _logger.warning("backend auto takes %s", choice)


_REASONS = {
    "compiled": "machine code for this CPU, made of the equations of the cell {cell}.",
    "torch": "torch has a kernel for the cell {cell}.",
    "reference": "asked for by name; it loops over the cell's equations.",
}


def _against_compiled(cell: Cell, circumstances: Circumstances) -> str:
    if circumstances.device != "cpu":
        return f"the compiled engine runs on the CPU, not on {circumstances.device}."
    if circumstances.dtype not in PRECISIONS:
        return f"the compiled engine computes in float32 and float64, not in {circumstances.dtype}."
    if circumstances.translated:
        return "TorchScript and ONNX do not know the operator of the compiled engine."
    try:
        trace(cell)
    except (UsageError, TypeError) as error:
        return f"the cell {cell.name} cannot be compiled: {error}"
    return ""


def _against_torch(cell: Cell, circumstances: Circumstances) -> str:
    if type(cell) not in KERNELS:
        return f"torch has no kernel for the cell {cell.name}."
    if isinstance(cell, DenseCell) and cell.heads > 1:
        return f"torch's kernel for the cell {cell.name} knows no heads, and it has {cell.heads}."
    if circumstances.all_states and list(cell.state_sizes) != ["hidden"]:
        return f"torch's kernel for the cell {cell.name} does not give every state at every step."
    return ""


def _against_reference(cell: Cell, circumstances: Circumstances) -> str:
    return ""


_OBSTACLES = {"compiled": _against_compiled, "torch": _against_torch, "reference": _against_reference}
