"""MkDocs hook: the excerpts of compiler.md, which follow the LSTM through the compiler, made by running it.

Machine code is made for processors with AVX-512, on whatever machine the pages are built.
"""

from __future__ import annotations

import functools
import inspect
import re
import textwrap
from collections.abc import Callable
from typing import Any

from elman.cells import Cell, make
from elman.compiler import graph as rules
from elman.compiler.explain import CellPlan, formula
from elman.compiler.graph import OPS, Graph, Id
from elman.compiler.kernel import Kernel
from elman.compiler.machine import KINDS, Host, assembly
from elman.compiler.tile import Group, Target

#: The layer that the page follows.
INPUTS, UNITS = 128, 256

#: The functions of its one stage, as the compiler calls them.
PRODUCTS, ELEMENTWISE = "stage_1_group_1_products_1", "stage_1_group_1"


@functools.cache
def plan() -> CellPlan:
    """The layer's step and gradient, scheduled."""
    return CellPlan.of(make("lstm", INPUTS, UNITS))


@functools.cache
def kernel() -> Kernel:
    """Its forward loop for AVX-512."""
    needed, vector_bytes = KINDS["avx512"]
    features = ",".join([*(f"+{feature}" for feature in needed), "-prefer-256-bit"])
    host = Host("x86_64-unknown-linux-gnu", features, vector_bytes)
    return Kernel(plan().forward, Target("float32", host), reverse=False)


def group() -> Group:
    """What the loop's one stage computes together."""
    ((found,),) = kernel().stages
    return found


def tile() -> tuple[int, int]:
    """Rows and vectors of sums in the largest tile."""
    rows = group().shapes(kernel().target).rows[1]
    return rows, rows * len(group().products)


def fenced(text: str, language: str) -> str:
    """A code block."""
    return f"```{language}\n{text}\n```"


def equations() -> str:
    """The cell's own lines, without the projection, which this layer does not have."""
    cell: Cell = plan().cell
    source = textwrap.dedent(inspect.getsource(cell.step))
    source = re.sub(r' *""".*"""\n', "", source)
    return fenced(re.sub(r" *if self\.projection_size:\n.*\n", "", source).rstrip(), "python")


def listing(graph: Graph, places: list[Id]) -> str:
    """Nodes as formulas."""
    lines = [f"{f'%{place}':<5}{graph.nodes[place].width:>5}   {formula(graph, place)}" for place in places]
    return fenced("\n".join(lines), "text")


def computed(graph: Graph) -> list[Id]:
    """Nodes that are not leaves."""
    return [place for place, node in enumerate(graph.nodes) if OPS[node.op].kind != "leaf"]


def step() -> str:
    """The traced graph."""
    return listing(plan().step, computed(plan().step))


def rule() -> str:
    """One derivative rule."""
    return fenced(inspect.getsource(rules._tanh).rstrip(), "python")


def gradient() -> str:
    """The nodes that the adjoint adds."""
    graph = plan().backward.graph
    return listing(graph, [place for place in computed(graph) if place >= len(plan().step.nodes)])


