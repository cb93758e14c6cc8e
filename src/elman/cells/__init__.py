"""Recurrent cells, each one file of equations; no torch in here.

>>> import numpy as np
>>> cell = make("gru", input_size=3, hidden_size=4)
>>> params = initialise(cell, np.random.default_rng(0))
>>> state = cell.step(NumpyOps(), np.ones((2, 3)), {"hidden": np.zeros((2, 4))}, params)
>>> state["hidden"].shape
(2, 4)
"""

from __future__ import annotations

import dataclasses
from typing import Any

from elman.cells.antisymmetric import AntisymmetricCell
from elman.cells.cell import Cell, Parameter
from elman.cells.cfc import CfCCell
from elman.cells.clockwork import ClockworkCell
from elman.cells.fastgrnn import FastGRNNCell
from elman.cells.gated_delta import GatedDeltaCell
from elman.cells.gru import GRUCell
from elman.cells.gru_before import GRUBeforeCell
from elman.cells.gru_layer_norm import GRULayerNormCell
from elman.cells.hgrn import HGRNCell
from elman.cells.indrnn import IndRNNCell
from elman.cells.initial import initialise
from elman.cells.irnn import IRNNCell
from elman.cells.jordan import JordanCell
from elman.cells.li_gru import LiGRUCell
from elman.cells.lru import LRUCell
from elman.cells.lstm import LSTMCell
from elman.cells.lstm_batch_norm import LSTMBatchNormCell
from elman.cells.lstm_coupled import LSTMCoupledCell
from elman.cells.lstm_layer_norm import LSTMLayerNormCell
from elman.cells.lstm_peephole import LSTMPeepholeCell
from elman.cells.mgu import MGUCell
from elman.cells.mingru import MinGRUCell
from elman.cells.minlstm import MinLSTMCell
from elman.cells.mlstm import MLSTMCell
from elman.cells.ops import Array, NumpyOps, Ops
from elman.cells.phased_lstm import PhasedLSTMCell
from elman.cells.qrnn import QRNNCell
from elman.cells.rg_lru import RGLRUCell
from elman.cells.rnn import ReluRNNCell, RNNCell
from elman.cells.rwkv7 import RWKV7Cell
from elman.cells.slstm import SLSTMCell
from elman.cells.sru import SRUCell
from elman.cells.ugrnn import UGRNNCell
from elman.errors import SettingsError, nearest

__all__ = ["CELLS", "Array", "Cell", "NumpyOps", "Ops", "Parameter", "find", "initialise", "make"]

#: Every cell by its name.
CELLS: dict[str, type[Cell]] = {
    cell.name: cell
    for cell in (
        RNNCell,
        ReluRNNCell,
        IRNNCell,
        JordanCell,
        LSTMCell,
        LSTMPeepholeCell,
        LSTMCoupledCell,
        LSTMLayerNormCell,
        LSTMBatchNormCell,
        GRUCell,
        GRUBeforeCell,
        GRULayerNormCell,
        MGUCell,
        LiGRUCell,
        UGRNNCell,
        IndRNNCell,
        AntisymmetricCell,
        FastGRNNCell,
        ClockworkCell,
        PhasedLSTMCell,
        CfCCell,
        SRUCell,
        QRNNCell,
        MinGRUCell,
        MinLSTMCell,
        HGRNCell,
        LRUCell,
        RGLRUCell,
        SLSTMCell,
        MLSTMCell,
        GatedDeltaCell,
        RWKV7Cell,
    )
}


def make(name: str, input_size: int, hidden_size: int, **options: Any) -> Cell:
    """Make a cell by name; ``options`` are the cell's own fields, such as ``bias`` or ``projection_size``.

    Raises `SettingsError` for an unknown cell or option.

    >>> make("lstm", 3, 8, projection_size=2).state_sizes
    {'hidden': 2, 'cell': 8}
    """
    kind = find(name)
    known = [field.name for field in dataclasses.fields(kind)]
    for option in options:
        if option not in known:
            raise SettingsError(f"Cell {name} has no option '{option}'.{nearest(option, known)}")
    return kind(input_size, hidden_size, **options)


def find(name: str) -> type[Cell]:
    """The class of a cell by its name. Raises `SettingsError` for an unknown one.

    >>> find("gru").gates
    ('reset', 'update', 'candidate')
    """
    if name not in CELLS:
        raise SettingsError(f"There is no cell '{name}', only {', '.join(CELLS)}.{nearest(name, CELLS)}")
    return CELLS[name]
