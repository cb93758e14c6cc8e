"""The manner of scikit-learn, without importing it: options by name, data in memory, labels as they were given."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Self

from elman.data.arrays import from_arrays
from elman.data.examples import Answer, Examples
from elman.errors import UsageError
from elman.settings import LabelSettings, flat, update


class Estimator(ABC):
    """What `sklearn` asks of an estimator."""

    #: The options that it takes.
    Settings: ClassVar[type[LabelSettings]]

    def __init__(self, **options: Any) -> None:
        self._options = dict(options)
        self.settings = self._asked()

    @property
    @abstractmethod
    def answer(self) -> Answer:
        """What is asked for; a source may find that there are several labels where one was expected."""

    def _asked(self) -> LabelSettings:
        """The settings as they were given, whatever was made of them since."""
        return update(self.Settings(), self._options, type(self).__name__)

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """All options by name, as they were given."""
        return flat(self.Settings()) | self._options

    def set_params(self, **options: Any) -> Self:
        """Change some options. Raises `SettingsError`."""
        self._options |= options
        self.settings = self._asked()
        return self

    def _not_fitted(self) -> UsageError:
        return UsageError("This model has not been trained: call fit, or elman.load(DIR).")

    def _learn_form(self, X: Any, y: Any, lengths: Any) -> Examples:  # noqa: N803
        return from_arrays(X, y, answer=self.answer, lengths=lengths, kind=self.settings.data.kind)

    def _known_form(self, X: Any, y: Any, lengths: Any) -> Examples:  # noqa: N803
        return from_arrays(X, y, answer=self.answer, lengths=lengths, kind=self.settings.data.kind)
