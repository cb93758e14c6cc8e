"""Every diagnosis works on every task, and on no more than it makes for it."""

from __future__ import annotations

import inspect
import json
from typing import Any

import pytest
import torch
from matplotlib.figure import Figure

from contracts.subjects import NEVER_TWICE, SUBJECTS, WITHOUT
from elman import diagnostics
from elman.nn.subject import Subject
from elman.tasks import TASKS


def is_diagnosis(function: Any) -> bool:
    """A function of a subject that needs nothing else and whose result can be drawn."""
    if not inspect.isfunction(function):
        return False
    first, *others = inspect.signature(function).parameters.values()
    is_complete = all(other.default is not other.empty for other in others)
    result = getattr(diagnostics, str(inspect.signature(function).return_annotation), None)
    return first.name == "subject" and is_complete and hasattr(result, "plot")


DIAGNOSES = [name for name in diagnostics.__all__ if is_diagnosis(getattr(diagnostics, name))]


@pytest.fixture(scope="module", params=SUBJECTS)
def task(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def subject(task: str, tmp_path_factory: pytest.TempPathFactory) -> Subject:
    return SUBJECTS[task](tmp_path_factory.mktemp(task))


@pytest.mark.parametrize("name", DIAGNOSES)
def test_a_result_is_told_written_and_drawn(name: str, task: str, subject: Subject) -> None:
    if name == "same_input" and task in NEVER_TWICE:
        assert not diagnostics.same_input(subject).pairs
        return
    before = {key: value.clone() for key, value in subject.recurrent.state_dict().items()}
    random = torch.get_rng_state()
    result = getattr(diagnostics, name)(subject)
    assert str(result).strip().endswith(".")
    assert json.loads(json.dumps(result.to_dict(), allow_nan=False))
    assert isinstance(result.plot(), Figure)
    assert all(torch.equal(value, before[key]) for key, value in subject.recurrent.state_dict().items())
    assert all(parameter.grad is None for parameter in subject.recurrent.parameters())
    assert torch.equal(torch.get_rng_state(), random), "a diagnosis drew from torch's own random numbers"


def test_every_task_is_in_the_table() -> None:
    assert {*SUBJECTS, *WITHOUT} == set(TASKS)


def test_there_are_diagnoses() -> None:
    assert {"gradient_flow", "half_life", "jacobian", "lyapunov", "saturation"} <= set(DIAGNOSES)
