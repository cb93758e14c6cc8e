"""What the tasks on channels that are measured side by side share: how they learn, and what held-out data say then."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

from elman.codecs.calendar import Frequency
from elman.codecs.panel import Panel, PanelColumns
from elman.runtime.channel_model import ChannelModel
from elman.settings.channels import AnomalySettings, ImputerSettings
from elman.tasks.channel_report import ChannelReport
from elman.tasks.panel_task import PanelTask, source_of

if TYPE_CHECKING:
    from elman.tasks.channel_training import Trained
    from elman.training.events import Callback

AnySettings = TypeVar("AnySettings", AnomalySettings, ImputerSettings)


class ChannelTask(PanelTask[AnySettings, ChannelModel]):
    """A network that learns of channels, each a column. Options are the fields of its `Settings`, by name."""

    Model = ChannelModel

    _report: ChannelReport | None = None

    def fit(
        self,
        data: Any,
        *,
        out: str | Path | None = None,
        resume: bool = False,
        callbacks: Sequence[Callback] = (),
    ) -> Self:
        """Train on channels.

        Args:
            data: A table in a file or several of them, a data frame, or a `Panel`.
            out: Folder for model, logs and checkpoints; without it all stays in memory.
            resume: Go on with the run in ``out``.
            callbacks: Follow the run.

        Raises:
            DataError: A table is not what was expected, or too short.
            SaveError: ``out`` is in use or cannot be written to.
            NonFiniteLossError: The loss became NaN; the last good model is kept.
        """
        from elman.tasks import channel_training as training

        asked = self._asked()
        self._model = None
        panel, asked = self._to_learn(data, asked)
        trained = training.run(panel, asked, source=source_of(data), out=out, resume=resume, callbacks=callbacks)
        self._effective, self._model = trained.settings, trained.model
        self._sample = trained.model.record(trained.held_out[0])
        self._report, held_out = self._found(trained)
        self._metrics = {"held_out": held_out, "training": trained.training}
        if out is not None:
            self.save(out)
        if trained.failure is not None:
            raise trained.failure
        return self

    @abstractmethod
    def _to_learn(self, data: Any, asked: AnySettings) -> tuple[Panel, AnySettings]:
        """The channels that train, and the settings with what was found in the table."""

    @abstractmethod
    def _found(self, trained: Trained) -> tuple[ChannelReport, dict[str, Any]]:
        """What held-out data say of a model, as a report and for ``metrics.json``."""

    @property
    def report(self) -> ChannelReport | None:
        """What `fit` found of held-out data; None after `load`."""
        return self._report

    def _known(self, model: ChannelModel) -> tuple[PanelColumns, Frequency]:
        return model.codec.columns, model.codec.frequency
