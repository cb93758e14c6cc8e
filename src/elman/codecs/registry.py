"""Which codec reads which kind of sequence; a codec's module is imported when it is asked for."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from elman.codecs.raw import Raw
from elman.codecs.sequence import SequenceCodec
from elman.errors import DataError, SettingsError, nearest
from elman.settings import AUTO, InputSettings, SignalSettings, flat

#: Kind of codec, as in ``config.json`` -> its module and class. A codec says what it is by its class variable ``kind``.
CODECS = {
    "text": "text_steps:TextSteps",
    "words": "words:WordSteps",
    "dna": "dna:DnaCodec",
    "audio": "audio:AudioCodec",
    "series": "series:SeriesCodec",
    "ink": "ink:InkCodec",
    "frames": "frames:FramesCodec",
    "lines": "lines:LinesCodec",
}

#: Texts with fewer white spaces than this, on average, are single words or names: their steps are characters.
FEWEST_SPACES = 1.0


def codec_for(kind: str, inputs: Sequence[Raw], options: SignalSettings) -> SequenceCodec:
    """Fit the codec for sequences of a kind to training data.

    A codec takes the options that its ``fit`` names, and chooses by itself where one says auto.

    Args:
        kind: What the sequences are, see `elman.data.examples.Kind`.
        inputs: The sequences of the training data.
        options: How their steps are to be made.

    Raises:
        SettingsError: The kind is unknown, or an option is not for it.
        DataError: The codec cannot be fitted to ``inputs``.
    """
    if kind == "text" and isinstance(options, InputSettings):
        units = _units(inputs) if options.units == AUTO else options.units
        kind = "words" if units == "words" else "text"
        options = type(options)(**{**flat(options), "units": units})
    codec = _codec_class("lines" if kind == "images" else kind)
    known = inspect.signature(codec.fit).parameters  # type: ignore[attr-defined]
    chosen = {name: value for name, value in flat(options).items() if name in known and value not in (AUTO, ())}
    fitted = codec.fit(inputs, **chosen)  # type: ignore[attr-defined]
    assert isinstance(fitted, SequenceCodec)
    return fitted


def load_codec(folder: Path, config: Mapping[str, Any]) -> SequenceCodec:
    """The codec that ``config`` describes, with what its ``save`` wrote into ``folder``. Raises `DataError`."""
    kind = config.get("kind") if isinstance(config, Mapping) else None
    if not isinstance(kind, str) or kind not in CODECS:
        raise DataError(f"{folder}: expected a codec (one of {', '.join(CODECS)}), found {kind!r}.")
    loaded = _codec_class(kind).load(folder, config)  # type: ignore[attr-defined]
    assert isinstance(loaded, SequenceCodec)
    return loaded


def _codec_class(kind: str) -> type[SequenceCodec]:
    if kind not in CODECS:
        raise SettingsError(f"kind takes one of {', '.join(CODECS)}, not '{kind}'.{nearest(kind, CODECS)}")
    module, name = CODECS[kind].split(":")
    codec: type[SequenceCodec] = getattr(importlib.import_module(f"elman.codecs.{module}"), name)
    return codec


def _units(texts: Sequence[Raw]) -> str:
    """Words for sentences, characters for single words and names.

    >>> _units(["a fine film", "not bad"]), _units(["Elman", "Jordan"])
    ('words', 'characters')
    """
    spaces = sum(len(str(text).split()) - 1 for text in texts)
    return "words" if spaces >= FEWEST_SPACES * len(texts) else "characters"
