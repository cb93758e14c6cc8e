from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from elman.errors import SaveError, UsageError
from elman.plots import Page, Picture, Section, Table, Text, learning_curves

HOSTILE = "</style><script>alert(1)</script>\"'&"


class Tags(HTMLParser):
    """Collects the tags that a browser would see, and checks that they close in order."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.seen: list[str] = []
        self.open: list[str] = []
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def hostile_page() -> Page:
    blocks = [
        Text(HOSTILE),
        Text(HOSTILE, verbatim=True),
        Table([HOSTILE], [[HOSTILE]], HOSTILE),
        Picture(f"<svg>{HOSTILE}</svg>".encode(), HOSTILE, HOSTILE),
    ]
    return Page(HOSTILE, [Section(HOSTILE, blocks)], HOSTILE)


def test_everything_is_escaped() -> None:
    page = hostile_page().html()
    assert "script" not in Tags(page).seen
    assert "<script" not in page


def test_a_page_asks_the_network_for_nothing() -> None:
    figure = learning_curves({"a": ([1, 2], [2, 1])})
    page = Page("A", [Section("B", [Picture.of(figure, "curves")])]).html()
    assert not re.search(r"https?://|@import|<link|url\(", page)


def test_dark_and_light() -> None:
    assert "prefers-color-scheme: dark" in Page("A", []).html()


def test_numbers_are_short_and_missing_ones_empty() -> None:
    table = Table(["model", "bits"], [["LSTM", 2.123456], ["none", None]]).html()
    assert '<td class="number">2.123</td>' in table
    assert '<td class="number"></td>' in table
    assert "<td>LSTM</td>" in table


def test_pictures_know_their_kind() -> None:
    assert "image/png" in Picture(b"\x89PNG...", "").html()
    assert "image/svg+xml" in Picture(b"<svg/>", "").html()


def test_a_short_row_is_refused() -> None:
    with pytest.raises(UsageError, match="2 columns, but row 1 has 1 cells"):
        Table(["a", "b"], [["x"]])


def test_write(tmp_path: Path) -> None:
    path = Page("Ünïcode", []).write(tmp_path / "page.html")
    assert "Ünïcode" in path.read_text(encoding="utf-8")
    with pytest.raises(SaveError, match="page cannot be written"):
        Page("A", []).write(tmp_path / "missing" / "page.html")
