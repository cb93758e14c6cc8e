"""The real server, over real sockets."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

import small_models
from watched import watching


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with watching(small_models.bundle(tmp_path_factory.mktemp("models") / "small")) as found:
        yield found


def visit(address: str, origin: str | None = None) -> ClientConnection:
    place = urlsplit(address).netloc
    return connect(f"ws://{place}/live", origin=origin or f"http://{place}", open_timeout=10)  # type: ignore[arg-type]


def get(address: str, host: str | None = None) -> Any:
    return urllib.request.urlopen(urllib.request.Request(address, headers={"Host": host} if host else {}), timeout=10)


def until(visitor: ClientConnection, kind: str) -> dict[str, Any]:
    while (message := json.loads(visitor.recv(timeout=10)))["type"] != kind:
        pass
    return message  # type: ignore[no-any-return]


def test_the_page_may_load_nothing_from_elsewhere(address: str) -> None:
    with get(address) as page:
        assert b"<!doctype html>" in page.read()
        assert page.headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert "unsafe" not in page.headers["Content-Security-Policy"]


def test_only_the_files_of_the_page_are_served(address: str) -> None:
    for path in ("nothing.js", "../__init__.py", "%2e%2e/__init__.py", "..%2f__init__.py"):
        with pytest.raises(urllib.error.HTTPError, match="404"):
            get(address + path)


def test_a_conversation(address: str) -> None:
    with visit(address) as visitor:
        assert until(visitor, "models")["models"][0]["name"] == "small"
        visitor.send('{"type": "edit", "turn": 1, "keep": 0, "add": "The"}')
        columns = until(visitor, "columns")["columns"]
        assert [column["symbol"] for column in columns] == ["T", "h", "e"]
        visitor.send('{"type": "edit", "turn": 2, "keep": 1, "add": ""}')
        assert until(visitor, "cut") == {"type": "cut", "model": 0, "symbols": 1}
        visitor.send('{"type": "write", "turn": 3, "temperature": 0}')
        wrote = until(visitor, "wrote")
        assert (wrote["turn"], len(wrote["text"])) == (3, 1)
        assert until(visitor, "columns")["first"] == 1


def test_visitors_have_sessions_of_their_own(address: str) -> None:
    with visit(address) as one, visit(address) as other:
        one.send('{"type": "edit", "turn": 1, "keep": 0, "add": "The"}')
        until(one, "columns")
        other.send('{"type": "edit", "turn": 1, "keep": 0, "add": "So"}')
        assert [column["symbol"] for column in until(other, "columns")["columns"]] == ["S", "o"]


@pytest.mark.parametrize("message", ["nonsense", b"\xff\x00", '{"type": "edit", "turn": 1}'])
def test_what_is_no_message_is_answered_and_forgotten(address: str, message: str | bytes) -> None:
    with visit(address) as visitor:
        visitor.send(message)
        assert until(visitor, "refused")["reason"]
        visitor.send('{"type": "edit", "turn": 1, "keep": 0, "add": "T"}')
        assert until(visitor, "columns")["first"] == 0


def test_a_newer_edit_does_not_wait_for_the_older_one(address: str) -> None:
    with visit(address) as visitor:
        visitor.send(json.dumps({"type": "edit", "turn": 1, "keep": 0, "add": "So it goes. " * 300}))
        visitor.send('{"type": "edit", "turn": 2, "keep": 0, "add": "T"}')
        read = 0
        while (columns := until(visitor, "columns")["columns"])[0]["symbol"] != "T":
            read += len(columns)
        assert read < 12 * 300


def test_a_message_that_is_too_long_ends_the_conversation(address: str) -> None:
    with visit(address) as visitor:
        until(visitor, "models")
        with pytest.raises(ConnectionClosed):  # noqa: PT012 - either may notice it first
            visitor.send("x" * (2 << 20))
            until(visitor, "refused")


def test_other_web_sites_cannot_talk_to_it(address: str) -> None:
    with pytest.raises(InvalidStatus, match="403"):
        visit(address, origin="http://elsewhere.example")


def test_other_names_for_this_machine_are_not_answered(address: str) -> None:
    with pytest.raises(urllib.error.HTTPError, match="400"):
        get(address, host="elsewhere.example")
