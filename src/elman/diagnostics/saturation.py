"""Gates and units that are stuck at their bounds, and how large the recurrent weights are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

import torch
from torch import Tensor

from elman.cells import Cell
from elman.compiler import trace
from elman.compiler.graph import OPS, Graph, Id
from elman.diagnostics import words
from elman.diagnostics.layers import LayerSteps, layers_of
from elman.diagnostics.trajectory import Trajectory
from elman.nn.subject import Subject
from elman.plots import style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: A gate (sigmoid) is shut below the first and open above the second, as in Karpathy, Johnson & Fei-Fei 2015; a unit
#: (tanh) is saturated where its derivative, 1 - tanh^2, is below a tenth.
SHUT, OPEN, SATURATED_UNIT = 0.1, 0.9, 0.9**0.5

#: The operations that are looked at -> what their results are called.
_KINDS = {"sigmoid": "gate", "tanh": "unit", "relu": "relu"}

#: Share of the steps at which something must be saturated to be called stuck.
STUCK = 0.95


@final
@dataclass(frozen=True)
class Function:
    """The values of one gate or one bounded function of a layer, over all steps.

    Attributes:
        kind: ``gate`` (sigmoid), ``unit`` (tanh) or ``relu``.
        low: (units,) share of the steps at which each is shut, near -1, or zero.
        high: (units,) share of the steps at which each is open or near +1; zero for relu, which has no upper bound.
    """

    kind: str
    low: Tensor
    high: Tensor

    @property
    def stuck(self) -> Tensor:
        """(units,) whether each is saturated at nearly all steps, and passes hardly any gradient."""
        return self.low + self.high >= STUCK


@final
@dataclass(frozen=True)
class Saturation:
    """What is saturated in a model, layer by layer.

    Attributes:
        title: Of the model.
        functions: ``layer 1 forget`` and so on -> what is known of that gate or unit.
        clipped: Name of a state -> share of its values that lie at the bound of ``clip``; empty without one.
        radii: Name of a square block of recurrent weights, as ``layer 1 forget`` -> its spectral radius.
    """

    title: str
    functions: Mapping[str, Function]
    clipped: Mapping[str, float]
    radii: Mapping[str, float]

    @property
    def gates(self) -> float:
        """The share of all values of gates that is shut or open; 0 without gates."""
        return self._share("gate")

    @property
    def units(self) -> float:
        """The share of all values of tanh near its bounds, and of relu that is zero; 0 without any."""
        return self._share("unit", "relu")

    @property
    def stuck(self) -> int:
        """How many gates and units are stuck."""
        return sum(int(function.stuck.sum()) for function in self.functions.values())

    def _share(self, *kinds: str) -> float:
        found = [f.low + f.high for f in self.functions.values() if f.kind in kinds]
        return float(torch.cat(found).mean()) if found else 0.0

    def __str__(self) -> str:
        count = sum(len(function.low) for function in self.functions.values())
        text = f"{self.title}: {self.gates:.0%} of the values of gates and {self.units:.0%} of those of units are "
        text += f"saturated; {self.stuck} of {count} gates and units are stuck, at {STUCK:.0%} of the steps or more."
        for name, share in self.clipped.items():
            text += f" {share:.0%} of {name} is clipped."
        if self.radii:
            largest = max(self.radii, key=lambda name: self.radii[name])
            text += f" The largest spectral radius of recurrent weights is {self.radii[largest]:.3g}, of {largest}."
        return text

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "title": self.title,
            "gates": self.gates,
            "units": self.units,
            "stuck": self.stuck,
            "functions": {
                name: {
                    "kind": function.kind,
                    "low": words.plain_list(function.low.tolist()),
                    "high": words.plain_list(function.high.tolist()),
                    "stuck": function.stuck.nonzero().flatten().tolist(),
                }
                for name, function in self.functions.items()
            },
            "clipped": dict(self.clipped),
            "spectral_radii": dict(self.radii),
        }

    def plot(self) -> Figure:
        """Every unit of every gate by how often it is shut and how often open (after Karpathy et al. 2015)."""
        from matplotlib.figure import Figure

        with style.context():
            columns = min(max(len(self.functions), 1), 4)
            rows = -(-max(len(self.functions), 1) // columns)
            figure = Figure(figsize=(0.6 + 2.3 * columns, 0.5 + 2.4 * rows), layout="constrained")
            panels = list(figure.subplots(rows, columns, squeeze=False).flat)
            for axes, (name, function) in zip(panels, self.functions.items(), strict=False):
                _draw(axes, name, function)
            for axes in panels[len(self.functions) :]:
                axes.set_axis_off()
            return figure


def _draw(axes: Any, name: str, function: Function) -> None:
    """One dot for every unit of a function; the diagonal is where it is never in between."""
    for is_stuck, colour in ((False, style.COLOURS[0]), (True, style.COLOURS[1])):
        shown = function.stuck == is_stuck
        axes.plot(function.low[shown], function.high[shown], "o", color=colour, markersize=4, alpha=0.5, mew=0)
    axes.plot([0, 1], [1, 0], color=style.MUTED, linewidth=0.8)
    axes.set(xlim=(-0.04, 1.04), ylim=(-0.04, 1.04), aspect="equal")
    stuck = int(function.stuck.sum())
    axes.set_title(f"{name}, {stuck} stuck" if stuck else name, fontsize=10)
    low, high = {"gate": ("shut", "open"), "unit": ("near -1", "near +1"), "relu": ("zero", "")}[function.kind]
    axes.set_xlabel(f"share of steps {low}")
    axes.set_ylabel(f"share of steps {high}" if high else "")


def saturation(subject: Subject) -> Saturation:
    """Look at every sigmoid, tanh and relu in the steps of all layers, and at the recurrent weights.

    A gate that is always shut or open, and a unit at its bounds, hand hardly any gradient on. Functions are called by
    the block of the weights or the state that they are applied to, as ``forget`` or ``cell``.
    """
    way = Trajectory(subject)
    functions: dict[str, Function] = {}
    clipped, radii = {}, {}
    for number, layer in enumerate(layers_of(way), 1):
        for name, function in _functions(layer):
            functions[f"layer {number} {name}"] = function
        bound = way.layers.step_options.clip
        if bound is not None:
            for name, values in layer.after.items():
                clipped[name + layer.ending] = float((values.abs() >= bound).double().mean())
        for name, radius in _radii(layer):
            radii[f"layer {number} {name}"] = radius
    return Saturation(subject.title, functions, clipped, radii)


def _functions(layer: LayerSteps) -> Iterator[tuple[str, Function]]:
    """The bounded functions in a layer's step, by their names, in the order in which they are computed."""
    graph = trace(layer.cell)
    users = graph.users()
    given = {**layer.params, **layer.before, "x": layer.inputs}
    values = graph.evaluate({name: value.numpy() for name, value in given.items()})
    moving = graph.after([*graph.leaves("input").values(), *graph.leaves("state").values()])
    taken: dict[str, int] = {}
    for place in sorted(moving):
        node = graph.nodes[place]
        # Where a relu shares its operand it is a part of a smooth function, such as softplus.
        if node.op not in _KINDS or (node.op == "relu" and len(users[node.operands[0]]) > 1):
            continue
        value = torch.from_numpy(values[place]).expand(len(layer.inputs), -1)
        low, high = _saturated(node.op, value)
        name = _name(layer.cell, graph, place)
        taken[name] = taken.get(name, 0) + 1
        label = name if taken[name] == 1 else f"{name} {taken[name]}"
        yield label, Function(_KINDS[node.op], low.double().mean(0), high.double().mean(0))


