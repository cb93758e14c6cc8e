"""Classifying: one label for each sequence, or several."""

from __future__ import annotations

from typing import Any, Self, final

import numpy as np
from numpy.typing import NDArray

from elman.data.arrays import label_of
from elman.data.examples import Answer
from elman.errors import ArrayError
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

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._labels: dict[str, Any] = {}

    @property
    def answer(self) -> Answer:
        """One class for each sequence, or several."""
        return "classes" if self._options.get("multi_label") is True else "class"

    @property
    def classes_(self) -> NDArray[Any]:
        """The classes as they were given to `fit`, in the order of `predict_proba`; of a loaded model as texts."""
        return np.array([self._labels.get(name, name) for name in self.model.answers.names])

    def predict(self, X: Any, *, lengths: Any = None) -> Any:  # noqa: N803
        """The class of each sequence, (n,); of several labels a set for each, in a list."""
        found = self.predictions(X, lengths=lengths)
        if self.model.answers.kind == "classes":
            return [frozenset(self._labels.get(name, name) for name in each.said) for each in found]
        return self.classes_[[int(each.outputs.argmax()) for each in found]]

    def predict_proba(self, X: Any, *, lengths: Any = None) -> NDArray[np.float64]:  # noqa: N803
        """The probability of each class, (n, classes), in the order of `classes_`."""
        return np.stack([each.outputs for each in self.predictions(X, lengths=lengths)])

    def score(self, X: Any, y: Any = None, *, lengths: Any = None) -> float:  # noqa: N803
        """The share of sequences whose class, or whose labels all, are right."""
        figures = self.evaluate(X, y, lengths=lengths).figures["data"]["model"]
        return float(figures["accuracy" if self.model.answers.kind == "class" else "all_right"])  # type: ignore[arg-type]

    def fit(self, X: Any, y: Any = None, **options: Any) -> Self:  # noqa: N803
        """As `Labelled.fit`; classes may be texts or numbers, and come back as they are."""
        self._labels = {}
        return super().fit(X, y, **options)

    def _learn_targets(self, y: Any) -> Any:
        if self.answer == "classes":
            return y
        from sklearn.utils.multiclass import check_classification_targets
        from sklearn.utils.validation import column_or_1d

        try:
            labels = column_or_1d(y, warn=True)
            check_classification_targets(labels)
        except (ValueError, TypeError) as error:
            raise ArrayError(str(error)) from None
        self._labels = {label_of(label): label for label in np.unique(labels)}
        if len(self._labels) < 2:
            raise ArrayError(f"A classifier needs at least 2 classes to tell apart, found {len(self._labels)} class.")
        return labels
