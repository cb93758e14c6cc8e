"""One task per file: codec, source, model, loss, metric and decoder put together for a use that has a name."""

from __future__ import annotations

from pathlib import Path
from typing import TypeAlias

from elman.errors import BundleError, nearest
from elman.tasks.anomalies import AnomalyDetector
from elman.tasks.caption import Captioner
from elman.tasks.classify import Classifier
from elman.tasks.forecast import Forecaster
from elman.tasks.impute import Imputer
from elman.tasks.labelled import Labelled
from elman.tasks.language_model import LanguageModel
from elman.tasks.regress import Regressor
from elman.tasks.tag import Tagger
from elman.tasks.transcribe import Transcriber
from elman.tasks.translate import Translator

Task: TypeAlias = (
    LanguageModel
    | Classifier
    | Tagger
    | Regressor
    | Transcriber
    | Translator
    | Captioner
    | Forecaster
    | AnomalyDetector
    | Imputer
)

#: Task named in a bundle's config.json -> the class that loads it.
TASKS: dict[str, type[Task]] = {
    "language-model": LanguageModel,
    "classify": Classifier,
    "tag": Tagger,
    "regress": Regressor,
    "transcribe": Transcriber,
    "translate": Translator,
    "caption": Captioner,
    "forecast": Forecaster,
    "anomalies": AnomalyDetector,
    "impute": Imputer,
}

#: Those that learn labels of sequences.
LABEL_TASKS: dict[str, type[Labelled]] = {kind.task: kind for kind in (Classifier, Tagger, Regressor)}


def load(folder: str | Path) -> Task:
    """Read a model folder of any task; returns the task's own class, ready for use.

    Raises:
        BundleError: The folder is missing, damaged, of another version or of an unknown task.
    """
    from elman.runtime.bundle import read_config

    task = read_config(Path(folder))["task"]
    if task not in TASKS:
        raise BundleError(f"{folder}: is a model for the task '{task}', unknown here.{nearest(str(task), TASKS)}")
    return TASKS[task].load(folder)
