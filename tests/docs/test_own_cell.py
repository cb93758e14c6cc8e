"""What the page on cells of one's own shows works, and the messages that it quotes are those that come."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from elman.cells import Cell
from elman.compiler import trace

PAGE = (Path(__file__).parents[2] / "docs" / "own-cell.md").read_text(encoding="utf-8")
MESSAGES = re.findall(r"^\| `(.+?)`.* \| (.+) \|$", PAGE[PAGE.index("## Messages") :], re.MULTILINE)


@dataclass(frozen=True)
class Faulty(Cell):
    """A cell whose new state is what an expression of the page gives."""

    name = "faulty"
    gates = ("new",)
    expression: str = ""

    def step(self, ops: Any, x: Any, state: Any, params: Any) -> dict[str, Any]:
        scope = {"torch": torch, "np": np, "ops": ops, "x": x, "h": state["hidden"], "params": params}
        return {"hidden": eval(self.expression, scope)}


def test_all_code_of_the_page_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    code = "\n".join(re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL))
    scope: dict[str, Any] = {"__name__": "own_cell"}
    exec(compile(code, "own-cell.md", "exec", dont_inherit=True), scope)
    why, exported = capsys.readouterr().out.splitlines()
    assert f"print(layer.why())  # {why}" in code
    assert exported.startswith("layer.onnx: gives under ONNX Runtime what the model gives, to ")
    assert (scope["first"].shape, scope["later"].shape) == ((3, 64), (1, 64))


def test_weights_that_travelled_give_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    scope: dict[str, Any] = {"__name__": "own_cell"}
    for block in blocks[:4]:
        exec(compile(block, "own-cell.md", "exec", dont_inherit=True), scope)
    steps = np.concatenate([np.zeros((3, 8)), np.ones((1, 8))])
    assert np.array_equal(scope["stream"].push(steps), np.concatenate([scope["first"], scope["later"]]))


def test_the_page_quotes_messages() -> None:
    assert len(MESSAGES) == PAGE[PAGE.index("| What is said |") :].count("\n| `") > 5


@pytest.mark.parametrize(("expression", "message"), MESSAGES)
def test_messages_are_those_of_the_page(expression: str, message: str) -> None:
    with pytest.raises(Exception, match=re.escape(message)):
        trace(Faulty(3, 4, expression=expression))
