"""The model folder: what is in it, and reading it with every doubt removed.

    model.safetensors   the weights, float32, tied tensors once
    config.json         format version, task, network, codec, effective settings, versions; what else the task needs
    vocabulary.json     the codec's symbols (tokenizer.json for BPE); other codecs have other files, or none
    metrics.json        held-out and test figures with the baselines beside them
    sample.json         one recorded input and the model's output on it, checked on every load
    README.md           the model card

Nothing in a bundle is executed: tensors are safetensors, all else is JSON and text.
"""

from __future__ import annotations

import importlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar, final, overload

import numpy as np
import safetensors
import safetensors.numpy

from elman.errors import BundleError, DataError, nearest
from elman.runtime.backends import Array
from elman.runtime.model import Model

FORMAT = "elman-bundle"
VERSION = 1

#: Largest difference, in nats, between the recorded output and what this machine computes: float32 sums in
#: another order differ by about 1e-5; a damaged or exchanged weight is off by far more.
SAMPLE_TOLERANCE = 1e-3

#: Task named in ``config.json`` -> module and class of its model.
MODELS = {
    "language-model": "text_model:TextModel",
    "forecast": "forecast_model:ForecastModel",
    "classify": "label_model:LabelModel",
    "tag": "label_model:LabelModel",
    "regress": "label_model:LabelModel",
    "caption": "caption_model:CaptionModel",
    "anomalies": "channel_model:ChannelModel",
    "impute": "channel_model:ChannelModel",
    "transcribe": "transcript_model:TranscriptModel",
    "translate": "pair_model:PairModel",
}

AnyModel = TypeVar("AnyModel", bound=Model)


@final
@dataclass(frozen=True)
class Bundle(Generic[AnyModel]):
    """A model folder in memory, checked."""

    config: dict[str, Any]
    model: AnyModel
    metrics: dict[str, Any]
    sample: dict[str, Any]

    @overload
    @staticmethod
    def read(folder: str | Path) -> Bundle[Any]: ...

    @overload
    @staticmethod
    def read(folder: str | Path, expected: type[AnyModel]) -> Bundle[AnyModel]: ...

    @staticmethod
    def read(folder: str | Path, expected: type[Any] = Model) -> Bundle[Any]:
        """Read a model folder and verify it against its recorded sample.

        Args:
            folder: Where.
            expected: The kind of model that is needed, where not any will do.

        Raises:
            BundleError: One sentence naming the file and what is wrong: missing, truncated, of another
                version, of another task or shape, or giving another output than was recorded.
        """
        folder = Path(folder)
        config = read_config(folder)
        kind = _model_class(folder, config["task"])
        if not issubclass(kind, expected):
            raise BundleError(f"{folder}: is for the task '{config['task']}'; a {expected.called} is needed here.")
        try:
            model = kind.load(folder, config, _read_tensors(folder / "model.safetensors"))
        except DataError as error:
            raise BundleError(str(error)) from None
        bundle = Bundle(config, model, _read_json(folder / "metrics.json"), _read_json(folder / "sample.json"))
        bundle._verify(folder)
        return bundle

    def _verify(self, folder: Path) -> None:
        try:
            with np.errstate(all="ignore"):  # damaged weights may overflow; the difference says so
                difference = self.model.difference(self.sample)
        except (KeyError, ValueError, TypeError, IndexError) as error:
            raise BundleError(f"{folder / 'sample.json'}: does not hold a recorded sample ({error}).") from None
        if not difference <= SAMPLE_TOLERANCE:
            raise BundleError(
                f"{folder}: the model does not give its recorded output (off by {difference:.3g}, at most "
                f"{SAMPLE_TOLERANCE:g} expected): model.safetensors and sample.json do not belong together."
            )


def _model_class(folder: Path, task: Any) -> type[Model]:
    if task not in MODELS:
        raise BundleError(f"{folder}: is a model for the task '{task}', unknown here.{nearest(str(task), MODELS)}")
    module, name = MODELS[task].split(":")
    kind: type[Model] = getattr(importlib.import_module(f"elman.runtime.{module}"), name)
    return kind


def read_config(folder: Path) -> dict[str, Any]:
    """``config.json`` of a model folder, checked for format and version. Raises `BundleError`."""
    if not folder.is_dir():
        raise BundleError(f"{folder}: is not a folder; a model is a folder with config.json in it.")
    config = _read_json(folder / "config.json")
    if config.get("format") != FORMAT:
        raise BundleError(f'{folder / "config.json"}: is not an Elman model (no "format": "{FORMAT}").')
    if config.get("version") != VERSION:
        raise BundleError(
            f"{folder}: has bundle version {config.get('version')}; this Elman reads version {VERSION}. "
            f"It was written by Elman {config.get('elman', '?')}: install that one, or train again."
        )
    for name in ("task", "network", "codec"):
        if name not in config:
            raise BundleError(f"{folder / 'config.json'}: '{name}' is missing.")
    return config


def _read_json(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BundleError(f"{path}: is missing; the folder is not a complete model.") from None
    except OSError as error:
        raise BundleError(f"{path}: cannot be read ({error.strerror}).") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise BundleError(f"{path}: is not valid JSON ({error}).") from None
    if not isinstance(values, dict):
        raise BundleError(f"{path}: expected a JSON object, found {type(values).__name__}.")
    return values


def _read_tensors(path: Path) -> dict[str, Array]:
    try:
        # Read here: safetensors calls a file that may not be read missing.
        tensors = safetensors.numpy.load(path.read_bytes())
    except FileNotFoundError:
        raise BundleError(f"{path}: is missing; the folder is not a complete model.") from None
    except OSError as error:
        raise BundleError(f"{path}: cannot be read ({error.strerror}).") from None
    except (safetensors.SafetensorError, KeyError, ValueError) as error:  # the last two for an unknown kind of number
        raise BundleError(f"{path}: is damaged or cut short ({error}).") from None
    return {name: value.astype(np.float32, copy=False) for name, value in tensors.items()}
