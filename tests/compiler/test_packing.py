from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from elman.compiler.packing import bfloat16, in_pairs


@given(st.lists(st.floats(width=32), min_size=1, max_size=20))
def test_numbers_are_rounded_as_torch_rounds_them(values: list[float]) -> None:
    array = np.array(values, np.float32)
    found = (bfloat16(array) << 16).view(np.float32)
    np.testing.assert_array_equal(found, torch.from_numpy(array).bfloat16().float().numpy())


@pytest.mark.parametrize("depth", [1, 2, 5])
def test_two_features_share_a_word(depth: int) -> None:
    packed = np.float32(np.random.default_rng(0).integers(-9, 9, (3, depth, 2, 4)))
    words = in_pairs(packed)
    assert words.shape == (3, (depth + 1) // 2, 2, 4)
    lower, upper = (words << 16).view(np.float32), (words & 0xFFFF0000).view(np.float32)
    np.testing.assert_array_equal(lower, packed[:, ::2])
    np.testing.assert_array_equal(upper[:, : depth // 2], packed[:, 1::2])
