"""A bag of features beside a recurrent network: each learns by itself, then both are weighed on held-out sequences.

Learnt together, the network soon explains the training sequences alone and the bag stays weak, or the other way round.
Apart, their mistakes differ, and the sum is better than either. With r and b the scores of the two:

    scores = u r + v b,    u and v those of the lowest loss on held-out sequences.

Source: Mesnil, Mikolov, Ranzato & Bengio, "Ensemble of generative and discriminative techniques for sentiment analysis
of movie reviews", ICLR workshop 2015.
"""

from __future__ import annotations

import math
from itertools import product
from typing import Any

from numpy.typing import NDArray

from elman.baselines.linear import Scores, loss_of
from elman.runtime.answers import Answers

#: Shares of the network to choose from. Neither part is left out altogether: what it says by itself is to be shown.
SHARES = (0.001, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.999)
SCALES = (0.5, 0.7, 1.0, 1.4, 2.0, 2.8, 4.0)

#: Nats that all held-out sequences together must lose by the even factors before one part alone is taken, or a scale
#: two times as large: a handful of them says little.
DOUBT = 1.0

#: The factors where nothing is held out.
EVEN = (0.7, 0.7)


def weigh(answers: Answers, recurrent: Scores, bag: Scores, truth: NDArray[Any]) -> tuple[float, float]:
    """The factors of the recurrent part's and the bag's scores that give the lowest loss, even ones in doubt.

    >>> import numpy as np
    >>> from elman.runtime.answers import ClassAnswers
    >>> sure, wrong = np.array([[2.0, 0.0], [0.0, 2.0]]), np.zeros((2, 2))
    >>> u, v = weigh(ClassAnswers(("a", "b")), sure, wrong, np.array([0, 1]))
    >>> u > 0
    True
    """

    def cost(choice: tuple[float, float]) -> float:
        scale, share = choice
        factors = _factors(scale, share)
        doubt = (2 * share - 1) ** 2 + (0.0 if linear else math.log2(scale / sum(EVEN)) ** 2)
        return len(truth) * loss_of(answers, factors[0] * recurrent + factors[1] * bag, truth) + DOUBT * doubt

    linear = answers.head == "linear"
    return _factors(*min(product((1.0,) if linear else SCALES, SHARES), key=cost))


def _factors(scale: float, share: float) -> tuple[float, float]:
    return scale * share, scale * (1 - share)
