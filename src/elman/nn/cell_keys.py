"""Cells as strings, for operators of torch: graphs can hold a string and not a cell."""

from __future__ import annotations

import dataclasses
import importlib
import json
import threading
from typing import Any

from elman.cells import Cell
from elman.errors import BackendError
from elman.nn.constant import constant_result

_HOME = "elman.cells."

_cells: dict[str, Cell] = {}
_keys: dict[Cell, str] = {}
_parameters: dict[Cell, tuple[str, ...]] = {}
_lock = threading.Lock()


@constant_result
def key_of(cell: Cell) -> str:
    """The string that stands for ``cell``.

    It describes a cell of Elman completely. A cell of your own is known by it in a process that has asked for it.

    >>> from elman.cells import make
    >>> key_of(make("gru", 3, 5))
    '{"type": "gru.GRUCell", "input_size": 3, "hidden_size": 5, "bias": true, "heads": 1}'
    """
    key = _keys.get(cell)
    if key is None:
        with _lock:
            key = _keys.setdefault(cell, json.dumps(_described(cell)) if _is_ours(cell) else _free_name(cell))
            _cells[key] = cell
    return key


@constant_result
def parameter_names(cell: Cell) -> tuple[str, ...]:
    """The names of a cell's parameters, in its order."""
    names = _parameters.get(cell)
    if names is None:
        names = _parameters[cell] = tuple(cell.parameters())
    return names


def cell_of(key: str) -> Cell:
    """The cell that a string of `key_of` stands for.

    Raises `BackendError` for a cell that is not Elman's and that this process has not made a layer of.
    """
    cell = _cells.get(key)
    if cell is None:
        if not key.startswith("{"):
            raise BackendError(
                f"This graph runs the cell {key}, which is not one of Elman's and not known here: "
                "make a layer of it in this process first."
            )
        cell = _cells[key] = _made(json.loads(key))
    return cell


def _is_ours(cell: Cell) -> bool:
    inner = (getattr(cell, field.name) for field in _fields(cell))
    return type(cell).__module__.startswith(_HOME) and all(_is_ours(c) for c in inner if isinstance(c, Cell))


def _fields(cell: Cell) -> list[dataclasses.Field[Any]]:
    return [field for field in dataclasses.fields(cell) if field.init]


def _described(cell: Cell) -> dict[str, Any]:
    values = {field.name: getattr(cell, field.name) for field in _fields(cell)}
    name = f"{type(cell).__module__.removeprefix(_HOME)}.{type(cell).__qualname__}"
    return {"type": name} | {n: _described(v) if isinstance(v, Cell) else v for n, v in values.items()}


def _made(description: dict[str, Any]) -> Cell:
    module, _, name = description.pop("type").rpartition(".")
    values = {
        # A cell is hashable, so its lists are tuples, which JSON does not have.
        n: _made(v) if isinstance(v, dict) else tuple(v) if isinstance(v, list) else v
        for n, v in description.items()
    }
    cell: Cell = getattr(importlib.import_module(_HOME + module), name)(**values)
    return cell


def _free_name(cell: Cell) -> str:
    """A name that no other cell has: one that was defined again is another cell."""
    name = key = f"{type(cell).__module__}.{cell!r}"
    number = 1
    while key in _cells:
        number += 1
        key = f"{name} #{number}"
    return key