def schedule() -> str:
    """Which nodes are computed when."""
    rows = []
    for title, direction in (("forward", plan().forward), ("backward", plan().backward)):
        phases = {
            "before the loop": direction.hoisted,
            **{
                f"at every step{f', stage {number}' if len(direction.stages) > 1 else ''}": list(stage.nodes)
                for number, stage in enumerate(direction.stages, 1)
            },
            "after the loop": direction.deferred,
        }  # fmt: skip
        rows += [(title, phase, spans(sorted(places))) for phase, places in phases.items() if places]
    shares = [f"%{share.grad}" for share in plan().parameters if share.operand is not None]
    rows.append(("backward", "after the loop", f"gradients of the matrices, from {' and '.join(sorted(set(shares)))}"))
    lines = ["| Direction | When | Nodes |", "| --- | --- | --- |"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


def spans(places: list[Id]) -> str:
    """Places in a row as first to last."""
    found: list[list[Id]] = []
    for place in places:
        if found and place == found[-1][-1] + 1:
            found[-1].append(place)
        else:
            found.append([place])
    return ", ".join(f"%{span[0]}" + (f" to %{span[-1]}" if len(span) > 1 else "") for span in found)


def kept() -> str:
    """The nodes that are kept for the gradient."""
    return ", ".join(f"`{formula(plan().step, place)}`" for place in plan().forward.saved)


def work() -> str:
    """How much there is to do."""
    return fenced(plan().work(), "text")


def llvm() -> str:
    """The products of one row with one block of units: the smallest tile, as the compiler writes it."""
    start = kernel_text().index(f'@"{PRODUCTS}"')
    blocks = re.findall(r"^(repeat[.\d]*:\n.*?)^repeated", kernel_text()[start:], re.MULTILINE | re.DOTALL)
    count = len(group().products)
    smallest = next(block for block in blocks if block.count("llvm.fmuladd") == count and block.count("insertel") == 1)
    # The same number in every lane, and names, are written shorter than LLVM's printer does it.
    same = re.sub(r"<(?:(?:float|i32) +(0x0|0|undef)(?:, )?)+>", r"(\1 everywhere)", smallest)
    return fenced(re.sub(r'([%@])"\.?([^"]*)"', r"\1\2", same).rstrip(), "llvm")


@functools.cache
def kernel_text() -> str:
    """LLVM's text of the loop."""
    return kernel().text()


@functools.cache
def loops(function: str) -> list[list[str]]:
    """The innermost loops of a function in machine code: a label, and instructions up to the jump back to it."""
    text = assembly(kernel_text(), kernel().target.host)
    body = text[text.index(f"{function}:") :]
    body = body[: body.index(".size")]
    found = re.findall(r"^(\.L\w+):[^\n]*\n((?:\t[^\n]*\n)+?\tj\w+\t\1)$", body, re.MULTILINE)
    return [
        [f"{label}:", *(line for line in inner.split("\n") if line.strip()[0] not in "#.")] for label, inner in found
    ]


def hot_loop() -> list[str]:
    """The products of the largest tile."""
    return max(loops(PRODUCTS), key=lambda loop: sum("vfmadd" in line for line in loop))


def machine_code() -> str:
    """The hot loop."""
    label, *instructions = hot_loop()
    parts = [re.sub(r"\s+#.*", "", line).split(None, 1) for line in instructions]
    return fenced("\n".join([label, *(f"    {name:<14}{operands}" for name, operands in parts)]), "asm")


def counts() -> str:
    """What is in the hot loop."""
    text, lanes = "\n".join(hot_loop()), kernel().target.lanes
    instructions, multiply_adds = len(hot_loop()) - 1, text.count("vfmadd231ps")
    loads = len(re.findall(r"^\tv(?:broadcast|mov)\w+\t.*\(.*\), %zmm", text, re.MULTILINE))
    return (
        f"{instructions} instructions: {multiply_adds} multiply-adds of {lanes} numbers each, {loads} loads, and "
        f"{instructions - multiply_adds - loads} to count the steps of the loop"
    )


def elementwise_count() -> str:
    """Instructions of the elementwise loop."""
    return str(max(map(len, loops(ELEMENTWISE))) - 1)


#: What stands in the page as ``<!-- lstm: NAME -->`` -> what takes its place.
EXCERPTS: dict[str, Callable[[], str]] = {
    "equations": equations,
    "step": step,
    "rule": rule,
    "gradient": gradient,
    "schedule": schedule,
    "kept": kept,
    "work": work,
    "llvm": llvm,
    "machine code": machine_code,
    "counts": counts,
    "elementwise count": elementwise_count,
    "cell after": lambda: f"`%{plan().step.outputs['cell after']}`",
    "gates": lambda: f"`%{next(share.grad for share in plan().parameters if share.operand is not None)}`",
    "counter": lambda: f"`{re.findall(r'%[0-9]+', llvm())[0]}`",
    "cycles": lambda: str(tile()[1] // 2),
    "inputs": lambda: str(INPUTS),
    "units": lambda: str(UNITS),
    "rows": lambda: str(tile()[0]),
    "sums": lambda: str(tile()[1]),
    "lines": lambda: f"{len(kernel_text().splitlines()):,}",
}


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Called by MkDocs for every page."""
    return re.sub(r"<!-- lstm: ([a-z ]+) -->", lambda found: EXCERPTS[found[1]](), markdown)