def _saturated(op: str, value: Tensor) -> tuple[Tensor, Tensor]:
    """Where the values of a function are at its lower and at its upper bound."""
    if op == "sigmoid":
        return value < SHUT, value > OPEN
    if op == "tanh":
        return value < -SATURATED_UNIT, value > SATURATED_UNIT
    return value <= 0, torch.zeros_like(value, dtype=torch.bool)


def _name(cell: Cell, graph: Graph, place: Id) -> str:
    """The gate block or the state that a function is applied to; the function's own name where it is not one alone."""
    states = {place: name.removesuffix(" after") for name, place in graph.outputs.items()}
    found, waiting = set(), list(graph.nodes[place].operands)
    if waiting[0] in states:
        return states[waiting[0]]
    if len(cell.gates) == 1:
        return cell.gates[0]
    while waiting:
        node = graph.nodes[waiting.pop()]
        if node.op == "part" and node.part[1] == len(cell.gates):
            found.add(node.part[0])
        elif node.op == "linear":
            waiting.append(node.operands[1])
        elif OPS[node.op].kind == "elementwise" and node.op not in _KINDS:
            waiting += node.operands
    return cell.gates[found.pop()] if len(found) == 1 else graph.nodes[place].op


def _radii(layer: LayerSteps) -> Iterator[tuple[str, float]]:
    """The spectral radius of every square block of the recurrent weights; heads are blocks of their own."""
    for name, parameter in layer.cell.parameters().items():
        if parameter.kind != "recurrent" or len(parameter.shape) != 2:
            continue
        for block, rows in zip(parameter.blocks, layer.params[name].chunk(len(parameter.blocks)), strict=True):
            if rows.shape[0] == rows.shape[1]:
                label = block if block.partition(" ")[0] in layer.cell.gates else f"{name} {block}"
                yield label, float(torch.linalg.eigvals(rows).abs().max())
