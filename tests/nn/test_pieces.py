from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from elman.nn.pieces import Pieces

LENGTHS = np.array([3, 4])
RESETS = np.array([[0, 0, 1, 1], [1, 0, 0, 0]], dtype=bool)


def test_a_worked_case() -> None:
    """Row 0 lies at the places 0 2 | 4 (6 is padding); row 1 at 1 3 5 7, restarted at its first step."""
    pieces = Pieces.of(2, 4, LENGTHS, RESETS, reverse=False)
    assert pieces.rows.tolist() == [1, 0, 0]
    assert pieces.sizes.tolist() == [3, 2, 1, 1]
    assert pieces.places.tolist() == [1, 0, 4, 3, 2, 5, 7]
    assert pieces.entering.tolist() == [False, True, False]
    assert pieces.leaving.tolist() == [2, 0]
    assert pieces.by_time.holes.tolist() == [6]
    assert pieces.by_row.places.tolist() == [4, 0, 2, 5, 1, 6, 7]
    assert pieces.by_row.holes.tolist() == [3]


def test_the_worked_case_in_reverse() -> None:
    pieces = Pieces.of(2, 4, LENGTHS, RESETS, reverse=True)
    assert pieces.places.tolist() == [7, 2, 4, 5, 0, 3, 1]
    assert pieces.entering.tolist() == [True, False, True]
    assert pieces.leaving.tolist() == [1, 0]


@settings(max_examples=30, deadline=None, derandomize=True)
@given(data=st.data(), batch=st.integers(1, 5), time=st.integers(1, 7), reverse=st.booleans())
def test_every_valid_step_stands_in_one_place(data: st.DataObject, batch: int, time: int, reverse: bool) -> None:
    lengths = np.array(data.draw(st.lists(st.integers(1, time), min_size=batch, max_size=batch)))
    resets = np.array(data.draw(st.lists(st.booleans(), min_size=batch * time, max_size=batch * time)))
    pieces = Pieces.of(batch, time, lengths, resets.reshape(batch, time), reverse)
    valid = np.arange(time)[:, None] < lengths
    assert sorted(pieces.places) == valid.ravel().nonzero()[0].tolist()
    assert pieces.sizes.sum() == lengths.sum()
    assert (np.diff(pieces.sizes) <= 0).all()
    assert pieces.rows[pieces.leaving].tolist() == list(range(batch))
    assert pieces.entering.sum() <= batch


@settings(max_examples=30, deadline=None, derandomize=True)
@given(lengths=st.lists(st.integers(1, 6), min_size=1, max_size=5), reverse=st.booleans())
def test_packed_rows_are_the_pieces_of_their_sequences(lengths: list[int], reverse: bool) -> None:
    lengths.sort(reverse=True)
    forward = Pieces.of(len(lengths), lengths[0], np.array(lengths), None, reverse=False)
    places = {place: row for row, place in enumerate(forward.places)}
    wanted = Pieces.of(len(lengths), lengths[0], np.array(lengths), None, reverse)
    pieces = Pieces.of_packed(forward.sizes, reverse)
    assert pieces.places.tolist() == [places[place] for place in wanted.places]
    for name in ("sizes", "rows", "entering", "leaving"):
        np.testing.assert_array_equal(getattr(pieces, name), getattr(wanted, name), err_msg=name)
    for order in (pieces.by_time, wanted.by_time, wanted.by_row):
        assert sorted([*order.places, *order.holes]) == list(range(len(order.places) + len(order.holes)))
