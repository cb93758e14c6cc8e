"""Data: from files to batches. What needs torch is imported when it is first used: reading files does not."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from elman.data.batch import SequenceBatch
    from elman.data.examples import Examples
    from elman.data.labelled import LabelledBatches, make_batch, scores_of, scoring_batches
    from elman.data.streams import TextStreams, score_streams
    from elman.data.text_files import read_texts, split_held_out

__all__ = [
    "Examples",
    "LabelledBatches",
    "SequenceBatch",
    "TextStreams",
    "make_batch",
    "read_texts",
    "score_streams",
    "scores_of",
    "scoring_batches",
    "split_held_out",
]

#: Public name -> the module that holds it.
_HOMES = {
    "Examples": "examples",
    "LabelledBatches": "labelled",
    "SequenceBatch": "batch",
    "TextStreams": "streams",
    "make_batch": "labelled",
    "read_texts": "text_files",
    "score_streams": "streams",
    "scores_of": "labelled",
    "scoring_batches": "labelled",
    "split_held_out": "text_files",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'elman.data' has no attribute '{name}'")
    return getattr(importlib.import_module(f"elman.data.{_HOMES[name]}"), name)
