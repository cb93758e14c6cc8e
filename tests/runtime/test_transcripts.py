from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elman.codecs.text import TextCodec
from elman.decoding.ctc import greedy
from elman.decoding.ctc_beam import PrefixBeam
from elman.errors import SettingsError
from elman.runtime.transcripts import BeamDecoder, Decoder, Decoding, GreedyDecoder, transcription

#: <unk>, space, a, b, c.
TEXT = TextCodec.fit("characters", ["ab c"])
BEAM = Decoding(beam=4, alternatives=3)


def frames(time: int, symbols: int = len(TEXT), seed: int = 0) -> np.ndarray:
    scores = np.random.default_rng(seed).normal(0, 2, (time, symbols + 1))
    return np.asarray(scores - np.logaddexp.reduce(scores, 1)[:, None], np.float32)


def said(*symbols: int) -> np.ndarray:
    """Frames that say just these, 5 is the blank."""
    return np.log(np.full((len(symbols), 6), 0.02) + 0.88 * np.eye(6)[list(symbols)])


def decoder(name: str) -> Decoder:
    return GreedyDecoder(len(TEXT)) if name == "greedy" else BeamDecoder(len(TEXT), BEAM)


def test_greedy_decoding_is_that_of_the_whole() -> None:
    of = GreedyDecoder(len(TEXT))
    whole = frames(12)
    for part in np.split(whole, [3, 4, 9]):
        of.push(part)
    assert of.flush() == (greedy(whole), [])


def test_a_beam_gives_the_best_transcripts_and_aligns_the_first() -> None:
    of, search = BeamDecoder(len(TEXT), BEAM), PrefixBeam(len(TEXT), beam=4)
    of.push(frames(12))
    search.push(frames(12))
    segments, found = of.flush()
    assert found == search.flush(3)
    assert [each.symbol for each in segments] == found[0].symbols


@pytest.mark.parametrize("name", ["greedy", "beam"])
@given(cut=st.integers(0, 12))
@settings(max_examples=8, deadline=None)
def test_another_decoder_goes_on_from_what_is_held(name: str, cut: int) -> None:
    first, second, whole = decoder(name), decoder(name), decoder(name)
    first.push(frames(12)[:cut])
    second.take(first.held())
    assert second.partial() == first.partial()
    second.push(frames(12)[cut:])
    whole.push(frames(12))
    assert second.flush() == whole.flush()


@pytest.mark.parametrize("name", ["greedy", "beam"])
def test_what_is_settled_stays(name: str) -> None:
    of = decoder(name)
    certain: list[int] = []
    for frame in frames(20):
        of.push(frame[None])
        symbols, settled = of.partial()
        assert symbols[: len(certain)] == certain
        certain = symbols[:settled]
    assert [each.symbol for each in of.flush()[0]][: len(certain)] == certain


def test_words_have_their_times() -> None:
    segments = greedy(said(5, 2, 2, 3, 5, 1, 1, 4, 5))  # "ab c"
    found = transcription(segments, [], TEXT, 0.04)
    assert found.text == "ab c"
    assert [(word.text, round(word.start, 2), round(word.end, 2)) for word in found.words] == [
        ("ab", 0.04, 0.16),
        ("c", 0.28, 0.32),
    ]
    assert found.confidence == pytest.approx(0.9)
    assert found.words[0].confidence == pytest.approx(0.9)


def test_white_space_at_the_ends_is_no_text() -> None:
    found = transcription(greedy(said(1, 5, 2, 1)), [], TEXT, 1.0)
    assert (found.text, [word.text for word in found.words]) == ("a", ["a"])


def test_nothing_said_is_an_empty_text_that_is_certain() -> None:
    found = transcription(greedy(said(5, 5)), [], TEXT, 1.0)
    assert (found.text, found.words, found.confidence) == ("", (), 1.0)


def test_a_character_of_several_bytes_has_all_their_frames() -> None:
    codec = TextCodec.fit("bytes", ["é"])
    path = [*codec.encode("é x").tolist()]
    probabilities = np.full((4, 257), 1e-4)
    probabilities[np.arange(4), path] = 0.9
    found = transcription(greedy(np.log(probabilities)), [], codec, 1.0)
    assert [(word.text, word.start, word.end) for word in found.words] == [("é", 0.0, 2.0), ("x", 3.0, 4.0)]


def test_symbols_between_white_space_are_words_of_their_own() -> None:
    codec = TextCodec.fit("symbols", ["AA B"])  # <unk>, AA, B
    probabilities = np.array([[0.05, 0.9, 0.03, 0.02], [0.05, 0.03, 0.9, 0.02]])
    found = transcription(greedy(np.log(probabilities)), [], codec, 1.0)
    assert found.text == "AA B"
    assert [(word.text, word.start, word.end) for word in found.words] == [("AA", 0.0, 1.0), ("B", 1.0, 2.0)]


@pytest.mark.parametrize("options", [{"scorer": object()}, {"alternatives": 2}])
def test_what_needs_a_beam_says_so(options: dict[str, object]) -> None:
    with pytest.raises(SettingsError, match="need a beam search"):
        Decoding(**options)  # type: ignore[arg-type]
