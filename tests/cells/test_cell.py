from __future__ import annotations

import pytest

from elman.cells import CELLS, Cell, make
from elman.errors import SettingsError, UsageError


def test_parameters_have_torchs_names_and_layout() -> None:
    parameters = make("lstm", 3, 5, projection_size=2).parameters()
    assert {name: parameter.shape for name, parameter in parameters.items()} == {
        "weight_ih": (20, 3),
        "weight_hh": (20, 2),
        "bias_ih": (20,),
        "bias_hh": (20,),
        "weight_hr": (2, 5),
    }


@pytest.mark.parametrize("name", CELLS)
def test_a_cell_knows_its_name(name: str) -> None:
    assert make(name, 3, 5).name == name


@pytest.mark.parametrize("size", [0, -1, 2.5, "8"])
def test_sizes_are_whole_numbers(size: object) -> None:
    with pytest.raises(SettingsError, match="hidden_size must be a whole number of at least 1"):
        make("gru", 3, size)  # type: ignore[arg-type]


@pytest.mark.parametrize("wrong", [{"gates": ("new",)}, {"name": "own"}, {"name": "own", "gates": ("new")}])
def test_a_cell_of_ones_own_has_a_name_and_gates(wrong: dict[str, object]) -> None:
    own = type("Own", (Cell,), wrong | {"step": lambda self, ops, x, state, params: state})
    with pytest.raises(UsageError, match=r'The class Own needs a name, .* the comma stays, gates = \("new",\)'):
        own(3, 5)


def test_unknown_names_get_the_nearest() -> None:
    with pytest.raises(SettingsError, match=r"There is no cell 'gruu', only .*Did you mean 'gru'"):
        make("gruu", 3, 5)
    with pytest.raises(SettingsError, match=r"Cell gru has no option 'bais'. Did you mean 'bias'"):
        make("gru", 3, 5, bais=False)
