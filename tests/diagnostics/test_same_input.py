from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from diagnostics.subjects import SMALL, random_layers, shift_register, subject
from elman import plots
from elman.diagnostics.same_input import PAST, SameInput, same_input
from elman.errors import SettingsError
from elman.nn.subject import Subject

DELAY = 5


def echo(time: int = 120, **changes: object) -> Subject:
    """A model that says whether the input of `DELAY` steps ago was an ``o`` or an ``x``."""
    drawn = torch.randint(2, (2, time, 1), generator=torch.Generator().manual_seed(0))

    def readout(outputs: Tensor) -> Tensor:
        return 20 * outputs[..., DELAY : DELAY + 1] / SMALL * torch.tensor([-1.0, 1.0], dtype=torch.float64)

    parts = {
        "inputs": 2.0 * drawn.double() - 1,
        "readout": readout,
        "labels": [["ox"[one] for one in row] for row in drawn[..., 0].tolist()],
        **changes,
    }
    return replace(subject(shift_register(DELAY + 1), time=time, **parts), answers=["o", "x"])


def test_the_input_that_decides_makes_the_whole_difference() -> None:
    found = same_input(echo())
    assert (len(found.pairs), found.repeated) == (2, 2)
    assert {pair.label for pair in found.pairs} == {"o", "x"}
    for pair in found.pairs:
        assert pair.difference == pytest.approx(1)
        assert pair.needed == DELAY
        for place in (pair.first, pair.second):
            assert len(place.past) == PAST + 1
            assert place.parts[-DELAY] == pytest.approx(1)
            assert np.delete(place.parts, -DELAY) == pytest.approx(0)
            assert place.past[-1 - DELAY] == "ox"[int(place.answer.argmax())]


def test_the_parts_add_up_to_the_difference() -> None:
    plain = random_layers("lstm", inputs=3)
    rows = torch.randint(3, (2, 60), generator=torch.Generator().manual_seed(1))
    seen = subject(plain, time=60, inputs=torch.eye(3, dtype=torch.float64)[rows])
    # Of these places all the past is shown.
    counts = (torch.arange(60) <= PAST).expand(2, 60)
    seen = replace(seen, answers=list("abcd"), counts=counts)
    for pair in same_input(seen).pairs:
        assert pair.difference > 0
        for place in (pair.first, pair.second):
            assert place.parts.sum() == pytest.approx(pair.difference)


def test_the_two_places_differ_most() -> None:
    seen = echo(time=30)
    with torch.no_grad():
        answers = seen.readout(seen.run()[0]).softmax(-1)
    for pair in same_input(seen).pairs:
        here = (seen.inputs == seen.inputs[pair.first.row, pair.first.step]).all(-1)
        here[:, : 30 // 4] = False
        most = torch.cdist(answers[here], answers[here], p=1).max() / 2
        assert pair.difference == pytest.approx(float(most))


def test_without_its_past_the_answer_is_the_same() -> None:
    seen = echo()
    for pair in same_input(seen).pairs:
        for place in (pair.first, pair.second):
            alone = seen.inputs[place.row, place.step][None, None]
            answer = seen.readout(seen.run(alone)[0]).softmax(-1)[0, 0]
            np.testing.assert_array_equal(pair.alone, answer.detach())


def test_numbers_are_compared_by_their_distance() -> None:
    def readout(outputs: Tensor) -> Tensor:
        return 3 * outputs[..., DELAY : DELAY + 1] / SMALL

    found = same_input(replace(echo(readout=readout), answers=()))
    assert found.pairs[0].difference == pytest.approx(6)
    assert "(by 6): " in str(found)
    assert plots.png(found.plot())


def test_what_needs_more_inputs_than_are_shown_is_told_so() -> None:
    found = same_input(echo())
    more = replace(found, pairs=(replace(found.pairs[0], needed=None),))
    assert "More than 24 inputs before it make half of the difference." in str(more)


def test_inputs_that_never_repeat_give_no_pair() -> None:
    found = same_input(subject(random_layers("gru")))
    assert (found.pairs, found.repeated) == ((), 0)
    assert str(found) == "a small model: no input occurs at two places."
    with pytest.raises(SettingsError, match="nothing to draw"):
        found.plot()


def test_only_answers_that_count_are_compared() -> None:
    counts = torch.zeros(2, 120, dtype=torch.bool)
    counts[0, 50] = True
    assert same_input(echo(counts=counts)).pairs == ()


def test_text_plain_values_and_picture() -> None:
    found: SameInput = same_input(echo(), pairs=1)
    assert "gets different answers at different places (by 1): 'x' 100% after" in str(found)
    assert str(found).endswith("it gives the same answer at both.")
    (pair,) = found.to_dict()["pairs"]
    assert (pair["inputs_needed"], pair["difference_without_past"]) == (DELAY, 0.0)
    assert len(pair["places"]) == 2
    assert plots.png(found.plot())
    with pytest.raises(SettingsError, match="at least one"):
        same_input(echo(), pairs=0)
