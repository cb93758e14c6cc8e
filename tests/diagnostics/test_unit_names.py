from __future__ import annotations

import pytest

from diagnostics.subjects import random_layers, subject
from elman.diagnostics.trajectory import Trajectory
from elman.diagnostics.unit_names import find, names_of
from elman.errors import UsageError


def test_names_stand_for_the_numbers_of_the_state() -> None:
    seen = subject(random_layers("lstm", units=3, layers=2))
    names = names_of(Trajectory(seen))
    assert len(names) == 12
    assert names[:4] == ("hidden_l0[0]", "hidden_l0[1]", "hidden_l0[2]", "cell_l0[0]")
    assert find(seen.recurrent, names[-1]) == ("cell_l1", 2)


def test_a_clock_is_no_unit() -> None:
    names = names_of(Trajectory(subject(random_layers("phased_lstm"))))
    assert all(name.startswith(("hidden", "cell")) for name in names)


@pytest.mark.parametrize(
    ("name", "told"),
    [("cell", "named as hidden_l0"), ("cel_l0[1]", "Did you mean 'cell_l0'"), ("cell_l0[4]", "the units 0 to 3")],
)
def test_other_names_are_refused(name: str, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        find(random_layers("lstm"), name)
