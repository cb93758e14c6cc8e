"""Data: from files to batches."""

from __future__ import annotations

from elman.data.batch import SequenceBatch
from elman.data.labelled import LabelledBatches, make_batch, scores_of, scoring_batches
from elman.data.streams import TextStreams, score_streams
from elman.data.text_files import read_texts, split_held_out

__all__ = [
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
