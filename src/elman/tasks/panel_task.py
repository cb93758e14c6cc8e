"""What tasks on tables of series share: options by name, series from files or data frames, a model kept in a folder."""

from __future__ import annotations

from abc import ABC
from pathlib import Path
from typing import Any, ClassVar, Generic, Protocol, Self, TypeVar

from elman import cells
from elman.codecs.calendar import Frequency
from elman.codecs.panel import Panel, PanelColumns
from elman.data.panel import panel_of, read_panel
from elman.errors import BundleError, DataError, SettingsError, UsageError
from elman.runtime.bundle import Bundle
from elman.runtime.model import Model
from elman.settings import AUTO, flat, to_dict, update
from elman.settings.panel import PanelSettings

AnyModel = TypeVar("AnyModel", bound=Model)


class OfPanels(Protocol):
    """What the options of every such task tell."""

    @property
    def data(self) -> PanelSettings:
        """What a table holds."""


AnySettings = TypeVar("AnySettings", bound=OfPanels)


class PanelTask(ABC, Generic[AnySettings, AnyModel]):
    """A network that learns of series. Options are the fields of its `Settings`, by name.

    Raises `SettingsError` for an option that is unknown or out of range.
    """

    #: Name of the task, as in ``config.json`` and ``elman train``.
    task: ClassVar[str]
    #: The options that it takes.
    Settings: type[AnySettings]
    #: What is learnt, as it runs without torch.
    Model: type[AnyModel]

    def __init__(self, **options: Any) -> None:
        self._options = dict(options)
        self._effective: AnySettings | None = None
        self._metrics: dict[str, Any] = {}
        self._sample: dict[str, Any] = {}
        self._model: AnyModel | None = None
        cell = flat(self.settings).get("cell", AUTO)
        if cell != AUTO:
            cells.find(cell)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in self._options.items())})"

    @property
    def settings(self) -> AnySettings:
        """The options as they were given; after `fit` nothing in them is left open."""
        return self._asked() if self._effective is None else self._effective

    def _asked(self) -> AnySettings:
        return update(self.Settings(), self._options, type(self).__name__)

    @property
    def metrics(self) -> dict[str, Any]:
        """How good the model is on held-out data, with the baselines, and how it was trained."""
        return self._metrics

    @property
    def model(self) -> AnyModel:
        """What was learnt, as it runs without torch. Raises `UsageError` before `fit` or `load`."""
        if self._model is None:
            raise UsageError(f"This {type(self).__name__} has not been trained: call fit, or elman.load(DIR).")
        return self._model

    def panel(self, data: Any) -> Panel:
        """Series in files or a data frame, read as those of the training were."""
        return as_panel(data, self.settings.data, None if self._model is None else self._known(self._model))

    def _known(self, model: AnyModel) -> tuple[PanelColumns, Frequency] | None:
        """The columns and the clock of the training."""
        return None

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Read a model folder. Raises `BundleError` with one sentence on what is wrong with it."""
        bundle = Bundle.read(folder, cls.Model)
        if bundle.config["task"] != cls.task:
            raise BundleError(f"{folder}: is a model for the task '{bundle.config['task']}', not '{cls.task}'.")
        try:
            settings = update(cls.Settings(), bundle.config.get("settings", {}), f"{folder}/config.json")
        except SettingsError as error:
            raise BundleError(str(error)) from None
        found = cls(**flat(settings))
        found._effective = settings
        found._metrics, found._model, found._sample = bundle.metrics, bundle.model, bundle.sample
        return found

    def save(self, folder: str | Path) -> None:
        """Write the model folder, whole or not at all. Raises `SaveError`."""
        from elman.export import write_bundle

        write_bundle(
            folder,
            task=self.task,
            model=self.model,
            settings=to_dict(self.settings),
            metrics=self.metrics,
            sample=self._sample,
        )


def as_panel(data: Any, settings: PanelSettings, known: tuple[PanelColumns, Frequency] | None = None) -> Panel:
    """Series in files, a data frame or a `Panel`, read like those of a training where there was one.

    Raises `DataError` for anything else.
    """
    if isinstance(data, Panel):
        return data
    if hasattr(data, "columns"):
        return panel_of(data, settings, known=known)
    several = [data] if isinstance(data, (str, Path)) else data
    if not isinstance(several, (list, tuple)) or not all(isinstance(each, (str, Path)) for each in several):
        raise DataError(f"expected a file, a data frame or a Panel of series, found {type(data).__name__}.")
    return read_panel(several, settings, known=known)


def source_of(data: Any) -> str:
    """Where series come from, for the reader."""
    if isinstance(data, Panel):
        return "a panel"
    if hasattr(data, "columns"):
        return "a data frame"
    return ", ".join(Path(path).name for path in ([data] if isinstance(data, (str, Path)) else data))
