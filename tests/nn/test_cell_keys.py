from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest

from contracts.cells import ROWS, Row
from elman.cells import Cell, make
from elman.cells.modifiers import Zoneout
from elman.nn import cell_keys
from elman.nn.cell_keys import cell_of, key_of


@pytest.fixture
def another_process(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Forget all cells, when told to."""
    return lambda: [monkeypatch.setattr(cell_keys, name, {}) for name in ("_cells", "_keys")]


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_a_key_is_enough_to_make_a_cell_of_the_package(row: Row, another_process: Any) -> None:
    key = key_of(row.make())
    another_process()
    assert cell_of(key) == row.make()
    assert key_of(row.make()) == key
    assert json.loads(key)["type"].split(".")[1] == type(row.make()).__name__


def of_ones_own() -> type[Cell]:
    """A cell that somebody wrote, anew at every call."""

    @dataclass(frozen=True)
    class Mine(Cell):
        name: ClassVar[str] = "mine"
        gates: ClassVar[tuple[str, ...]] = ("hidden",)

        def step(self, ops: Any, x: Any, state: Any, params: Any) -> dict[str, Any]:
            raise NotImplementedError

    return Mine


def test_cells_of_your_own_are_known_where_they_were_seen() -> None:
    kind = of_ones_own()
    for cell in (kind(3, 5), kind(3, 6), Zoneout(kind(3, 5), ("hidden",))):
        assert cell_of(key_of(cell)) is cell
        assert key_of(cell) == key_of(cell)


def test_a_class_that_is_defined_again_is_another_cell() -> None:
    """As when a notebook's cell is edited and run again, while layers of the old one live."""
    first, second = of_ones_own()(3, 5), of_ones_own()(3, 5)
    assert repr(first) == repr(second)
    assert key_of(first) != key_of(second)
    assert cell_of(key_of(first)) is first
    assert cell_of(key_of(second)) is second


def test_equal_cells_have_one_key() -> None:
    assert key_of(make("lstm", 3, 5)) == key_of(make("lstm", 3, 5, bias=True))
    assert key_of(make("lstm", 3, 5)) != key_of(make("lstm", 3, 5, bias=False))
