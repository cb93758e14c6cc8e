"""A bag of features beside a recurrent network: each learns by itself, then both are weighed on held-out sequences.

Learnt together, the network soon explains the training sequences alone and the bag stays weak, or the other way round.
Apart, their mistakes differ, and the sum is better than either. With r and b the scores of the two:

    scores = u r + v b,    u and v those of the lowest loss on held-out sequences.

Source: Mesnil, Mikolov, Ranzato & Bengio, "Ensemble of generative and discriminative techniques for sentiment analysis
of movie reviews", ICLR workshop 2015.
"""

from __future__ import annotations

from itertools import product
from typing import Any

from numpy.typing import NDArray

from elman.baselines.linear import Scores, loss_of
from elman.runtime.answers import Answers

#: Factors of either score to choose from.
SHARES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
SCALES = (0.5, 0.7, 1.0, 1.4, 2.0, 2.8, 4.0)

#: The factors where nothing is held out.
EVEN = (0.7, 0.7)


def weigh(answers: Answers, recurrent: Scores, bag: Scores, truth: NDArray[Any]) -> tuple[float, float]:
    """The factors of the recurrent part's and the bag's scores that give the lowest loss.

    >>> import numpy as np
    >>> from elman.runtime.answers import ClassAnswers
    >>> sure, wrong = np.array([[2.0, 0.0], [0.0, 2.0]]), np.zeros((2, 2))
    >>> u, v = weigh(ClassAnswers(("a", "b")), sure, wrong, np.array([0, 1]))
    >>> u > 0
    True
    """
    scales = (1.0,) if answers.head == "linear" else SCALES
    pairs = [(scale * share, scale * (1 - share)) for scale, share in product(scales, SHARES)]
    return min(pairs, key=lambda pair: loss_of(answers, pair[0] * recurrent + pair[1] * bag, truth))
