from __future__ import annotations

from typing import Any, get_args, get_type_hints

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from elman.settings import TrainingSettings
from elman.training.optimizers import (
    LEARNING_RATES,
    WEIGHT_DECAYS,
    WeightAverage,
    averaging_starts,
    learning_rate,
    make_optimizer,
    parameter_groups,
    weight_decay,
)
from tolerances import FLOAT32_STEP

NAMES = get_args(get_type_hints(TrainingSettings)["optimizer"])


class Tied(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(6, 4)
        self.recurrent = nn.LSTM(4, 4)
        self.softmax = nn.Linear(4, 6)
        self.softmax.weight = self.embedding.weight
        self.frozen = nn.Parameter(torch.zeros(2, 2), requires_grad=False)


def test_only_matrices_that_are_no_embedding_decay() -> None:
    module = Tied()
    decaying, rest = parameter_groups(module, 0.1)
    names = {id(parameter): name for name, parameter in module.named_parameters()}
    assert {names[id(parameter)] for parameter in decaying["params"]} == {
        "recurrent.weight_ih_l0",
        "recurrent.weight_hh_l0",
    }
    assert (decaying["weight_decay"], rest["weight_decay"]) == (0.1, 0.0)
    assert len(decaying["params"]) + len(rest["params"]) == sum(p.requires_grad for p in module.parameters())


def test_auto_has_a_value_for_every_optimizer() -> None:
    assert set(NAMES) == set(LEARNING_RATES) == set(WEIGHT_DECAYS)
    given_values = TrainingSettings(learning_rate=0.5, weight_decay=0.25)
    assert (learning_rate(given_values), weight_decay(given_values)) == (0.5, 0.25)


def one_step(name: str, **changes: Any) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """A matrix before and after two equal gradients of 3, and the learning rate times 3."""
    module = nn.Linear(2, 2, bias=False)
    before = module.weight.detach().clone()
    settings = TrainingSettings(optimizer=name, learning_rate=0.1, **changes)  # type: ignore[arg-type]
    optimizer = make_optimizer(module, settings)
    for _ in range(2):
        module.weight.grad = torch.full((2, 2), 3.0)
        optimizer.step()
    return before, module.weight.detach(), torch.tensor(0.3)


def test_each_optimizer_steps_as_its_equation_says() -> None:
    before, after, move = one_step("sgd")
    torch.testing.assert_close(after, before - 2 * move, **FLOAT32_STEP)
    before, after, move = one_step("sgd", momentum=0.5)
    torch.testing.assert_close(after, before - move - 1.5 * move, **FLOAT32_STEP)
    before, after, move = one_step("nt-asgd", weight_decay=0.0)
    torch.testing.assert_close(after, before - 2 * move, **FLOAT32_STEP)
    before, after, _ = one_step("adagrad")
    torch.testing.assert_close(after, before - 0.1 - 0.1 / 2**0.5, **FLOAT32_STEP)
    before, after, _ = one_step("adamw", weight_decay=0.0)
    torch.testing.assert_close(after, before - 0.2, **FLOAT32_STEP)


def test_averaging_waits_for_the_interval_and_for_a_worse_score() -> None:
    scores = [5.0, 4.0, 3.0, 3.5, 3.4, 3.3, 3.2, 3.1, 3.05]
    assert [averaging_starts(scores[:count]) for count in range(1, 10)] == [False] * 8 + [True]
    assert not averaging_starts([6.0, 5.0, 4.0, 3.0, 2.0, 1.0, 0.5])


@given(st.lists(st.floats(0, 10), min_size=1, max_size=30))
def test_averaging_never_starts_while_scores_fall(scores: list[float]) -> None:
    assert not averaging_starts(sorted(scores, reverse=True))


def test_the_average_is_the_mean_of_the_steps_after_its_start() -> None:
    torch.manual_seed(0)
    module = nn.Linear(3, 2)
    average = WeightAverage(module)
    seen = []
    for step in range(8):
        with torch.no_grad():
            module.weight.normal_()
        if step == 3:
            average.start()
        average.update()
        seen.append(module.weight.detach().clone())
    with average.applied():
        torch.testing.assert_close(module.weight.detach(), torch.stack(seen[3:]).mean(0), **FLOAT32_STEP)
    assert torch.equal(module.weight, seen[-1])

    other = nn.Linear(3, 2)
    copy = WeightAverage(other)
    copy.load_state_dict(average.state_dict())
    copy.keep()
    with average.applied():
        assert torch.equal(other.weight, module.weight)


def test_without_a_start_the_average_changes_nothing() -> None:
    module = nn.Linear(3, 2)
    before = module.weight.detach().clone()
    average = WeightAverage(module)
    average.update()
    with average.applied():
        assert torch.equal(module.weight, before)
    average.keep()
    assert torch.equal(module.weight, before)
