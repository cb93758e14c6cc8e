"""What columns are called in tables that people make, in the order in which the names are believed."""

from __future__ import annotations

import re

TARGET = (
    "label", "labels", "class", "classes", "target", "targets", "class_label", "class_name", "category", "sentiment",
    "intent", "gold", "topic", "polarity", "answer", "species", "activity", "emotion", "language",
    "rating", "stars", "score", "tag", "tags", "ner_tags", "pos_tags", "slots",
    "output", "y",
)  # fmt: skip
INPUT = (
    "text", "sentence", "review", "document", "content", "body", "comment", "message", "tweet", "utterance", "query",
    "question", "question_text", "comment_text", "phrase", "description", "sequence", "seq", "dna", "input", "x",
    "tokens", "words", "word", "headline", "title", "name", "surname", "series", "values", "signal",
)  # fmt: skip
#: A text that is to be learnt, beside a file or another text.
WRITTEN = (
    "transcript", "transcription", "transcripts", "transcriptions", "caption", "captions", "text", "sentence",
    "sentences", "translation", "target", "target_text", "tgt", "output", "output_text", "summary", "reference",
    "references", "normalized_text", "utterance", "label", "word", "words", "phonemes", "pronunciation", "ipa",
    "answer", "response", "truth", "gt", "ground_truth", "y",
)  # fmt: skip
#: The text that is read, where another one is to be learnt.
SOURCE = (
    "source",
    "source_text",
    "src",
    "input",
    "input_text",
    "text",
    "sentence",
    "question",
    "spelling",
    "word",
    "x",
)
ID = (
    "id", "case", "case_id", "series_id", "sequence_id", "seq_id", "sample_id", "example_id", "recording",
    "recording_id", "trial", "trial_id", "session", "session_id", "instance", "window", "window_id", "unit", "track",
    "sentence_id", "sentence #", "sent_id", "doc_id", "case_index",
)  # fmt: skip
TIME = (
    "time", "timestamp", "t", "date", "datetime", "step", "frame", "seconds", "ms", "reading_id", "time_index",
    "measurement_number", "time_step", "timestep", "tick",
)  # fmt: skip
GROUP = (
    "speaker", "writer", "subject", "patient", "participant", "person", "user", "author", "group", "speaker_id",
    "writer_id", "subject_id", "patient_id", "participant_id", "person_id", "user_id", "author_id", "group_id",
)  # fmt: skip
#: Who wrote, or what was written on.
PAGE = ("document", "page", "book", "volume", "hand")
PART = ("split", "part", "set", "subset", "partition", "fold")
#: The channel of a value, in tables with one value a row.
CHANNEL = ("channel", "dim", "dim_id", "dimension", "sensor", "variable", "dim_index")
#: The number of a row, which pandas writes without a name.
INDEX = ("index", "unnamed: 0", "", "row", "row_id", "no")


def plain(name: str) -> str:
    """A column's name without case and punctuation at its ends.

    >>> plain("#sequence_ID ")
    'sequence_id'
    """
    return re.sub(r"^\W+|[^\w#]+$", "", str(name)).lower()


#: From and to which second of a recording a row goes.
START = ("start", "start_time", "begin", "offset", "from", "onset")
END = ("end", "end_time", "stop", "to")
LENGTH = ("duration", "dur", "length", "seconds")

#: Where a sequence is a file of its own.
FILE = ("path", "file", "file_name", "filename", "image", "image_name", "audio", "audio_path", "wav_filename")

#: A row with one of these in it is a header.
KNOWN = frozenset(
    {*TARGET, *INPUT, *ID, *TIME, *GROUP, *PART, *CHANNEL, *FILE, "transcript", "transcription", "caption", "captions"}
    - {"t", "x", "y", "no", "name", "score", "part"}
)
