"""The table of all tasks: what each makes for diagnoses to look at; test_subjects.py holds for every row."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import caption_networks
import label_networks
import pair_networks
import small_models
import transcript_examples
from elman.codecs.channels import ChannelCodec
from elman.codecs.panel import Panel
from elman.codecs.series import SeriesCodec
from elman.codecs.text import TextCodec
from elman.data.examples import Examples
from elman.nn.channels import ChannelNetworks
from elman.nn.subject import Subject
from elman.runtime.channel_model import ChannelModel
from elman.runtime.transcript_model import TranscriptModel
from elman.shapes import LabelShape
from elman.tasks import caption_subject, channel_subject, label_subject, pair_subject, transcript_subject
from elman.tasks.forecast import Forecaster
from elman.tasks.language_model import LanguageModel
from elman.tasks.training_run import tensors_of


def language_model(folder: Path) -> Subject:
    model = LanguageModel.load(small_models.bundle(folder / "model", learn_initial_state=False))
    return model.subject(small_models.TEXT, steps=40, batch=2)


def labels(answer: str, **changes: Any) -> Callable[[Path], Subject]:
    def made(folder: Path) -> Subject:
        model, examples = label_networks.model(answer, hidden_sizes=(5,), **changes)
        return label_subject.subject(model, examples, steps=30, batch=2, title="model")

    return made


def transcripts(folder: Path) -> Subject:
    some = transcript_examples.examples(6)
    codec, text = SeriesCodec.fit(some.inputs, augment="none"), TextCodec.fit("characters", ["abc "])
    of = LabelShape("ctc", len(text) + 1, "gru", (5,), frame=codec.frame, convolutions=((4, 3, 2),))
    model = TranscriptModel(of, codec, text, label_networks.tensors(of))
    return transcript_subject.subject(model, some, steps=30, batch=2, title="model")


def pairs(folder: Path) -> Subject:
    some = Examples("text", ["abcabcab", "bcacabca"], ["yzzyxyzzyxyz", "zxyxyzzyzzyx"], ["one", "two"])
    return pair_subject.subject(pair_networks.model(), some, steps=30, batch=2, title="model")


def captions(folder: Path) -> Subject:
    long = "a red square above a blue square above a red one"
    some = replace(caption_networks.examples().take([1, 1]), targets=[long, long])
    return caption_subject.subject(caption_networks.model(), some, steps=30, batch=2, title="model")


def forecasts(folder: Path) -> Subject:
    months = pd.date_range("2015-01-01", periods=60, freq="MS")
    table = pd.DataFrame({"ds": months, "y": 9 + np.random.default_rng(0).normal(size=60)})
    small: dict[str, Any] = {
        "horizon": 4,
        "context": 20,
        "hidden_size": 5,
        "steps": 2,
        "architecture": "autoregressive",
    }
    return Forecaster(**small).fit(table).subject(steps=20, batch=1)


def channels(folder: Path) -> Subject:
    series = np.random.default_rng(0).normal(size=(2, 60))
    panel = Panel.of({"a": series[0], "b": series[1]})
    codec = ChannelCodec.fit(panel)
    common: dict[str, Any] = {"head": "linear", "outputs": 2, "cell": "gru", "hidden_sizes": (5,)}
    rebuilding = LabelShape(**common, frame=(codec.rebuilt_frame,), bidirectional=True)
    expecting = LabelShape(**common, frame=(codec.ahead_frame,))
    network = ChannelNetworks(rebuilding, expecting)
    model = ChannelModel(codec, rebuilding, expecting, tensors=tensors_of(network))
    return channel_subject.subject(model, panel, steps=30, batch=2, title="model")


#: Tasks whose models have no memory to look at, and why.
WITHOUT = {"impute": "It reads in both directions: what it remembers of the past is half of what it goes by."}

#: Tasks in whose sequences no input comes twice: numbers differ, and so does what is found in a source.
NEVER_TWICE = {"forecast", "anomalies", "translate"}

#: Name of a task -> makes a model of it in a folder and what there is to look at.
SUBJECTS: dict[str, Callable[[Path], Subject]] = {
    "language-model": language_model,
    "classify": labels("class"),
    "tag": labels("tags", bidirectional=True),
    "regress": labels("numbers"),
    "transcribe": transcripts,
    "translate": pairs,
    "caption": captions,
    "forecast": forecasts,
    "anomalies": channels,
}
