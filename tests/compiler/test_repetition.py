from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elman.cells import NumpyOps
from elman.compiler.graph import Builder, Node
from elman.compiler.repetition import Repetition, axes_of, repetition_of

few = st.integers(1, 4)


@settings(max_examples=50, deadline=None, derandomize=True)
@given(groups=few, times=few, size=few)
def test_an_expand_reads_what_it_says(groups: int, times: int, size: int) -> None:
    x = np.arange(groups * size)
    repetition = Repetition(size, times * size)
    found = [repetition.feature(place) for place in range(groups * times * size)]
    assert found == NumpyOps().expand(x, groups, times).tolist()


@settings(max_examples=200, deadline=None, derandomize=True)
@given(axes=st.lists(few, min_size=1, max_size=4).map(tuple), size=few, times=few, block=few)
def test_along_axes_that_fit_every_feature_is_a_sum_of_shares(
    axes: tuple[int, ...], size: int, times: int, block: int
) -> None:
    repetition, unit = Repetition(size, times * size), int(np.prod(axes))
    if repetition.fits(axes):
        strides, start = repetition.strides(axes), block * unit
        for flat, places in enumerate(product(*map(range, axes))):
            share = sum(stride * place for stride, place in zip(strides, places, strict=True))
            assert repetition.feature(start + flat) == repetition.feature(start) + share


@settings(max_examples=200, deadline=None, derandomize=True)
@given(size=few, times=few, unit=st.integers(1, 48))
def test_a_block_can_always_be_made_to_fit(size: int, times: int, unit: int) -> None:
    repetition = Repetition(size, times * size)
    inner = repetition.unit_within(unit)
    assert unit % inner == 0
    assert repetition.fits(axes_of(inner, repetition.cuts(inner)))


@pytest.mark.parametrize(
    ("axes", "fits"), [((4, 3, 2), True), ((2, 2, 6), False), ((24,), False), ((2,), True), ((3, 2), True)]
)
def test_axes_must_end_where_pieces_do(axes: tuple[int, ...], fits: bool) -> None:
    assert Repetition(2, 6).fits(axes) is fits


def test_folds_and_sums_add_up_what_expands_repeat() -> None:
    builder = Builder()
    x = builder.add(Node("input", width=24, name="x"))
    assert repetition_of(builder.graph, builder.expand(x, 12, 5)) == Repetition(2, 10)
    assert repetition_of(builder.graph, builder.fold(x, 2, 4)) == Repetition(3, 12)
    assert repetition_of(builder.graph, builder.reduce("sum", x)) == Repetition(1, 24)
