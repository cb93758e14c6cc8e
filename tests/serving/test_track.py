from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import small_models
from elman.runtime import Bundle, TextModel
from elman.serving import track as tracks
from elman.serving.protocol import Column
from elman.serving.track import Track

TEXT = "The same input, naïve or not; "


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> dict[str, TextModel]:
    folder = tmp_path_factory.mktemp("models")
    return {
        kind: Bundle.read(small_models.bundle(folder / kind, kind)).model
        for kind in ("characters", "bytes", "words", "bpe")
    }


def same(found: list[Column], expected: list[Column]) -> None:
    assert [(c.symbol, c.end, c.bits, c.guess) for c in found] == [(c.symbol, c.end, c.bits, c.guess) for c in expected]
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(a.left, b.left)
        for name, value in b.state.items():
            np.testing.assert_array_equal(a.state[name], value)


@pytest.mark.parametrize("kind", ["characters", "bytes", "words", "bpe"])
def test_a_track_is_a_stream_that_is_told_symbol_by_symbol(bundles: dict[str, TextModel], kind: str) -> None:
    track, stream = Track(bundles[kind]), bundles[kind].stream()
    columns, rows = track.read(TEXT), stream.push(TEXT)
    codec = bundles[kind].codec
    assert [column.symbol for column in columns] == [codec.symbols[i] for i in codec.encoder().push(TEXT)]
    assert track.place == len(TEXT)
    assert columns[-1].end <= len(TEXT)
    for name, value in columns[-1].state.items():
        np.testing.assert_array_equal(value, stream.state[name][0])
    best = int(rows[-1].argmax())
    assert columns[-1].guess[0][0] == codec.symbols[best]
    assert columns[-1].guess[0][1] == pytest.approx(float(np.exp(rows[-1, best])))
    second = codec.symbols.index(columns[1].symbol)
    assert columns[1].bits == pytest.approx(-rows[0, second] / np.log(2), rel=1e-4)


@given(cuts=st.lists(st.tuples(st.integers(0, len(TEXT)), st.integers(0, 20)), max_size=4))
@settings(max_examples=15, deadline=None)
@pytest.mark.parametrize("kind", ["characters", "words"])
def test_going_back_and_on_again_changes_nothing(
    bundles: dict[str, TextModel], kind: str, cuts: list[tuple[int, int]]
) -> None:
    straight, winding = Track(bundles[kind]), Track(bundles[kind])
    expected = straight.read(TEXT)
    found = winding.read(TEXT)
    for place, other in cuts:
        winding.back(place)
        winding.read("somewhere else " * 2 + "x" * other)
        winding.back(place)
        found = found[: winding.symbols] + winding.read(TEXT[place:])
        same(found, expected)


def test_traces_that_were_let_go_are_the_same_when_followed_again(
    bundles: dict[str, TextModel], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracks, "FOLLOWED", 5)
    monkeypatch.setattr(tracks, "TRACES_KEPT", 2)
    straight, winding = Track(bundles["characters"]), Track(bundles["characters"])
    expected = straight.read(TEXT)
    winding.read(TEXT)
    winding.back(10)
    same(winding.read(TEXT[10:]), expected[10:])
    assert [len(column.left) for column in expected[:7]] == [1, 2, 3, 4, 5, 5, 5]


def test_what_is_left_is_the_distance_to_a_text_with_another_symbol(bundles: dict[str, TextModel]) -> None:
    bundle = bundles["characters"]
    columns = Track(bundle).read(TEXT)
    for place, after in ((0, 0), (3, 3), (3, 9), (10, 25)):
        other = bundle.codec.symbols.index(columns[place].instead)
        ids = bundle.codec.encode(TEXT[: after + 1])
        ids[place] = other
        states = [bundle.stream(), bundle.stream()]
        for symbol in bundle.codec.encode(TEXT[: after + 1]):
            states[0].push_symbol(symbol)
        for symbol in ids:
            states[1].push_symbol(symbol)
        apart = np.concatenate([(states[0].state[name] - states[1].state[name])[0] for name in states[0].state])
        assert columns[after].left[after - place] == pytest.approx(np.linalg.norm(apart), rel=1e-5)


def test_the_other_symbol_is_the_likeliest_that_was_not_read(bundles: dict[str, TextModel]) -> None:
    track = Track(bundles["characters"])
    guess = track.card("model").guess
    columns = track.read(TEXT)
    for column in columns:
        assert column.instead == next(symbol for symbol, _ in guess if symbol != column.symbol)
        guess = column.guess


def test_of_wide_states_only_the_first_units_are_sent(
    bundles: dict[str, TextModel], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Track(bundles["characters"]).read("a")[0].state
    monkeypatch.setattr(tracks, "WIDEST", 8)
    track = Track(bundles["characters"])
    assert track.card("model").states == {"hidden_l0": 8, "cell_l0": 8, "hidden_l1": 7, "cell_l1": 7}
    for name, value in track.read("a")[0].state.items():
        np.testing.assert_array_equal(value, whole[name][:8])


@pytest.mark.parametrize("cell", ["mlstm", "cfc", "lru"])
def test_any_cell_is_tracked(cell: str, tmp_path: Path) -> None:
    wide = {"embedding_size": 8, "hidden_sizes": (8,)}
    bundle = Bundle.read(small_models.bundle(tmp_path / "model", cell=cell, **wide)).model
    columns = Track(bundle).read("The same")
    assert all(np.isfinite(column.left).all() and column.left[0] > 0 for column in columns)
