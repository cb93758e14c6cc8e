"""The model folder: what is in it, and reading it with every doubt removed.

    model.safetensors   the weights, float32, tied tensors once
    config.json         format version, task, network, codec, effective settings, versions
    vocabulary.json     the codec's symbols (tokenizer.json for BPE)
    metrics.json        held-out and test figures with the baselines beside them
    sample.json         one recorded input and the model's output on it, checked on every load
    README.md           the model card

Nothing in a bundle is executed: tensors are safetensors, all else is JSON and text.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy

from elman.codecs import TextCodec
from elman.errors import BundleError, DataError
from elman.runtime.backends import Array, StreamPrecision
from elman.runtime.engine import Engine, NetworkShape
from elman.runtime.stream import Stream

FORMAT = "elman-bundle"
VERSION = 1

#: Largest difference, in nats, between the recorded output and what this machine computes: float32 sums in
#: another order differ by about 1e-5; a damaged or exchanged weight is off by far more.
SAMPLE_TOLERANCE = 1e-3


@dataclass(frozen=True)
class Bundle:
    """A model folder in memory, checked."""

    config: dict[str, Any]
    tensors: dict[str, Array]
    codec: TextCodec
    metrics: dict[str, Any]
    sample: dict[str, Any]
    _engines: dict[tuple[str, str], Engine] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def read(cls, folder: str | Path) -> Bundle:
        """Read a model folder and verify it against its recorded sample.

        Raises:
            BundleError: One sentence naming the file and what is wrong: missing, truncated, of another
                version, of another shape, or giving another output than was recorded.
        """
        folder = Path(folder)
        config = read_config(folder)
        bundle = cls(
            config=config,
            tensors=_read_tensors(folder / "model.safetensors"),
            codec=_read_codec(folder, config["codec"]),
            metrics=_read_json(folder / "metrics.json"),
            sample=_read_json(folder / "sample.json"),
        )
        bundle._verify(folder)
        return bundle

    @property
    def shape(self) -> NetworkShape:
        """What the network is made of."""
        return NetworkShape.from_dict(self.config["network"])

    def engine(self, *, backend: str = "auto", precision: StreamPrecision = "float32") -> Engine:
        """The network, ready to step; the same object for all who ask for the same. `Engine` explains the options."""
        if (backend, precision) not in self._engines:
            engine = Engine(self.shape, self.tensors, backend=backend, precision=precision)
            self._engines[backend, precision] = engine
        return self._engines[backend, precision]

    def stream(self, *, backend: str = "auto", precision: StreamPrecision = "float32") -> Stream:
        """A new live session; the options are those of `Engine`."""
        return Stream(self.engine(backend=backend, precision=precision), self.codec)

    def _verify(self, folder: Path) -> None:
        engine = self.engine()
        if engine.shape.vocabulary != len(self.codec):
            raise BundleError(
                f"{folder}: the network has {engine.shape.vocabulary} symbols, the vocabulary {len(self.codec)}."
            )
        try:
            symbols = np.array(self.sample["symbols"], np.int64)
            recorded = np.array(self.sample["log_probabilities"], np.float32)
            with np.errstate(all="ignore"):  # damaged weights may overflow; the difference says so
                computed = engine.score(symbols)
            difference = float(np.abs(computed - recorded).max())
        except (KeyError, ValueError, TypeError, IndexError) as error:
            raise BundleError(f"{folder / 'sample.json'}: does not hold a recorded sample ({error}).") from None
        if not difference <= SAMPLE_TOLERANCE:
            raise BundleError(
                f"{folder}: the model does not give its recorded output (off by {difference:.3g} nats, at most "
                f"{SAMPLE_TOLERANCE:g} expected): model.safetensors and sample.json do not belong together."
            )


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


def _read_codec(folder: Path, config: dict[str, Any]) -> TextCodec:
    try:
        return TextCodec.load(folder, config)
    except DataError as error:
        raise BundleError(str(error)) from None


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
