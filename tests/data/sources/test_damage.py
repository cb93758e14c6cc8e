"""Whatever a file holds, reading it gives examples, or an error that names the file."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from elman.data.examples import Answer
from elman.data.sources import read_examples
from elman.errors import ElmanError
from elman.settings import DataSettings

WHOLE = {
    "a.csv": b'id,text,label,split\n1,"a, b",pos,train\n2,good one,neg,test\n3,x y,pos,train\n4,z,neg,train\n',
    "wide.csv": b"label,t0,t1,t2\n1,0.5,2,3\n2,1,2.5,3\n1,1,2,\n2,3,4,5\n",
    "long.csv": b"id,time,x,label\na,0,1,u\na,1,2,u\nb,0,3,v\nb,1,4,v\n",
    "tags.tsv": b"text\ttags\na b\tO B\nc\tO\n",
    "a.jsonl": b'{"text": "a b", "label": "x"}\n{"text": "c", "label": "y", "z": [1, 2]}\n',
    "a.json": b'[{"values": [1, 2, 3], "label": "x"}, {"values": [[1], [2]], "label": "y"}]',
    "a.ts": b"@timeStamps false\n@classLabel true a b\n@data\n1,2:3,4:a\n1,2,3:4,5,6:b\n",
    "a.fa": b">x class=a\nACGT\n>y class=b\nACGN\n>z class=a\nAC\n>w class=b\nTT\n",
    "a.conll": b"-DOCSTART- O\n\na O\nb B\n\nc O\n",
    "a.txt": b"1 a fine film\n0 bad\n1 so good\n0 dull one\n",
}
PIECES = [
    b",",
    b"\n",
    b"\t",
    b'"',
    b";",
    b"\0",
    b"\xff",
    b"?",
    b"",
    b"1e999",
    b" ",
    b"label",
    b"[",
    b"null",
    b">",
    b":",
    b"\xef\xbb\xbf",
]


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    name=st.sampled_from(sorted(WHOLE)),
    cuts=st.lists(st.tuples(st.integers(0, 120), st.integers(0, 9), st.sampled_from(PIECES)), max_size=5),
    answer=st.sampled_from(["class", "classes", "tags", "numbers", None]),
)
def test_damaged_files(name: str, cuts: list[tuple[int, int, bytes]], answer: Answer | None) -> None:
    raw, examples, message = WHOLE[name], None, ""
    for start, length, piece in cuts:
        raw = raw[:start] + piece + raw[start + length :]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(raw)
        try:
            examples = read_examples(path, DataSettings(), answer)
        except ElmanError as refused:
            message = str(refused)
    if examples is None:
        assert name in message
        return
    assert len(examples.inputs) == len(examples.names) > 0
    if answer is not None:
        assert examples.targets is not None
        assert len(examples.targets) == len(examples)
        kinds = {"class": (str, frozenset), "classes": frozenset, "tags": tuple, "numbers": np.ndarray}
        assert all(isinstance(target, kinds[answer]) for target in examples.targets)


@pytest.mark.parametrize("name", sorted(WHOLE))
def test_whole_files(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(WHOLE[name])
    answer: Answer = "tags" if name in ("tags.tsv", "a.conll") else "class"
    assert len(read_examples(tmp_path / name, DataSettings(), answer)) > 1
