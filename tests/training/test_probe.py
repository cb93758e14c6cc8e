from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from elman.errors import SettingsError
from elman.training import probe
from elman.training.probe import choose_precision, choose_threads, measure

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def _threads_as_before() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def durations_are(monkeypatch: pytest.MonkeyPatch, *durations: float) -> None:
    def interleaved(candidates: dict[Any, Callable[[], None]], seconds: float, *, most: int) -> dict[Any, float]:
        return dict(zip(candidates, durations, strict=False))

    monkeypatch.setattr(probe, "interleaved", interleaved)


def test_the_machine_is_measured_and_left_ready() -> None:
    torch.manual_seed(0)
    random = torch.get_rng_state()
    machine = measure(CPU, seconds=0.05)
    assert machine.threads == torch.get_num_threads()
    assert machine.precision in ("32", "bf16")
    assert machine.flops > 1e6
    assert len(machine.sentences) == 2
    assert torch.equal(torch.get_rng_state(), random)


def test_a_precision_that_is_not_there_is_refused() -> None:
    with pytest.raises(SettingsError, match="fp16 needs a GPU"):
        measure(CPU, threads=1, precision="fp16")


def test_what_was_asked_for_is_not_measured() -> None:
    machine = measure(CPU, threads=1, precision="bf16", seconds=0.01)
    assert (machine.threads, machine.precision, machine.sentences) == (1, "bf16", ())


@pytest.mark.parametrize(
    ("durations", "threads"),
    [((1.0, 0.6, 0.3), 4), ((1.0, 0.6, 0.55), 2), ((1.0, 3.0, 9.0), 1), ((1.0, 0.9, 0.88), 1)],
)
def test_more_threads_must_be_clearly_faster(
    monkeypatch: pytest.MonkeyPatch, durations: tuple[float, ...], threads: int
) -> None:
    monkeypatch.setattr(probe, "available_cores", lambda: 4)
    monkeypatch.setattr(probe, "physical_cores", lambda: 2)
    durations_are(monkeypatch, *durations)
    chosen, sentence = choose_threads()
    assert chosen == threads == torch.get_num_threads()
    assert sentence.startswith(f"Using {threads} thread")
    assert f"4: {durations[0] / durations[2]:.2f}x" in sentence


def test_one_core_needs_no_measurement(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "available_cores", lambda: 1)
    monkeypatch.setattr(probe, "physical_cores", lambda: 1)
    assert choose_threads() == (1, "Using 1 thread: there is one core to use.")


@pytest.mark.parametrize(("mixed", "precision"), [(0.5, "bf16"), (0.9, "32"), (5.0, "32")])
def test_bfloat16_must_be_clearly_faster(monkeypatch: pytest.MonkeyPatch, mixed: float, precision: str) -> None:
    durations_are(monkeypatch, 1.0, mixed)
    chosen, sentence = choose_precision(CPU)
    assert chosen == precision
    assert f"{1 / mixed:.1f} times the speed of float32" in sentence


@given(st.dictionaries(st.integers(1, 64), st.floats(0.01, 10), min_size=1))
def test_the_choice_is_never_clearly_beaten_by_more_threads(durations: dict[int, float]) -> None:
    chosen = probe._fewest_fast(durations)
    assert all(durations[chosen] < 1.15 * other for count, other in durations.items() if count > chosen)
