from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch.nn import functional

from elman.errors import DataError
from elman.nn import Recurrent
from elman.nn.subject import Subject


def subject(**changes: object) -> Subject:
    torch.manual_seed(0)
    counts = torch.ones(2, 5, dtype=torch.bool)
    counts[1, 3:] = False
    made = Subject(
        Recurrent("lstm", 3, 4, num_layers=2, dropout=0.5),
        torch.randn(2, 5, 3),
        torch.nn.Linear(4, 6),
        lambda scores, targets: functional.cross_entropy(scores.movedim(-1, 1), targets, reduction="none"),
        torch.randint(6, (2, 5)),
        counts,
        [list("abcde"), list("fghij")],
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def test_a_run_is_that_of_use_and_leaves_the_layers_as_they_were() -> None:
    seen = subject()
    outputs, final, states = seen.run()
    assert torch.equal(outputs, seen.run()[0]), "dropout was drawn"
    assert seen.recurrent.training
    assert torch.equal(states["cell_l1"][:, -1], final["cell_l1"])
    assert (seen.batch, seen.time) == (2, 5)


def test_only_the_steps_that_count_cost_anything() -> None:
    seen = subject()
    losses = seen.loss_of(seen.run()[0])
    assert (losses[1, 3:] == 0).all()
    assert (losses[seen.counts] > 0).all()
    torch.testing.assert_close(seen.mean_loss(seen.run()[0]), losses.sum() / 8)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"targets": torch.zeros(2, 4)}, r"targets must be \(batch, time\), \(2, 5\) as its inputs, found \(2, 4\)"),
        ({"labels": [["a"]]}, r"labels must be \(batch, time\), .* found \(1, 1\)"),
        ({"recurrent": Recurrent("gru", 3, 4, bidirectional=True)}, "one direction"),
    ],
)
def test_parts_that_do_not_fit_are_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(DataError, match=message):
        subject(**changes)
