from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from diagnostics.subjects import SMALL, random_layers, shift_register, squared_errors, subject
from elman import plots
from elman.diagnostics.context import Context, Usable, context, plot_contexts
from elman.errors import SettingsError
from elman.nn.subject import Subject
from tolerances import ROUNDING


def echo(delay: int, time: int = 60, **changes: object) -> Subject:
    """A shift register whose task is to say the input of ``delay`` steps ago."""

    def readout(outputs: Tensor) -> Tensor:
        return outputs[..., -1:] / SMALL

    plain = subject(shift_register(delay + 1), time=time, batch=4)
    targets = torch.zeros(4, time, dtype=torch.float64)
    targets[:, delay:] = plain.inputs[:, : time - delay, 0]
    parts = {"readout": readout, "losses": squared_errors, "targets": targets, **changes}
    return subject(shift_register(delay + 1), time=time, batch=4, **parts)


@pytest.mark.parametrize("delay", [1, 9, 17])
def test_usable_memory_of_an_echo_is_its_delay(delay: int) -> None:
    found = context(echo(delay))
    assert found.usable["cut"] == Usable(delay, delay, delay)
    assert found.usable["shuffled"] == Usable(delay, delay, delay)
    assert found.full == pytest.approx(0, abs=1e-12)
    assert (found.closed(delay), found.closed(0)) == (pytest.approx(1), 0)
    assert np.allclose(found.losses["cut"][: found.windows.index(delay)], found.losses["cut"][0])


def test_a_window_is_what_the_model_would_say_of_these_inputs_alone() -> None:
    seen = subject(random_layers("lstm"), time=12)
    found = context(seen, longest=5)
    by_hand = []
    for row in range(2):
        for step in range(6, 12):
            outputs, _, _ = seen.run(seen.inputs[row : row + 1, step - 2 : step + 1])
            by_hand.append(seen.losses(seen.readout(outputs[:, -1:]), seen.targets[row : row + 1, step : step + 1]))
    expected = torch.cat(by_hand).mean().item()
    assert found.losses["cut"][found.windows.index(2)] == pytest.approx(expected, rel=ROUNDING)
    assert found.places == 12


def test_a_memory_beyond_the_longest_window_is_infinite() -> None:
    found = context(echo(20), longest=15)
    assert found.usable["cut"] == Usable(math.inf, math.inf, math.inf)
    assert "Usable memory, which leaves out 1% of what the past gives: beyond the longest window;" in str(found)
    assert found.to_dict()["usable_memory"]["cut"]["steps"] is None


def test_a_model_that_looks_at_nothing_past_is_told_so() -> None:
    found = context(echo(0))
    assert found.usable["cut"].steps == 0
    assert str(found).endswith("It makes no use of the past.")
    assert found.closed(3) == 1


def test_only_answers_that_count_are_looked_at() -> None:
    counts = torch.zeros(4, 60, dtype=torch.bool)
    counts[:, [10, 40, 50]] = True
    found = context(echo(9, counts=counts))
    assert found.places == 8
    assert found.usable["cut"].steps == 9
    assert context(echo(9, counts=counts), places=3).places == 3


def test_a_noisy_gap_has_a_wide_interval() -> None:
    found = context(subject(random_layers("gru"), time=60))
    usable = found.usable["cut"]
    assert usable.low < usable.high
    assert f"interval {usable.low:g} to" in str(usable)


def test_the_curve_is_drawn_with_the_usable_memory() -> None:
    figure = context(echo(9)).plot()
    legend = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert legend == ["no past before", "a wrong past before", "usable memory: 9"]
    assert plots.png(figure)
    assert plots.png(context(echo(20), longest=15).plot())


def test_several_models_are_drawn_side_by_side() -> None:
    figure = plot_contexts([context(echo(9, title="nine")), context(echo(25, title="more"), longest=20)])
    legend = figure.axes[0].get_legend()
    assert [text.get_text() for text in legend.get_texts()] == ["nine: 9 steps", "more: beyond the longest window"]
    assert plots.png(figure)


@pytest.mark.parametrize("longest", [59, 0])
def test_windows_that_leave_no_answers_are_refused(longest: int) -> None:
    with pytest.raises(SettingsError, match="at least 2 are needed"):
        context(echo(3), longest=longest)


def test_plain_values() -> None:
    found = Context((0, 1), {"cut": np.array([2.0, 1.0])}, 1.0, {"cut": Usable(1, 1, 1)}, 5, "a model")
    assert found.to_dict() == {
        "title": "a model",
        "places": 5,
        "windows": [0, 1],
        "losses": {"cut": [2.0, 1.0]},
        "loss_with_all_context": 1.0,
        "usable_memory": {"cut": {"steps": 1.0, "low": 1.0, "high": 1.0}},
    }
