"""Signs, how rare they are, and alarms."""

from __future__ import annotations

import numpy as np
import pytest

from elman.errors import BundleError
from elman.runtime.alarms import LIVE_SIGNS, SIGNS, TAIL_FROM, Alarms, Tail, averaged, averaged_so_far, peak


def test_a_tail_knows_how_often_usual_values_are_exceeded() -> None:
    usual = np.random.default_rng(0).exponential(size=200_000)
    tail = Tail.fit(usual, heaviness=0.01)
    for share in (0.5, 0.1, 1 - TAIL_FROM, 0.001):
        assert (usual > tail.limit(share)).mean() == pytest.approx(share, rel=0.1)
        assert tail.rarity(np.array([tail.limit(share)])) == pytest.approx(-np.log(share), rel=0.02)


def test_a_heavier_tail_is_less_impressed() -> None:
    usual = np.random.default_rng(0).exponential(size=5_000)
    far = np.array([usual.max() * 10])
    assert Tail.fit(usual, 1.0).rarity(far) < Tail.fit(usual, 0.2).rarity(far)


def test_a_sign_that_never_varied_makes_any_other_value_rare() -> None:
    tail = Tail.fit(np.zeros(100), 0.2)
    assert tail.rarity(np.array([0.0]))[0] < tail.rarity(np.array([0.1]))[0]


def test_averages_are_those_of_what_is_known() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=(40, 2))
    values[rng.random(values.shape) < 0.3] = np.nan
    for width in (1, 2, 5, 100):
        centred, trailing = averaged(values, width), averaged_so_far(values, width)
        for row in range(len(values)):
            around = values[max(0, row - (width - 1 - width // 2)) : row + width // 2 + 1]
            before = values[max(0, row - width + 1) : row + 1]
            for found, window in ((centred, around), (trailing, before)):
                known = np.isfinite(window).any(0)
                expected = np.where(known, np.nanmean(np.where(known, window, 0), 0), 0)
                np.testing.assert_allclose(found[row], expected, atol=1e-12)


def _alarms(false_alarms: float = 0.01) -> tuple[Alarms, dict[str, np.ndarray]]:
    rng = np.random.default_rng(0)
    signs = {name: np.abs(rng.normal(size=(4000, 3))) for name in SIGNS}
    live = {name: np.abs(rng.normal(size=(4000, 3))) for name in LIVE_SIGNS}
    return Alarms.fit(24, signs, live, false_alarms), signs


def test_held_out_steps_raise_as_many_alarms_as_were_asked_for() -> None:
    alarms, signs = _alarms(0.01)
    assert alarms.judge(signs).alarm.mean() == pytest.approx(0.01, abs=0.006)


def test_the_strangest_sign_of_the_strangest_channel_is_named() -> None:
    alarms, signs = _alarms()
    signs = {name: values[:10].copy() for name, values in signs.items()}
    signs["level"][4, 2] = 60.0
    found = alarms.judge(signs)
    assert (found.alarm[4], found.channel[4], list(SIGNS)[found.sign[4]]) == (True, 2, "level")
    assert found.score.argmax() == 4


def test_a_peak_counts_more_where_a_channel_is_well_known() -> None:
    off = np.array([[1.0], [1.0]])
    calm, wild = peak(off, np.array([[0.1], [1.0]])).ravel()
    assert calm > 4 * wild


def test_alarms_survive_their_configuration() -> None:
    alarms, signs = _alarms()
    again = Alarms.from_config(alarms.to_config())
    np.testing.assert_array_equal(again.judge(signs).score, alarms.judge(signs).score)
    with pytest.raises(BundleError, match="does not say what is usual"):
        Alarms.from_config({"width": 3})
    short = alarms.to_config()
    with pytest.raises(BundleError, match="does not say what is usual"):
        Alarms.from_config({**short, "tails": short["tails"][1:]})


def test_a_gap_is_no_stuck_sensor() -> None:
    values = np.random.default_rng(0).normal(size=(60, 1))
    values[20:40] = np.nan
    for mean in (averaged, averaged_so_far):
        found = mean(values, 8, 0.5)[:, 0]
        assert np.isnan(found[28:32]).all()
        assert np.isfinite(found[[*range(20), *range(45, 60)]]).all()
    assert np.isfinite(averaged(values, 8)).all()
