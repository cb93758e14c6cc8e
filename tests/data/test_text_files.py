from __future__ import annotations

import gzip
import os
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from elman.data.text_files import read_text, read_texts, split_held_out
from elman.errors import DataError, SettingsError


@pytest.mark.parametrize(
    ("raw", "encoding", "text"),
    [
        (b"caf\xc3\xa9\r\nau\rlait\n", "utf-8", "café\nau\nlait\n"),
        (b"\xef\xbb\xbfbom", "utf-8", "bom"),
        (b"\xef\xbb\xbfbom", "utf-8-sig", "bom"),
        (b"caf\xe9", "latin-1", "café"),
        ("wide\r\n".encode("utf-16"), "utf-16", "wide\n"),
        (b"\x1b[1mbold\x1b[0m\x0c\t", "utf-8", "\x1b[1mbold\x1b[0m\x0c\t"),
    ],
)
def test_text_in_many_forms(raw: bytes, encoding: str, text: str, tmp_path: Path) -> None:
    (tmp_path / "plain.txt").write_bytes(raw)
    (tmp_path / "packed.txt.gz").write_bytes(gzip.compress(raw))
    assert read_text(tmp_path / "plain.txt", encoding) == text
    assert read_text(tmp_path / "packed.txt.gz", encoding) == text


@pytest.mark.parametrize(
    ("raw", "encoding", "message"),
    [
        (b"", "utf-8", "is empty"),
        (b"one\ntwo\ncaf\xe9!", "utf-8", r"line 3: byte 11 \(0xE9\) is not utf-8 text. .* --encoding cp1252"),
        (b"a\x81", "cp1252", r"line 1: byte 1 \(0x81\) is not cp1252 text. .* --encoding utf-8"),
        (b"PK\x03\x04\0\0", "utf-8", "is binary, not text: byte 4 is NUL"),
        (bytes(range(1, 256)) * 4, "utf-8", "is binary, not text: 9% of its bytes"),
        ("text".encode("utf-16"), "utf-8", "looks like UTF-16 text. Say --encoding utf-16"),
        (b"abc", "utf-16-le", "not utf-16-le text"),
        (b"a\0\0\0", "utf-16-le", "holds NUL characters"),
    ],
)
def test_what_is_no_text(raw: bytes, encoding: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(raw)
    with pytest.raises(DataError, match=message) as caught:
        read_text(path, encoding)
    assert str(caught.value).startswith(str(path))


def test_unknown_encoding(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("text")
    for encoding in ("utf-9", "hex"):
        with pytest.raises(SettingsError, match=f"not '{encoding}'"):
            read_text(tmp_path / "file", encoding)


def test_missing_file_names_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "input.txt").write_text("text")
    with pytest.raises(DataError, match=r"no such file. Did you mean 'input.txt'\?"):
        read_text(tmp_path / "imput.txt")
    with pytest.raises(DataError, match="no such file"):
        read_text(tmp_path / "nowhere" / "input.txt")


def test_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is a folder"):
        read_text(tmp_path)


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="this user may read everything")
def test_unreadable(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("text")
    (tmp_path / "secret").chmod(0)
    with pytest.raises(DataError, match="cannot be read"):
        read_text(tmp_path / "secret")


@pytest.mark.parametrize(
    "raw",
    [b"plain text", gzip.compress(b"text" * 99, mtime=0)[:-9], gzip.compress(b"text", mtime=0)[:12] + b"\xff" * 30],
)
def test_damaged_gzip(raw: bytes, tmp_path: Path) -> None:
    (tmp_path / "file.gz").write_bytes(raw)
    with pytest.raises(DataError, match="not a whole gzip file"):
        read_text(tmp_path / "file.gz")


def test_too_short(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("ab")
    assert read_texts([tmp_path / "file"] * 2, at_least=4) == ["ab", "ab"]
    with pytest.raises(DataError, match="at least 5 characters of text, found 4"):
        read_texts([tmp_path / "file"] * 2, at_least=5)


@given(documents=st.lists(st.text(max_size=9), max_size=5), share=st.floats(0, 0.9))
def test_nothing_is_lost_in_the_split(documents: list[str], share: float) -> None:
    train, held_out = split_held_out(documents, share)
    assert "".join(train + held_out) == "".join(documents)
    assert all(train + held_out)
    assert sum(map(len, train)) == int((1 - share) * sum(map(len, documents)))


def test_the_split_of_tinyshakespeare_is_the_usual_one() -> None:
    train, held_out = split_held_out([np.zeros(1_115_394, dtype=np.int64)], 0.1)
    assert [len(part) for part in train + held_out] == [1_003_854, 111_540]
