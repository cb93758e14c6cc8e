"""Data: from files to batches."""

from __future__ import annotations

from elman.data.batch import SequenceBatch
from elman.data.streams import TextStreams, score_streams
from elman.data.text_files import read_texts, split_held_out

__all__ = ["SequenceBatch", "TextStreams", "read_texts", "score_streams", "split_held_out"]
