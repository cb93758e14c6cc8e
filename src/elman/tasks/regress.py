"""Regression: one number for each sequence, or several."""

from __future__ import annotations

from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from elman.data.examples import Answer
from elman.settings import RegressorSettings
from elman.tasks.labelled import Labelled


@final
class Regressor(Labelled):
    """A network that says how much, of a sequence.

    Options are the fields of `elman.settings.RegressorSettings`, by name:

    >>> model = Regressor(num_layers=2)
    >>> model.settings.network.num_layers
    2
    """

    task = "regress"
    Settings = RegressorSettings

    @property
    def answer(self) -> Answer:
        """One or more numbers."""
        return "numbers"

    def predict(self, X: Any, *, lengths: Any = None) -> NDArray[np.float64]:  # noqa: N803
        """The numbers of each sequence, (n, outputs); of one number (n,)."""
        found = np.stack([each.said for each in self.predictions(X, lengths=lengths)])
        return found[:, 0] if found.shape[1] == 1 else found

    def score(self, X: Any, y: Any = None, *, lengths: Any = None) -> float:  # noqa: N803
        """The share of the variance that is explained, R2; of several numbers the mean."""
        return float(self.evaluate(X, y, lengths=lengths).figures["data"]["model"]["r2"])  # type: ignore[arg-type]
