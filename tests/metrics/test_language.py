from __future__ import annotations

import math

import pytest

from elman.errors import DataError
from elman.metrics import bits_per_symbol, perplexity
from elman.metrics.language import nats_per_symbol
from tolerances import ROUNDING


def test_a_hand_worked_text() -> None:
    # Three symbols predicted with probability 1/2, 1/4 and 1/8: 1 + 2 + 3 bits, geometric mean 1/4.
    nats = -(math.log(1 / 2) + math.log(1 / 4) + math.log(1 / 8))
    assert bits_per_symbol(nats, 3) == pytest.approx(2, rel=ROUNDING)
    assert perplexity(nats, 3) == pytest.approx(4, rel=ROUNDING)


def test_certainty_costs_nothing() -> None:
    assert nats_per_symbol(0.0, 5) == 0
    assert perplexity(0.0, 5) == 1


def test_a_hopeless_model_has_infinite_perplexity() -> None:
    assert perplexity(1e9, 1) == math.inf


@pytest.mark.parametrize("measure", [nats_per_symbol, perplexity, bits_per_symbol])
def test_nothing_predicted(measure: object) -> None:
    with pytest.raises(DataError, match="at least one predicted symbol"):
        measure(0.0, 0)  # type: ignore[operator]
