from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elman.settings import AUTO, LanguageModelSettings, flat, update
from elman.tasks.budget import Task, resolve
from elman.training.probe import Machine

MACHINE = Machine(2, "bf16", 5e11, ())


def resolved(
    symbols: int = 1_000_000, vocabulary: int = 66, machine: Machine = MACHINE, **options: Any
) -> dict[str, Any]:
    settings = update(LanguageModelSettings(), options)
    return flat(resolve(settings, Task(symbols, vocabulary, machine)))


@given(st.integers(2, 10**9), st.integers(2, 60_000), st.floats(1e8, 1e15), st.floats(1, 1e6) | st.none())
def test_nothing_is_left_open_and_every_number_is_allowed(
    symbols: int, vocabulary: int, flops: float, seconds: float | None
) -> None:
    options = {} if seconds is None else {"max_time": seconds}
    found = resolved(symbols, vocabulary, Machine(1, "32", flops, ()), **options)
    # The layer chooses its backend, the optimiser its weight decay.
    assert [name for name, value in found.items() if value == AUTO] == ["backend", "weight_decay"]
    update(LanguageModelSettings(), {name: value for name, value in found.items() if value is not None})


def test_what_is_given_stays() -> None:
    given_options = {"hidden_size": 17, "num_layers": 3, "dropout": 0.33, "batch_size": 5, "window": 9, "steps": 4}
    found = resolved(**given_options, learning_rate=0.1)
    assert {name: found[name] for name in given_options} == given_options
    assert found["learning_rate"] == 0.1
    assert found["epochs"] is None


def test_more_time_makes_larger_networks_with_more_dropout() -> None:
    short, long = resolved(max_time="1m"), resolved(max_time="20m")
    assert short["hidden_size"] < long["hidden_size"]
    assert short["dropout"] < long["dropout"]
    assert short["learning_rate"] > long["learning_rate"]


def test_few_passes_need_no_dropout_and_forty_need_half() -> None:
    few = resolved(epochs=7)
    assert (few["dropout"], few["dropout_input"]) == (0, 0)
    some = resolved(epochs=15)
    assert (some["dropout"], some["dropout_input"]) == (0.2, 0)
    many = resolved(epochs=42)
    assert (many["dropout"], many["dropout_input"]) == (0.5, 0.25)
    given_by_hand = resolved(epochs=42, dropout=0.1)
    assert (given_by_hand["dropout"], given_by_hand["dropout_input"]) == (0.1, 0)


def test_without_a_limit_small_text_is_read_often_and_large_text_once() -> None:
    assert resolved(symbols=1_000)["epochs"] == 40
    assert resolved(symbols=1_000_000)["epochs"] == 12
    assert resolved(symbols=10**9)["epochs"] == 1


def test_many_symbols_are_tied_and_dropped() -> None:
    words = resolved(vocabulary=10_000, max_time="1h")
    assert words["tie_weights"]
    assert words["embedding_size"] == words["hidden_size"]
    assert words["dropout_input"] == words["dropout"] > 0
    assert not resolved()["tie_weights"]


def test_other_optimisers_keep_their_own_learning_rate() -> None:
    assert resolved(optimizer="sgd", steps=10)["learning_rate"] == AUTO


@pytest.mark.parametrize("limit", [{"epochs": 3}, {"steps": 100}, {"max_time": "2m"}])
def test_a_limit_that_is_given_is_the_only_one(limit: dict[str, Any]) -> None:
    found = resolved(**limit)
    assert [name for name in ("epochs", "steps", "max_time") if found[name] is not None] == list(limit)
