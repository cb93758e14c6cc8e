"""Elman: recurrent neural networks for anyone whose data comes as a sequence.

>>> import elman
>>> model = elman.LanguageModel(cell="lstm", hidden_size=64)

Names are imported when they are first used, so that `import elman` is instant and without torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from elman import system

if TYPE_CHECKING:
    from elman import cells, diagnostics, errors, export, interop, nn, runtime, settings, training
    from elman.nn.explain import explain
    from elman.runtime import Stream
    from elman.tasks import load
    from elman.tasks.anomalies import AnomalyDetector
    from elman.tasks.caption import Captioner
    from elman.tasks.classify import Classifier
    from elman.tasks.forecast import Forecaster
    from elman.tasks.impute import Imputer
    from elman.tasks.language_model import LanguageModel, TextScore
    from elman.tasks.regress import Regressor
    from elman.tasks.tag import Tagger
    from elman.tasks.transcribe import Transcriber
    from elman.tasks.translate import Translator

system.share_cores()

__version__: str

__all__ = [
    "AnomalyDetector",
    "Captioner",
    "Classifier",
    "Forecaster",
    "Imputer",
    "LanguageModel",
    "Regressor",
    "Stream",
    "Tagger",
    "TextScore",
    "Transcriber",
    "Translator",
    "__version__",
    "cells",
    "diagnostics",
    "errors",
    "explain",
    "export",
    "interop",
    "load",
    "nn",
    "runtime",
    "settings",
    "training",
]

#: Public name -> the module that holds it; a room's own name stands for the room.
_HOMES = {
    "AnomalyDetector": "elman.tasks.anomalies",
    "Captioner": "elman.tasks.caption",
    "Classifier": "elman.tasks.classify",
    "Forecaster": "elman.tasks.forecast",
    "Imputer": "elman.tasks.impute",
    "LanguageModel": "elman.tasks.language_model",
    "Regressor": "elman.tasks.regress",
    "Stream": "elman.runtime",
    "Tagger": "elman.tasks.tag",
    "TextScore": "elman.tasks.language_model",
    "Transcriber": "elman.tasks.transcribe",
    "Translator": "elman.tasks.translate",
    "explain": "elman.nn.explain",
    "load": "elman.tasks",
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib import metadata

        return metadata.version("elman")
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    if name in __all__:
        return importlib.import_module(f"elman.{name}")
    raise AttributeError(f"module 'elman' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted(__all__)
