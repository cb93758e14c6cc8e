from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from elman.compiler.steps import Steps
from elman.errors import DataError

LENGTHS = st.lists(st.integers(1, 9), min_size=1, max_size=12).map(lambda values: sorted(values, reverse=True))


def sizes_of(lengths: list[int]) -> list[int]:
    return [sum(length > t for length in lengths) for t in range(lengths[0])]


@given(LENGTHS)
def test_every_state_follows_the_one_of_the_same_sequence(lengths: list[int]) -> None:
    steps = Steps.of(sizes_of(lengths))
    assert (steps.batch, steps.rows, steps.dense) == (len(lengths), sum(lengths), len(set(lengths)) == 1)
    # Each row of states is labelled with its sequence and the steps that it has seen.
    before = [(b, t) for t, size in enumerate(steps.sizes) for b in range(size)]
    labels = np.array(before + list(enumerate(lengths)))
    np.testing.assert_array_equal(labels[steps.after] - before, np.tile([0, 1], (steps.rows, 1)))
    np.testing.assert_array_equal(labels[steps.last] + [0, 1], list(enumerate(lengths)))
    if steps.dense:
        np.testing.assert_array_equal(steps.after[steps.tables["now"]], steps.tables["after"])


@given(LENGTHS, st.integers(1, 4))
def test_slices_are_of_nearly_equal_work(lengths: list[int], parts: int) -> None:
    bounds = Steps.of(sizes_of(lengths)).slices(parts)
    assert bounds[0] == 0
    assert bounds[-1] == len(lengths)
    assert (np.diff(bounds) >= 0).all()
    work = [sum(lengths[first:end]) for first, end in pairwise(bounds)]
    assert max(work) <= sum(lengths) / parts + lengths[0]


@pytest.mark.parametrize("sizes", [[], [0], [2, 3], [3, 0]])
def test_sizes_that_are_none_are_refused(sizes: list[int]) -> None:
    with pytest.raises(DataError, match="never grow"):
        Steps.of(sizes)
