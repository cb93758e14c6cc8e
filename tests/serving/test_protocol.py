"""The messages, byte by byte."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from elman.errors import DataError
from elman.serving.protocol import (
    Column,
    Columns,
    Cut,
    Edit,
    ModelCard,
    Models,
    Refused,
    Write,
    Wrote,
    encode,
    parse,
    turn_of,
)  # fmt: skip

REQUESTS = [
    (b'{"type": "edit", "turn": 3, "keep": 12, "add": "the"}', Edit(3, 12, "the")),
    (b'{"type":"edit","turn":0,"keep":0,"add":"na\\u00efve \\ud83d\\ude00\\n"}', Edit(0, 0, "naïve 😀\n")),
    ('{"type": "edit", "turn": 1, "keep": 0, "add": "é"}'.encode(), Edit(1, 0, "é")),
    (b'{"type": "write", "turn": 4, "temperature": 0.8}', Write(4, 0.8)),
    (b'{"type": "write", "turn": 4, "temperature": 0}', Write(4, 0.0)),
]

#: A message that is none, and what the answer to it must say.
WRONG = [
    (b"", "must be JSON"),
    (b"edit", "must be JSON"),
    (b"\xff\xfe\xff", "must be JSON"),
    (b"[" * 100_000, "must be JSON"),
    (b"[1]", "a JSON object, found list"),
    (b"{}", "'edit' or 'write', found nothing"),
    (b'{"type": "delete"}', "'edit' or 'write', found 'delete'"),
    (b'{"type": "edit", "turn": 1, "keep": -1, "add": ""}', "'keep' must be a whole number from 0 on, found -1"),
    (b'{"type": "edit", "turn": 1, "keep": 1.5, "add": ""}', "'keep' must be a whole number"),
    (b'{"type": "edit", "turn": true, "keep": 1, "add": ""}', "'turn' must be a whole number from 0 on, found True"),
    (b'{"type": "edit", "turn": 1, "keep": 1}', "'add' must be a text, found nothing"),
    (b'{"type": "edit", "turn": 1, "keep": 1, "add": [1]}', "'add' must be a text"),
    (b'{"type": "write", "turn": 1, "temperature": NaN}', "'temperature' must be a number from 0 to 100"),
    (b'{"type": "write", "turn": 1, "temperature": "warm"}', "'temperature' must be a number from 0 to 100"),
]

REPLIES = [
    (Cut(1, 12), '{"type": "cut", "model": 1, "symbols": 12}'),
    (Wrote(4, "é"), '{"type": "wrote", "turn": 4, "text": "\\u00e9"}'),
    (Refused(4, "No."), '{"type": "refused", "turn": 4, "reason": "No."}'),
    (
        Models([ModelCard("book", "lstm, 2 units", {"hidden_l0": 2}, [("e", 0.51239)])], 9),
        '{"type": "models", "limit": 9, "models": [{"name": "book", "summary": "lstm, 2 units", '
        '"states": {"hidden_l0": 2}, "guess": [["e", 0.5124]]}]}',
    ),
    (
        Columns(0, 7, [Column("q", 8, 3.14159, "e", [("u", 0.9)], np.ones(1), {"hidden_l0": np.array([1.0, -2.0])})]),
        '{"type": "columns", "model": 0, "first": 7, "columns": [{"symbol": "q", "end": 8, "bits": 3.142, '
        '"instead": "e", "guess": [["u", 0.9]], "left": "AACAPw==", "state": {"hidden_l0": "AACAPwAAAMA="}}]}',
    ),
]  # fmt: skip


@pytest.mark.parametrize(("message", "request_"), REQUESTS)
def test_what_a_page_says(message: bytes, request_: object) -> None:
    assert parse(message) == request_
    assert parse(message.decode()) == request_


@pytest.mark.parametrize(("message", "sentence"), WRONG)
def test_what_is_no_message_is_refused_in_a_sentence(message: bytes, sentence: str) -> None:
    with pytest.raises(DataError, match=sentence):
        parse(message)


@pytest.mark.parametrize(("reply", "text"), REPLIES)
def test_what_a_session_says(reply: object, text: str) -> None:
    assert encode(reply) == text  # type: ignore[arg-type]


@given(st.binary() | st.recursive(st.none() | st.booleans() | st.floats() | st.text(), st.lists).map(json.dumps))
def test_nothing_but_a_data_error_leaves(message: bytes | str) -> None:
    assert turn_of(message) == 0
    with pytest.raises(DataError):
        parse(message)


def test_a_refused_message_is_answered_by_its_turn() -> None:
    assert turn_of(b'{"type": "write", "turn": 7, "temperature": -1}') == 7
    assert turn_of(b'{"turn": "seven"}') == 0
