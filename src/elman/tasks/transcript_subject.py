"""A model that transcribes as `elman.nn.subject.Subject`, for `elman inspect`: its layers and what they say."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from elman.data.examples import Examples
from elman.decoding.ctc import align
from elman.errors import UsageError
from elman.nn.labels import LabelNetwork
from elman.nn.subject import Subject
from elman.runtime.transcript_model import TranscriptModel
from elman.shapes import LabelShape
from elman.tasks.label_subject import Question, choose, look
from elman.tasks.training_run import put_weights

#: What the blank is called.
BLANK = "nothing"


def subject(model: TranscriptModel, examples: Examples, steps: int, batch: int, title: str) -> Subject:
    """The model and some of the longest sequences, all cut to the length of the shortest of them.

    What is right at a frame is the symbol of the known transcript that was said there by the likeliest alignment, or
    nothing. Of layers that read in both directions only the forward direction of the top layer is looked at, see
    `elman.tasks.label_subject`.

    Raises `DataError` without transcripts, where one does not fit its sequence, or no sequence has 2 steps;
    `UsageError` for a transducer, whose symbols belong to no frame alone.
    """
    if not isinstance(model.shape, LabelShape):
        raise UsageError("A look at what a model remembers is for the head ctc; this model is a transducer.")
    shape = model.shape
    network = LabelNetwork(shape)
    put_weights(network, model.tensors)

    def target(row: int, time: int) -> NDArray[Any]:
        assert examples.targets is not None
        (frames,) = model.frames([examples.inputs[row]])
        path = np.full(len(frames), shape.outputs - 1, np.int64)
        for segment in align(frames, model.text.encode(str(examples.targets[row])).tolist()):
            path[segment.first : segment.after] = segment.symbol
        return path[: shape.kept(time)]

    chosen = choose(model.codec, examples, steps, batch, target)
    question = Question((*model.text.symbols, BLANK), lambda scores: scores, lambda each: each.target)
    return look(network, chosen, question, title)
