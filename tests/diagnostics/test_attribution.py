from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from diagnostics.linear import linear, mixed
from diagnostics.subjects import random_layers, subject
from elman import plots
from elman.diagnostics.attribution import attribution
from elman.errors import UsageError
from elman.nn.subject import Subject
from tolerances import QUADRATURE, ROUNDING


def symbols(time: int = 12, cell: str = "lstm") -> Subject:
    labels = [list("abcdefghijklmnop")[:time]] * 2
    return subject(random_layers(cell, layers=2), time=time, labels=labels, answers=4)


def test_parts_of_a_linear_network_are_its_terms() -> None:
    matrix = mixed([0.9, 0.5])
    here = linear(matrix, time=10)
    found = attribution(here, row=1, step=7)
    u = here.recurrent.weight_ih_l0.detach().numpy()[:, 0]
    distances = here.inputs[1, :8, 0].numpy() - float(here.inputs.mean())
    expected = [np.linalg.matrix_power(matrix, 7 - s) @ u * distances[s] for s in range(8)]
    np.testing.assert_allclose(found.gradients, np.sum(expected, 1), atol=ROUNDING)
    np.testing.assert_allclose(found.occlusion, np.sum(expected, 1), atol=ROUNDING)
    assert abs(found.error) < ROUNDING


@pytest.mark.parametrize("span", [3, 12, 200])
def test_integrated_gradients_are_complete(span: int) -> None:
    here = symbols()
    here = Subject(**{**vars(here), "answers": list("wxyz")})
    found = attribution(here, span=span)
    assert len(found.gradients) == min(span, 12)
    assert abs(found.error) < QUADRATURE
    assert found.output == pytest.approx(-float(here.loss_of(here.run()[0])[0, -1].detach()), rel=ROUNDING)


def test_occlusion_puts_the_mean_in_the_place_of_one_input() -> None:
    here = Subject(**{**vars(symbols()), "answers": list("wxyz")})
    found = attribution(here, row=1, step=9, answer=2, span=4)
    inputs = here.inputs.clone()
    inputs[1, 8] = here.inputs.mean((0, 1))
    with torch.no_grad():
        before, after = (here.readout(here.run(x)[0])[1, 9].log_softmax(-1)[2] for x in (here.inputs, inputs))
    assert found.occlusion[2] == pytest.approx(float(before - after), rel=QUADRATURE)
    assert found.answer == "log p('y') at step 9"


def test_the_last_step_that_counts_is_explained() -> None:
    here = symbols()
    counts = here.counts.clone()
    counts[0, 5:] = False
    found = attribution(Subject(**{**vars(here), "counts": counts}))
    assert found.labels == tuple("abcde")
    assert found.answer == "output 0 at step 4"


def test_more_points_are_taken_until_the_parts_add_up_and_else_it_is_told() -> None:
    rough = random_layers("lstm", layers=2)
    with torch.no_grad():
        for weights in rough.parameters():
            weights *= 6
    here = subject(rough, time=20)
    few, many = attribution(here, points=64), attribution(here)
    assert abs(many.error) < abs(few.error)
    assert "instead of" in str(few)
    assert "trust the occlusion" in str(few)
    assert "add up to the difference" in str(attribution(symbols()))


def test_it_is_told_drawn_and_written() -> None:
    for here in (symbols(), subject(random_layers("gru"), time=8)):
        found = attribution(here)
        assert "Most comes from '" in str(found)
        assert json.loads(json.dumps(found.to_dict(), allow_nan=False))["occlusion"] == list(found.occlusion)
        assert plots.png(found.plot())


def test_wrong_places_are_refused() -> None:
    here = Subject(**{**vars(symbols()), "answers": list("wxyz")})
    for options, told in (
        ({"row": 2}, "no row 2"),
        ({"step": 12}, "from 0 to 11, not 12"),
        ({"answer": 4}, "from 0 to 3, not 4"),
        ({"span": 0}, "at least 1, not 0"),
    ):
        with pytest.raises(UsageError, match=told):
            attribution(here, **options)
    with pytest.raises(UsageError, match="No step of row 0 counts"):
        attribution(Subject(**{**vars(here), "counts": ~here.counts}))
