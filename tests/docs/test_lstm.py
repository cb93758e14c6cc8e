"""The page that follows the LSTM through the compiler says what the compiler does."""

from __future__ import annotations

import re
import runpy
from pathlib import Path
from types import SimpleNamespace

import pytest

from elman.compiler.graph import OPS

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "compiler.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def lstm() -> SimpleNamespace:
    return SimpleNamespace(**runpy.run_path(str(DOCS / "tools" / "lstm.py")))


def test_the_page_shows_every_excerpt_and_no_other(lstm: SimpleNamespace) -> None:
    assert set(re.findall(r"<!-- lstm: ([^>]*) -->", PAGE)) == set(lstm.EXCERPTS)
    filled = lstm.on_page_markdown(PAGE)
    assert "<!--" not in filled
    assert all(make().strip() for make in lstm.EXCERPTS.values())
    assert lstm.on_page_markdown("<!-- options -->") == "<!-- options -->"


def test_the_graph_and_its_gradient_are_shown_whole(lstm: SimpleNamespace) -> None:
    plan = lstm.plan()
    for excerpt, graph, first in [
        (lstm.step(), plan.step, 0),
        (lstm.gradient(), plan.backward.graph, len(plan.step.nodes)),
    ]:
        shown = {int(place) for place in re.findall(r"^%(\d+) ", excerpt, re.MULTILINE)}
        nodes = enumerate(graph.nodes)
        assert shown == {place for place, node in nodes if place >= first and OPS[node.op].kind != "leaf"}


def test_the_equations_are_the_cells_own(lstm: SimpleNamespace) -> None:
    code = lstm.equations()
    assert len(code.splitlines()) == 9  # the signature, six lines, and two that fence them
    assert 'return {"hidden": hidden, "cell": cell}' in code


def test_every_node_has_its_time(lstm: SimpleNamespace) -> None:
    forward = [row for row in lstm.schedule().splitlines() if "forward" in row]
    assert forward == ["| forward | before the loop | %7 |", "| forward | at every step | %8 to %24 |"]
    assert lstm.kept().count("`") == 2 * len(lstm.plan().forward.saved)


def test_a_tile_is_as_large_as_the_page_says(lstm: SimpleNamespace) -> None:
    rows, sums = lstm.tile()
    code = lstm.machine_code()
    assert code.count("vfmadd231ps") == sums == 4 * rows
    assert code.count("vbroadcastss") == rows
    assert f": {sums} multiply-adds of 16 numbers each, " in lstm.counts()
    # "The four vectors of weights and the hidden values beside it" are all that is loaded.
    assert f" {rows + 4} loads" in lstm.counts()
    assert 100 < int(lstm.elementwise_count()) < 1000


def test_the_excerpt_of_llvm_is_one_whole_step_of_k(lstm: SimpleNamespace) -> None:
    lines = lstm.llvm().splitlines()
    assert sum("fmuladd" in line for line in lines) == 4
    assert lines[-2].strip().startswith("br ")
    assert max(map(len, lines)) <= 120
