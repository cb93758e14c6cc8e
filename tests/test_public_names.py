"""The names that users may rely on. A change here is a change of the interface and belongs into the changelog."""

from __future__ import annotations

import importlib

import pytest

import elman

PUBLIC = {
    "elman": [
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
    ],
    "elman.export": ["Exported", "to_onnx", "write_bundle"],
    "elman.nn": [
        "GRU",
        "LSTM",
        "RNN",
        "RTRL",
        "AttentionPool",
        "Choice",
        "ConvGRU",
        "ConvLSTM",
        "LastPool",
        "LockedDropout",
        "MaxPool",
        "MeanPool",
        "Recurrent",
        "Residual",
        "Stack",
        "State",
        "TorchOps",
        "Unrolled",
        "choose",
        "drop_weights",
        "drop_words",
        "unroll",
        "unroll_stack",
        "AdditiveAttention",
        "Attended",
        "Attention",
        "DotAttention",
        "GeneralAttention",
        "LocationSensitiveAttention",
        "Memory",
        "MonotonicAttention",
        "MultiHeadAttention",
        "AdaptiveSoftmaxHead",
        "CRFHead",
        "CTCHead",
        "Mixture",
        "MixtureDensityHead",
        "PenHead",
        "PenMixture",
        "TransducerHead",
    ],
}


@pytest.mark.parametrize("module", PUBLIC)
def test_public_names_are_pinned(module: str) -> None:
    assert sorted(importlib.import_module(module).__all__) == sorted(PUBLIC[module])


@pytest.mark.parametrize("module", PUBLIC)
def test_every_public_name_is_there(module: str) -> None:
    imported = importlib.import_module(module)
    for name in PUBLIC[module]:
        assert getattr(imported, name) is not None
        assert name in dir(imported)


def test_every_public_class_and_function_says_what_it_is() -> None:
    for name in elman.__all__:
        value = getattr(elman, name)
        assert name.startswith("__") or value.__doc__, f"elman.{name} has no docstring"


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'elman' has no attribute 'LSTMM'"):
        elman.LSTMM  # noqa: B018 - the access is what is tested
