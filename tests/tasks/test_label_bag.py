from __future__ import annotations

import numpy as np
import pytest

from elman.baselines.linear import loss_of
from elman.runtime.answers import ClassAnswers
from elman.tasks.label_bag import SCALES, SHARES, weigh

RNG = np.random.default_rng(0)


def test_shares_are_those_of_the_lowest_loss() -> None:
    right = RNG.normal(size=(60, 3))
    answers, truth, noise = ClassAnswers(("a", "b", "c")), right.argmax(1), RNG.normal(size=right.shape)
    assert weigh(answers, right, noise, truth) == pytest.approx((max(SCALES) * max(SHARES), max(SCALES) * min(SHARES)))
    assert weigh(answers, noise, right, truth)[1] > 0
    recurrent, bag = right + noise, right - noise
    shares = weigh(answers, recurrent, bag, truth)
    best = loss_of(answers, shares[0] * recurrent + shares[1] * bag, truth)
    assert all(best <= loss_of(answers, share * recurrent + (1 - share) * bag, truth) for share in SHARES)
