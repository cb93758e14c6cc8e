"""Tagging: a label for every step of a sequence."""

from __future__ import annotations

from typing import Any, final

from numpy.typing import NDArray

from elman.data.examples import Answer
from elman.settings import TaggerSettings
from elman.tasks.labelled import Labelled


@final
class Tagger(Labelled):
    """A network that says of every step of a sequence what it is.

    Options are the fields of `elman.settings.TaggerSettings`, by name:

    >>> model = Tagger(crf=True)
    >>> model.settings.crf
    True
    """

    task = "tag"
    Settings = TaggerSettings

    @property
    def answer(self) -> Answer:
        """A tag for every step."""
        return "tags"

    def predict(self, X: Any, *, lengths: Any = None) -> list[tuple[str, ...]]:  # noqa: N803
        """The tags of each sequence, one for every step; with a CRF the likeliest ones together."""
        return [each.said for each in self.predictions(X, lengths=lengths)]

    def predict_proba(self, X: Any, *, lengths: Any = None) -> list[NDArray[Any]]:  # noqa: N803
        """The probability of each tag at each step, (time, tags), of each sequence."""
        return [each.outputs for each in self.predictions(X, lengths=lengths)]

    def score(self, X: Any, y: Any = None, *, lengths: Any = None) -> float:  # noqa: N803
        """The share of steps whose tag is right."""
        return float(self.evaluate(X, y, lengths=lengths).figures["data"]["model"]["accuracy"])  # type: ignore[arg-type]
