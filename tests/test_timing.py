from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest

from elman import timing
from elman.timing import TURN, interleaved


class Clock:
    """Time that passes only when something is called."""

    def __init__(self) -> None:
        self.now = 0.0
        self.log: list[str] = []

    def perf_counter(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def task(self, name: str, *durations: float) -> Callable[[], None]:
        following = itertools.cycle(durations)

        def run() -> None:
            self.log.append(name)
            self.now += next(following)

        return run


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(timing, "time", made)
    return made


def test_candidates_take_turns_after_a_call_to_warm_up(clock: Clock) -> None:
    interleaved({"a": clock.task("a", 1.0), "b": clock.task("b", 1.0)}, 0, least=2)
    assert "".join(clock.log) == "ab" + "abab"


def test_it_goes_on_until_the_time_is_over_but_not_for_ever(clock: Clock) -> None:
    interleaved({"a": clock.task("a", 1.0)}, 4.5)
    assert len(clock.log) == 1 + 5
    clock.log.clear()
    interleaved({"a": clock.task("a", 1.0)}, 1000, most=7)
    assert len(clock.log) == 1 + 7


def test_a_rest_before_each_turn_is_not_counted(clock: Clock) -> None:
    assert interleaved({"a": clock.task("a", 1.0), "b": clock.task("b", 2.0)}, 0, rest=5.0) == {"a": 1.0, "b": 2.0}
    assert clock.now == 2 * (1.0 + 2.0) + 2 * 5.0


def test_the_result_is_the_median_without_the_warm_up(clock: Clock) -> None:
    assert interleaved({"a": clock.task("a", 100.0, 3.0, 9.0, 4.0)}, 0, least=3) == {"a": 4.0}


def test_quick_calls_fill_a_turn_of_which_the_first_is_not_counted(clock: Clock) -> None:
    quick = TURN / 3.5
    times = interleaved({"slow": clock.task("s", 1.0), "quick": clock.task("q", quick)}, 0, least=1)
    assert clock.log == ["s", "q", "s", "q", "q", "q", "q"]
    assert times["quick"] == pytest.approx(quick)
