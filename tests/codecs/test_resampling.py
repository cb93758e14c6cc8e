from __future__ import annotations

import copy
from itertools import pairwise

import numpy as np
import pytest
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st

from elman.codecs.resampling import Resampler
from elman.errors import DataError
from tolerances import RESAMPLED

RATES = [(44100, 8000), (16000, 8000), (8000, 16000), (11025, 8000)]


def noise(samples: int) -> np.ndarray:
    return np.random.default_rng(0).normal(0, 0.1, samples).astype(np.float32)


@pytest.mark.parametrize(("source", "rate"), [*RATES, (8000, 8000)])
@settings(max_examples=15)
@given(places=st.lists(st.integers(0, 30_000), max_size=5))
def test_any_cuts_give_what_the_whole_gives(source: int, rate: int, places: list[int]) -> None:
    samples, resampler = noise(30_000), Resampler(rate)
    parts = [resampler.push(samples[a:b], source) for a, b in pairwise([0, *sorted(places), len(samples)])]
    whole = soxr.resample(samples, source, rate) if source != rate else samples
    np.testing.assert_array_equal(np.concatenate([*parts, resampler.flush()]), whole)


@pytest.mark.parametrize(("source", "rate"), RATES)
@pytest.mark.parametrize("cut", [0, 1, 2000, 33_333, 60_000])
def test_copies_go_on_by_themselves(source: int, rate: int, cut: int) -> None:
    samples, resampler = noise(70_000), Resampler(rate)
    begin = resampler.push(samples[:cut], source)
    fork = copy.copy(copy.copy(resampler))
    for each in (fork, resampler):
        end = np.concatenate([each.push(samples[cut : cut + 500], source), each.push(samples[cut + 500 :], source)])
        found = np.concatenate([begin, end, each.flush()])
        np.testing.assert_allclose(found, soxr.resample(samples, source, rate), atol=RESAMPLED * 0.1)
    assert len(resampler.recent) <= source


def test_nothing_gives_nothing_and_rates_stay() -> None:
    assert len(Resampler(8000).flush()) == 0
    resampler = Resampler(8000)
    resampler.push(noise(10), 16000)
    with pytest.raises(DataError, match="began with 16000 Hz, now 8000"):
        resampler.push(noise(10), 8000)
