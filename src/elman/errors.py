"""Every error that Elman raises on purpose, in one tree.

    ElmanError                      anything a user can be told in a sentence
    ├── UsageError                  the request itself is wrong; the CLI exits with 2
    │   └── SettingsError           an option is unknown, malformed or in conflict with another
    ├── BackendError                a backend asked for by name cannot run this layer
    ├── DataError                   a file or an array is not what was asked for
    │   └── ArrayError              data in memory are not; a ValueError too, as scikit-learn and NumPy have it
    ├── BundleError                 a model folder is damaged, incomplete or of another version
    ├── CheckpointError             a training run cannot be resumed from what is on disk
    ├── TrainingError               training cannot go on
    │   └── NonFiniteLossError      the loss became NaN or infinite
    ├── ExportError                 a model cannot be written in another format, or does not give the same there
    └── SaveError                   the result could not be written (disk full, folder in use, ...)

A message says what was expected, what was found and what to do. Whoever raises knows the place;
nobody further up adds to the text. The CLI prints the message and exits with ``exit_code``.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class ElmanError(Exception):
    """Base of every error that Elman raises on purpose."""

    exit_code = 1


class UsageError(ElmanError):
    """The request itself is wrong: nothing was read or written."""

    exit_code = 2


class SettingsError(UsageError):
    """An option is unknown, malformed or in conflict with another option."""


class BackendError(ElmanError):
    """A backend that was asked for by name cannot run this layer."""


class DataError(ElmanError):
    """A file or an array is not what was asked for."""


class ArrayError(DataError, ValueError):
    """Data in memory are not what was asked for; a ``ValueError`` too, as scikit-learn and NumPy have it."""


class BundleError(ElmanError):
    """A model folder is damaged, incomplete or of another version."""


class CheckpointError(ElmanError):
    """A training run cannot be resumed from what is on disk."""


class TrainingError(ElmanError):
    """Training cannot go on."""


class NonFiniteLossError(TrainingError):
    """The loss became NaN or infinite."""


class ExportError(ElmanError):
    """A model cannot be written in another format, or does not give the same there."""


class SaveError(ElmanError):
    """The result could not be written."""


def nearest(name: str, known: Iterable[str]) -> str:
    """Return ``" Did you mean 'x'?"`` for the known name closest to ``name``, or an empty string.

    >>> nearest("hiden_size", ["hidden_size", "epochs"])
    " Did you mean 'hidden_size'?"
    >>> nearest("zzz", ["hidden_size"])
    ''
    """
    matches = difflib.get_close_matches(name, list(known), n=1)
    return f" Did you mean '{matches[0]}'?" if matches else ""
