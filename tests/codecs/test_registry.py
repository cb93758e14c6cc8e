from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from elman.codecs.raw import Series
from elman.codecs.registry import CODECS, codec_for, load_codec
from elman.codecs.sequence import SequenceCodec
from elman.errors import DataError, SettingsError
from elman.settings import InputSettings, update

INPUTS: dict[str, list[Any]] = {
    "text": ["a fine film", "a dull film"], "words": [("a", "film"), ("a", "plot")], "dna": ["ACGT", "AACC"],
    "series": [Series(np.arange(5.0)[:, None])],
}  # fmt: skip


@pytest.mark.parametrize("kind", CODECS)
def test_a_codec_is_what_the_table_says(kind: str) -> None:
    module, name = CODECS[kind].split(":")
    codec = getattr(importlib.import_module(f"elman.codecs.{module}"), name)
    assert issubclass(codec, SequenceCodec)
    assert codec.kind == kind


@pytest.mark.parametrize("kind", INPUTS)
def test_a_fitted_codec_comes_back_from_its_folder(kind: str, tmp_path: Path) -> None:
    codec = codec_for(kind, INPUTS[kind], InputSettings())
    codec.save(tmp_path)
    loaded = load_codec(tmp_path, codec.to_config())
    for raw in INPUTS[kind]:
        assert np.array_equal(loaded.encode(raw).values, codec.encode(raw).values)


def test_the_steps_of_a_text_are_words_or_characters() -> None:
    def kind_of(texts: list[str], **options: Any) -> str:
        return codec_for("text", texts, update(InputSettings(), options)).kind

    assert kind_of(["a fine film", "dull"]) == "words"
    assert kind_of(["Elman", "Jordan"]) == "text"
    assert kind_of(["a fine film", "dull"], units="bytes") == "text"


def test_a_codec_takes_the_options_that_are_for_it() -> None:
    codec = codec_for("text", ["a fine film", "a dull film"], update(InputSettings(), {"vocabulary_size": 3, "k": 4}))
    assert codec.symbols[0] == 3


def test_what_is_no_codec_says_so(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="Did you mean 'series'"):
        codec_for("serie", [], InputSettings())
    for config in ({}, {"kind": "smell"}, {"kind": 3}, None):
        with pytest.raises(DataError, match="expected a codec"):
            load_codec(tmp_path, config)  # type: ignore[arg-type]
