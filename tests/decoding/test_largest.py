from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from elman.decoding.largest import largest

numbers = st.one_of(st.just(-np.inf), st.floats(-5, 5))


@given(values=st.lists(numbers, min_size=1, max_size=8), count=st.integers(1, 9))
def test_none_of_the_others_is_larger(values: list[float], count: int) -> None:
    places = largest(np.array(values), count).tolist()
    possible = sorted((value for value in values if value > -np.inf), reverse=True)
    assert sorted((values[place] for place in places), reverse=True) == possible[:count]
    assert places == sorted(set(places))
