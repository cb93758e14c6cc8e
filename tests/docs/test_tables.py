from __future__ import annotations

import json
import runpy
from pathlib import Path
from types import SimpleNamespace

import pytest

from elman import settings as settings_module
from elman.cells import CELLS, Cell
from elman.compiler.trace import OPERATIONS
from elman.settings import fields_of

TOOLS = Path(__file__).parents[2] / "docs" / "tools"


@pytest.fixture(scope="module")
def tables() -> SimpleNamespace:
    return SimpleNamespace(**runpy.run_path(str(TOOLS / "tables.py")))


def figure(**own: object) -> dict[str, object]:
    return {"name": "loss", "value": 1.6, "unit": "nats", "better": "lower", "goal": 1.66, "baseline": None} | own


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        ({}, True),
        ({"value": 1.7}, False),
        ({"value": 1.66}, True),
        ({"better": "higher"}, False),
        ({"goal": None}, None),
    ],
)
def test_reached(tables: SimpleNamespace, own: dict[str, object], expected: bool | None) -> None:
    assert tables.reached(figure(**own)) is expected


def test_results_show_misses_and_escape_bars(tables: SimpleNamespace, tmp_path: Path) -> None:
    result = {
        "command": "python -m benchmarks tiny",
        "commit": "0123456789abcdef",
        "machine": {"cpu": "some cpu", "cores": 2},
        "date": "2026-01-02",
        "seconds": 61.2,
        "figures": [figure(name="a|b", value=1.7), figure(value=12_345.6, goal=None, baseline={"torch": 1.5})],
    }
    (tmp_path / "tiny_shakespeare.json").write_text(json.dumps(result))
    page = tables.results(tmp_path)
    assert "## Tiny shakespeare" in page
    assert "| a\\|b | 1.7 nats | at most 1.66 | **no** |  |  |" in page
    assert "| loss | 12,346 nats |  |  | torch 1.5 |  |" in page
    assert "2026-01-02, 61 s, commit `0123456789ab`, on cpu some cpu, cores 2" in page


def test_no_results_is_a_sentence(tables: SimpleNamespace, tmp_path: Path) -> None:
    assert tables.results(tmp_path) == "No benchmark has been run yet.\n"


def test_every_option_is_listed(tables: SimpleNamespace) -> None:
    page = tables.on_page_markdown("before <!-- options --> after")
    assert "| `--max-time` | a time such as 20m or none | `none` |" in page
    tasks = [each for each in vars(settings_module).values() if hasattr(each, "training")]
    assert len(tasks) > 9
    for settings in tasks:
        assert all(f"`--{leaf.name.replace('_', '-')}`" in page for _, leaf, _ in fields_of(settings))
    assert page.startswith("before ")
    assert page.endswith(" after")


def test_every_cell_is_listed(tables: SimpleNamespace) -> None:
    page = tables.on_page_markdown("<!-- cells -->")
    rows = {row.split("`")[1]: row for row in page.splitlines()[2:] if row}
    assert list(rows) == list(CELLS)
    assert rows["lstm"] == (
        "| [`lstm`](api/cells.md#elman.cells.lstm.LSTMCell)<br>Long short-term memory, with or without a projection of "
        "the output (Hochreiter & Schmidhuber 1997) | hidden, cell | input, forget, candidate, output | 99,328 | "
        "`heads=1`<br>`projection_size=0` |"
    )


def test_every_operation_is_listed_as_it_is_called(tables: SimpleNamespace) -> None:
    page = tables.on_page_markdown("<!-- operations -->")
    assert "| `split(x, parts, axis=-1)` | Cut an axis into `parts` equal blocks. |" in page
    assert page.count("\n") == 2 + len(OPERATIONS)


@pytest.mark.parametrize("kind", CELLS.values(), ids=CELLS)
def test_every_cell_has_a_source_and_a_place_in_the_reference(tables: SimpleNamespace, kind: type[Cell]) -> None:
    assert tables.source(kind)[-4:].isdecimal()
    assert f"::: {kind.__module__}\n" in (TOOLS.parent / "api" / "cells.md").read_text()


def test_equations_and_examples_become_markdown() -> None:
    pytest.importorskip("griffe")
    docstrings = SimpleNamespace(**runpy.run_path(str(TOOLS / "docstrings.py")))
    text = "Says :math:`h_{t-1}`.\n\n.. math::\n    c &= 1 \\\\\n    h &= \\tanh(c)\n\nThen.\n\n>>> 1 + 1\n2\n\nEnd."
    page = docstrings.as_markdown(text)
    assert "Says `h_t-1`." in page
    assert page.count("<svg") == 1
    assert ".. math::" not in page
    assert "```pycon\n>>> 1 + 1\n2\n```\n\nEnd." in page
