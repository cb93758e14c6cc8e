from __future__ import annotations

import numpy as np
import pytest

import label_networks
import transcript_examples
from elman.codecs.series import SeriesCodec
from elman.codecs.text import TextCodec
from elman.errors import DataError
from elman.runtime.transcript_model import TranscriptModel
from elman.shapes import LabelShape
from elman.tasks.transcript_subject import BLANK, subject

EXAMPLES = transcript_examples.examples(6)


def model(*, bidirectional: bool = False) -> TranscriptModel:
    codec = SeriesCodec.fit(EXAMPLES.inputs, augment="none")
    text = TextCodec.fit("characters", ["abc "])
    shape = LabelShape(
        "ctc", len(text) + 1, "gru", (6, 5), frame=codec.frame, convolutions=((4, 3, 2),), bidirectional=bidirectional
    )  # fmt: skip
    return TranscriptModel(shape, codec, text, label_networks.tensors(shape))


@pytest.mark.parametrize("bidirectional", [False, True])
def test_a_frame_is_to_say_the_symbol_that_is_aligned_with_it(bidirectional: bool) -> None:
    of = subject(model(bidirectional=bidirectional), EXAMPLES, steps=400, batch=2, title="model")
    outputs, _, _ = of.run()
    assert of.loss_of(outputs).shape == of.targets.shape == (2, of.time)
    assert of.answers[-1] == BLANK
    assert of.counts.all()
    said = of.targets[0].numpy()
    path = said[np.flatnonzero(np.diff(said, prepend=-1))]
    spelled = "".join(of.answers[symbol] for symbol in path if of.answers[symbol] != BLANK).replace("␣", " ")
    assert any(str(text).replace("  ", " ").startswith(spelled) for text in EXAMPLES.targets or ())


def test_sequences_without_transcripts_are_refused() -> None:
    with pytest.raises(DataError, match="is known what the model is to say"):
        subject(model(), transcript_examples.without_transcripts(EXAMPLES), steps=40, batch=2, title="model")
