from __future__ import annotations

import gc
import weakref

from hypothesis import given
from hypothesis import strategies as st

from elman.decoding.prefix import Prefix, in_common


def grown(root: Prefix, symbols: list[int]) -> Prefix:
    for symbol in symbols:
        root = root.child(symbol)
    return root


@given(texts=st.lists(st.lists(st.integers(0, 2), max_size=5), min_size=1, max_size=4))
def test_the_longest_common_beginning(texts: list[list[int]]) -> None:
    root = Prefix()
    places = [grown(root, text) for text in texts]
    assert [place.symbols() for place in places] == texts
    assert [place is places[0] for place in places] == [text == texts[0] for text in texts]
    expected = 0
    while all(len(text) > expected and text[: expected + 1] == texts[0][: expected + 1] for text in texts):
        expected += 1
    assert in_common(places).symbols() == texts[0][:expected]


def test_what_nothing_holds_is_forgotten() -> None:
    root = Prefix()
    child = weakref.ref(root.child(1).child(2))
    gc.collect()
    assert child() is None
