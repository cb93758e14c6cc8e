"""From a cell's equations to fast code: `graph` (what a step is), `trace` (cell -> graph), `adjoint` (its gradient)."""

from __future__ import annotations

from elman.compiler.adjoint import Adjoint, ParameterGradient, adjoint
from elman.compiler.graph import OPS, Builder, Graph, Node
from elman.compiler.trace import Symbol, SymbolOps, trace

__all__ = [
    "OPS",
    "Adjoint",
    "Builder",
    "Graph",
    "Node",
    "ParameterGradient",
    "Symbol",
    "SymbolOps",
    "adjoint",
    "trace",
]
