from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import label_networks
import transducers
from elman.codecs.raw import Ink, Raw, Recording, Series, joined, pieces
from elman.codecs.registry import codec_for
from elman.codecs.text import TextCodec
from elman.errors import DataError
from elman.runtime.transcript_model import TranscriptModel
from elman.runtime.transcripts import GREEDY, Decoding, Transcription
from elman.settings import SignalSettings
from elman.shapes import LabelShape, TransducerShape

RNG = np.random.default_rng(0)
SEQUENCES: dict[str, Raw] = {
    "audio": Recording(RNG.normal(0, 0.1, 4000).astype(np.float32), 8000),
    "series": Series(RNG.normal(size=(40, 3))),
    "ink": Ink(tuple(RNG.normal(size=(6, 2)).cumsum(0) for _ in range(5))),
}
DECODINGS = {"greedy": GREEDY, "beam": Decoding(beam=4, alternatives=2)}
TEXT = TextCodec.fit("characters", ["ab cd"])


def model(kind: str, head: str = "ctc", *, bidirectional: bool = False) -> TranscriptModel:
    codec = codec_for(kind, [SEQUENCES[kind]] * 2, SignalSettings())
    outputs = len(TEXT) + 1 if head == "ctc" else 6
    reader = LabelShape(
        "ctc" if head == "ctc" else "features",
        outputs,
        "gru",
        (6,),
        frame=codec.frame,
        convolutions=((5, 3, 2),),
        bidirectional=bidirectional,
    )
    if head == "ctc":
        weights = {name: 2 * value for name, value in label_networks.tensors(reader).items()}
        return TranscriptModel(reader, codec, TEXT, weights)
    shape = TransducerShape(reader, len(TEXT), 4, "lstm", (5,))
    return TranscriptModel(shape, codec, TEXT, transducers.tensors(shape))


#: Kind of sequence and head -> a model.
MODELS = {(kind, "ctc"): model(kind) for kind in SEQUENCES} | {("audio", "transducer"): model("audio", "transducer")}
every_model = pytest.mark.parametrize(("kind", "head"), MODELS)


def close(found: Transcription, expected: Transcription) -> None:
    assert found.text == expected.text
    assert [word[:3] for word in found.words] == [word[:3] for word in expected.words]
    assert [text for text, _ in found.alternatives] == [text for text, _ in expected.alternatives]
    np.testing.assert_allclose(found.confidence, expected.confidence, rtol=1e-4)


def cut(raw: Raw, places: list[int]) -> list[Raw]:
    """A sequence in as many parts, of any sizes, some empty."""
    many = pieces(raw, 24)
    ends = sorted(min(place, len(many)) for place in places)
    return [joined(many[begin:end]) for begin, end in pairwise([0, *ends, len(many)]) if end > begin]


@pytest.mark.parametrize("decoding", DECODINGS)
@every_model
@given(places=st.lists(st.integers(0, 24), max_size=5))
@settings(max_examples=6, deadline=None)
def test_the_finished_text_is_that_of_the_whole(kind: str, head: str, decoding: str, places: list[int]) -> None:
    of = MODELS[kind, head]
    (expected,) = of.transcribe([SEQUENCES[kind]], DECODINGS[decoding])
    live = of.stream(DECODINGS[decoding])
    settled = ""
    for part in cut(SEQUENCES[kind], places):
        so_far = live.push(part)
        assert so_far is not None
        assert so_far.text.startswith(settled)
        settled = so_far.text[: so_far.settled]
    found = live.flush()
    close(found, expected)
    assert found.text.startswith(settled.rstrip())


def test_a_model_of_both_directions_answers_at_the_end() -> None:
    of = model("series", bidirectional=True)
    live = of.stream()
    assert live.lookahead is None
    assert "reads in both directions" in live.explain()
    assert [live.push(part) for part in pieces(SEQUENCES["series"], 3)] == [None] * 3
    assert live.so_far().text == ""
    (expected,) = of.transcribe([SEQUENCES["series"]])
    close(live.flush(), expected)


@pytest.mark.parametrize("head", ["ctc", "transducer"])
@pytest.mark.parametrize("decoding", DECODINGS)
def test_a_saved_stream_and_a_fork_go_on(head: str, decoding: str, tmp_path: Path) -> None:
    of = MODELS["audio", head]
    first, second = pieces(SEQUENCES["audio"], 2)
    live, other = of.stream(DECODINGS[decoding]), of.stream(DECODINGS[decoding])
    live.push(first)
    live.save(tmp_path / "state")
    other.load(tmp_path / "state")
    fork = live.fork()
    (expected,) = of.transcribe([SEQUENCES["audio"]], DECODINGS[decoding])
    for one in (live, other, fork):
        one.push(second)
        close(one.flush(), expected)
    live.reset()
    live.push(SEQUENCES["audio"])
    close(live.flush(), expected)
    (tmp_path / "damaged").write_bytes(b"no")
    with pytest.raises(DataError, match="saved stream"):
        live.load(tmp_path / "damaged")


def test_a_sequence_without_a_step_is_read_as_one() -> None:
    empty = Series(np.zeros((0, 3)))
    for bidirectional in (False, True):
        of = model("series", bidirectional=bidirectional)
        (expected,) = of.transcribe([empty])
        close(of.stream().flush(), expected)
