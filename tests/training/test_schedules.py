from __future__ import annotations

import itertools
from typing import get_args, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elman.settings import TrainingSettings
from elman.training.schedules import make_schedule, plateau
from tolerances import ROUNDING

NAMES = get_args(get_type_hints(TrainingSettings)["schedule"])
shares = st.floats(0, 1)


@given(st.sampled_from(NAMES), shares, shares, shares)
def test_every_schedule_stays_between_nothing_and_the_peak(
    name: str, progress: float, warmup: float, final: float
) -> None:
    assert 0 <= make_schedule(name, warmup, final)(progress, []) <= 1


@pytest.mark.parametrize("name", NAMES)
@given(warmup=st.floats(0.01, 0.95), final=shares)
def test_the_rate_is_at_its_peak_when_warm_up_ends_and_rises_until_then(name: str, warmup: float, final: float) -> None:
    schedule = make_schedule(name, warmup, final)
    assert schedule(warmup, []) == pytest.approx(1.0, rel=ROUNDING)
    rates = [schedule(warmup * part / 10, []) for part in range(11)]
    assert rates == sorted(rates)
    assert rates[0] < 0.05


@pytest.mark.parametrize("name", ["cosine", "one-cycle"])
@given(warmup=st.floats(0, 0.95), final=shares)
def test_falling_schedules_fall_and_end_at_their_final_value(name: str, warmup: float, final: float) -> None:
    schedule = make_schedule(name, warmup, final)
    rates = [schedule(warmup + (1 - warmup) * part / 10, []) for part in range(11)]
    assert all(later <= earlier + ROUNDING for earlier, later in itertools.pairwise(rates))
    assert schedule(1.0, []) == pytest.approx(final, abs=ROUNDING)


def test_the_constant_schedule_ends_where_it_is() -> None:
    assert make_schedule("constant", 0.1, 0.0)(1.0, []) == 1.0


@given(st.lists(st.floats(0, 10), max_size=20), st.floats(0.001, 1))
def test_plateau_halves_once_for_every_score_without_a_gain(scores: list[float], final: float) -> None:
    gains = sum(all(score < earlier for earlier in scores[:place]) for place, score in enumerate(scores))
    assert plateau(0.5, scores, final=final) == max(final, 0.5 ** (len(scores) - gains))
