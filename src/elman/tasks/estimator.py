"""The manner of scikit-learn: options by name, data in memory, labels as they were given.

`sklearn` is imported only where a table of numbers comes in, or where it asks.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Generic, Protocol, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from elman.data.arrays import from_arrays
from elman.data.examples import Answer, Examples
from elman.errors import ArrayError, SettingsError, UsageError, nearest
from elman.settings import DataSettings, TrainingSettings, flat, update

if TYPE_CHECKING:
    from sklearn.utils import Tags

#: Checks of `sklearn.utils.estimator_checks.check_estimator` that these estimators do not pass, and why.
SKIPPED_CHECKS = {
    "check_do_not_raise_errors_in_init_or_set_params": (
        "An option that cannot be, or that there is not, is refused where it is given, not after a long preparation."
    ),
    "check_array_api_input": "It needs an environment variable of SciPy that must be set before Python starts.",
}

#: `Tagger` is not checked: `check_estimator` has one target for each row, a tagger has one for each step of it.
NOT_CHECKED = ("Tagger",)


class TaskSettings(Protocol):
    """What the options of every task tell."""

    @property
    def data(self) -> DataSettings:
        """What the files hold."""

    @property
    def training(self) -> TrainingSettings:
        """How the network is trained."""


AnySettings = TypeVar("AnySettings", bound=TaskSettings)


class Estimator(ABC, Generic[AnySettings]):
    """What scikit-learn asks of an estimator.

    A row of a two-dimensional array or a data frame is a sequence of one channel. Such rows are all of one length, and
    so must those be that are given later; sequences of any length come as a list of arrays.
    """

    #: The options that it takes.
    Settings: type[AnySettings]

    def __init__(self, **options: Any) -> None:
        self._options = dict(options)
        self._effective: AnySettings | None = None
        self._asked()

    @property
    @abstractmethod
    def answer(self) -> Answer:
        """What is asked for; a source may find that there are several labels where one was expected."""

    @property
    def settings(self) -> AnySettings:
        """The options as they were given; after `fit` nothing in them is left open."""
        return self._asked() if self._effective is None else self._effective

    def _asked(self) -> AnySettings:
        """The options as they were given, whatever was made of them since."""
        return update(self.Settings(), self._options, type(self).__name__)

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """All options by name, as they were given."""
        return flat(self.Settings()) | self._options

    def set_params(self, **options: Any) -> Self:
        """Change some options; what cannot be is said by `fit`. Raises `SettingsError` for one that there is not."""
        known = flat(self.Settings())
        for name in options:
            if name not in known:
                raise SettingsError(f"{type(self).__name__}: there is no option '{name}'.{nearest(name, known)}")
        self._options = self._options | options
        self._effective = None
        return self

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in self._options.items())})"

    def __sklearn_tags__(self) -> Tags:
        """What scikit-learn may expect."""
        from sklearn.utils import ClassifierTags, InputTags, RegressorTags, Tags, TargetTags

        kinds = {"class": "classifier", "classes": "classifier", "numbers": "regressor"}
        kind: Any = kinds.get(self.answer)
        return Tags(
            estimator_type=kind,
            target_tags=TargetTags(required=True, multi_output=kind == "regressor"),
            classifier_tags=ClassifierTags() if kind == "classifier" else None,
            regressor_tags=RegressorTags() if kind == "regressor" else None,
            input_tags=InputTags(three_d_array=True, string=True, allow_nan=True),
        )

    def __sklearn_is_fitted__(self) -> bool:
        """Whether it has learnt anything."""
        return self._model is not None

    _model: Any = None

    def _not_fitted(self) -> UsageError:
        from sklearn.exceptions import NotFittedError

        class NotTrainedError(UsageError, NotFittedError):  # type: ignore[misc]
            """As scikit-learn knows it too."""

        return NotTrainedError(f"This {type(self).__name__} has not been trained: call fit, or elman.load(DIR).")

    # Data in memory ----------------------------------------------------------------------------------------

    def _to_learn(self, X: Any, y: Any, lengths: Any) -> Examples:  # noqa: N803
        """Sequences in memory with their targets as `Examples`."""
        if y is None:
            raise ArrayError(f"{type(self).__name__} requires y to be passed, but the target y is None.")
        if lengths is None and is_table(X):
            X, y = self._validated(X, y, reset=True)  # noqa: N806
        return from_arrays(X, self._learn_targets(y), answer=self.answer, lengths=lengths, kind=self._kind)

    def _to_read(self, X: Any, y: Any, lengths: Any) -> Examples:  # noqa: N803
        """Sequences in memory, maybe with their targets, as `Examples`."""
        if lengths is None and is_table(X):
            X, _ = self._validated(X, None, reset=False)  # noqa: N806
        return from_arrays(X, y, answer=self.answer, lengths=lengths, kind=self._kind)

    @property
    def _kind(self) -> str:
        return self.settings.data.kind

    def _learn_targets(self, y: Any) -> Any:
        """The targets, checked, in the form of `elman.data.arrays.from_arrays`."""
        return y

    def _validated(self, X: Any, y: Any, *, reset: bool) -> tuple[NDArray[Any], Any]:  # noqa: N803
        """A table of numbers, and its targets, as scikit-learn checks them. Raises `ArrayError`."""
        from sklearn.utils.validation import validate_data

        options: dict[str, Any] = {"reset": reset, "ensure_all_finite": "allow-nan"}
        try:
            if y is None:
                return validate_data(self, X, **options), None
            numbers = self.answer == "numbers"
            several = numbers or self.answer == "classes"
            found, targets = validate_data(self, X, y, multi_output=several, y_numeric=numbers, **options)
        except (ValueError, TypeError) as error:
            raise ArrayError(str(error)) from None
        return found, targets


def is_table(X: Any) -> bool:  # noqa: N803
    """Whether ``X`` is numbers in rows of one length: a data frame, a sparse matrix, or an array of two dimensions.

    >>> is_table(np.zeros((3, 4))), is_table(np.zeros((3, 4, 2))), is_table([np.zeros(3), np.zeros(4)])
    (True, False, False)
    """
    if isinstance(X, np.ndarray):
        return X.ndim == 2 or (X.ndim < 2 and X.dtype.kind not in "OUS")
    return any(hasattr(X, name) for name in ("iloc", "tocsr", "__array__"))
