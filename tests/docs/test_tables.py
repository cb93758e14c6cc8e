from __future__ import annotations

import json
import runpy
from pathlib import Path
from types import SimpleNamespace

import pytest

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
    assert page.startswith("before ")
    assert page.endswith(" after")


def test_equations_and_examples_become_markdown() -> None:
    pytest.importorskip("griffe")
    docstrings = SimpleNamespace(**runpy.run_path(str(TOOLS / "docstrings.py")))
    text = "Says :math:`h_{t-1}`.\n\n.. math::\n    c &= 1 \\\\\n    h &= \\tanh(c)\n\nThen.\n\n>>> 1 + 1\n2\n\nEnd."
    page = docstrings.as_markdown(text)
    assert "Says `h_t-1`." in page
    assert page.count("<svg") == 1
    assert ".. math::" not in page
    assert "```pycon\n>>> 1 + 1\n2\n```\n\nEnd." in page
