"""From a cell's equations to a plan for fast code.

`graph` says what a step is, `trace` makes one of a cell, `adjoint` derives its gradient, `schedule` says what is
computed when.
"""

from __future__ import annotations

from elman.compiler.adjoint import Adjoint, ParameterGradient, adjoint
from elman.compiler.graph import OPS, Builder, Graph, Node
from elman.compiler.schedule import Schedule, schedule_step, schedule_training
from elman.compiler.stages import Stage
from elman.compiler.trace import Symbol, SymbolOps, trace

__all__ = [
    "OPS",
    "Adjoint",
    "Builder",
    "Graph",
    "Node",
    "ParameterGradient",
    "Schedule",
    "Stage",
    "Symbol",
    "SymbolOps",
    "adjoint",
    "schedule_step",
    "schedule_training",
    "trace",
]
