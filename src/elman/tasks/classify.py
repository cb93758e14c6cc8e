"""Classifying: one label for each sequence, or several."""

from __future__ import annotations

from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from elman.data.examples import Answer
from elman.settings import ClassifierSettings
from elman.tasks.labelled import Labelled


@final
class Classifier(Labelled):
    """A network that says of a sequence what it is.

    Options are the fields of `elman.settings.ClassifierSettings`, by name:

    >>> model = Classifier(cell="gru", hidden_size=16)
    >>> model.settings.network.cell
    'gru'
    """

    task = "classify"
    Settings = ClassifierSettings

    @property
    def answer(self) -> Answer:
        """One class for each sequence, or several."""
        return "classes" if self._options.get("multi_label") is True else "class"

    def predict(self, X: Any, *, lengths: Any = None) -> Any:  # noqa: N803
        """The class of each sequence, (n,)."""
        return np.array([each.said for each in self.predictions(X, lengths=lengths)])

    def predict_proba(self, X: Any, *, lengths: Any = None) -> NDArray[np.float64]:  # noqa: N803
        """The probability of each class, (n, classes)."""
        return np.stack([each.outputs for each in self.predictions(X, lengths=lengths)])
