"""What a page and a session say to each other: JSON texts, one message each. No sockets, no models.

The text is what both agree on. The page changes its end, the session reads it symbol by symbol with every model and
tells what each of them remembers. Places in the text count characters (code points) from 0.

    page     {"type": "edit", "turn": 3, "keep": 12, "add": "the"}    keep 12 characters, then these: the whole text
    page     {"type": "write", "turn": 4, "temperature": 0.8}         the first model shall add a piece of its own
    session  {"type": "models", "limit": ..., "models": [...]}        once, at the start
    session  {"type": "cut", "model": 0, "symbols": 12}               the first 12 symbols stay, all others go
    session  {"type": "columns", "model": 0, "first": 12, ...}        symbols read, and the model after each
    session  {"type": "wrote", "turn": 4, "text": "n"}                what the first model added
    session  {"type": "refused", "turn": 4, "reason": "..."}          a sentence; nothing has changed

``turn`` counts the page's messages: what the session wrote for an earlier turn than the page's last edit is void.
Many numbers travel as one string: float32, little-endian, in base64.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from elman.errors import DataError

Array = NDArray[np.float32]

#: Bytes of the longest message that a page may send.
LONGEST = 1 << 20


@dataclass(frozen=True)
class Edit:
    """The text is now its first ``keep`` characters, then ``add``."""

    turn: int
    keep: int
    add: str


@dataclass(frozen=True)
class Write:
    """The first model shall add a piece of text, drawn at this temperature."""

    turn: int
    temperature: float


Request: TypeAlias = Edit | Write

#: Symbols by name with their probabilities, the likeliest first.
Guess: TypeAlias = Sequence[tuple[str, float]]


@dataclass(frozen=True)
class ModelCard:
    """What a page has to know of a model.

    Attributes:
        name: Of its folder.
        summary: What it is made of.
        states: Name of each state -> its units that are sent.
        guess: What it expects before anything is read.
    """

    name: str
    summary: str
    states: Mapping[str, int]
    guess: Guess


@dataclass(frozen=True)
class Models:
    """The models of this session, and how many characters its text may have."""

    models: Sequence[ModelCard]
    limit: int


@dataclass(frozen=True)
class Cut:
    """Of a model's symbols only the first ones stay."""

    model: int
    symbols: int


@dataclass(frozen=True)
class Column:
    """A symbol, and a model after it.

    Attributes:
        symbol: Its name.
        end: The place in the text up to which it was read.
        bits: Surprise of the model about it, -log2 of the probability that it gave the symbol.
        instead: The symbol that `left` compares it with.
        guess: What the model expects next.
        left: How far the state is from where it would be, had another symbol stood in a place: in this one, in the one
            before, and so on, (symbols followed,).
        state: Name -> value, (units,).
    """

    symbol: str
    end: int
    bits: float
    instead: str
    guess: Guess
    left: Array
    state: Mapping[str, Array]


@dataclass(frozen=True)
class Columns:
    """Symbols read by a model, from the number ``first`` on."""

    model: int
    first: int
    columns: Sequence[Column]


@dataclass(frozen=True)
class Wrote:
    """The text has grown by a piece."""

    turn: int
    text: str


@dataclass(frozen=True)
class Refused:
    """A message had no effect, and why."""

    turn: int
    reason: str


Reply: TypeAlias = Models | Cut | Columns | Wrote | Refused


def parse(message: str | bytes) -> Request:
    """Read what a page says.

    Raises:
        DataError: It is not one of the messages above; the sentence says what was expected and found.

    >>> parse('{"type": "edit", "turn": 3, "keep": 12, "add": "the"}')
    Edit(turn=3, keep=12, add='the')
    """
    try:
        values = json.loads(message)
    except (ValueError, RecursionError):
        raise DataError("A message must be JSON.") from None
    if not isinstance(values, dict):
        raise DataError(f"A message must be a JSON object, found {type(values).__name__}.")
    kind = values.get("type")
    if kind == "edit":
        return Edit(_count(values, "turn"), _count(values, "keep"), _text(values, "add"))
    if kind == "write":
        return Write(_count(values, "turn"), _number(values, "temperature"))
    raise DataError(f"A message's type must be 'edit' or 'write', found {_shown(kind)}.")


def turn_of(message: str | bytes) -> int:
    """The turn of a message that `parse` may have refused; 0 where it has none."""
    try:
        return _count(json.loads(message), "turn")
    except (ValueError, RecursionError, AttributeError, DataError):
        return 0


def encode(reply: Reply) -> str:
    """What a session says, as a page reads it.

    >>> encode(Cut(0, 12))
    '{"type": "cut", "model": 0, "symbols": 12}'
    """
    match reply:
        case Models():
            cards = [
                {"name": card.name, "summary": card.summary, "states": dict(card.states), "guess": _rounded(card.guess)}
                for card in reply.models
            ]
            values: dict[str, Any] = {"type": "models", "limit": reply.limit, "models": cards}
        case Cut():
            values = {"type": "cut", "model": reply.model, "symbols": reply.symbols}
        case Columns():
            columns = [_column(column) for column in reply.columns]
            values = {"type": "columns", "model": reply.model, "first": reply.first, "columns": columns}
        case Wrote():
            values = {"type": "wrote", "turn": reply.turn, "text": reply.text}
        case Refused():
            values = {"type": "refused", "turn": reply.turn, "reason": reply.reason}
    return json.dumps(values)


def packed(numbers: Array) -> str:
    """Numbers as base64 of float32, little-endian.

    >>> packed(np.array([1.0, -2.0], np.float32))
    'AACAPwAAAMA='
    """
    return base64.b64encode(np.ascontiguousarray(numbers, "<f4").tobytes()).decode("ascii")


def _column(column: Column) -> dict[str, Any]:
    return {
        "symbol": column.symbol,
        "end": column.end,
        "bits": round(column.bits, 3),
        "instead": column.instead,
        "guess": _rounded(column.guess),
        "left": packed(column.left),
        "state": {name: packed(value) for name, value in column.state.items()},
    }


def _rounded(guess: Guess) -> list[list[str | float]]:
    return [[symbol, round(probability, 4)] for symbol, probability in guess]


def _count(values: Mapping[str, Any], name: str) -> int:
    value = values.get(name)
    if type(value) is not int or not 0 <= value < 2**53:
        raise DataError(f"'{name}' must be a whole number from 0 on, found {_shown(value)}.")
    return value


def _number(values: Mapping[str, Any], name: str) -> float:
    value = values.get(name)
    # NaN is in no range, and true and false are no numbers here.
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= 100:
        raise DataError(f"'{name}' must be a number from 0 to 100, found {_shown(value)}.")
    return float(value)


def _text(values: Mapping[str, Any], name: str) -> str:
    value = values.get(name)
    if not isinstance(value, str):
        raise DataError(f"'{name}' must be a text, found {_shown(value)}.")
    return value


def _shown(value: object) -> str:
    """A value for an error, not too long of it."""
    return "nothing" if value is None else repr(value)[:40]
