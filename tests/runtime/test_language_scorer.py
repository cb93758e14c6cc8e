from __future__ import annotations

import math

import numpy as np
import pytest

import tolerances
from elman.codecs import TextCodec
from elman.decoding import PrefixBeam, Words
from elman.errors import SettingsError
from elman.runtime.engine import NetworkShape
from elman.runtime.language_scorer import LanguageScorer
from elman.runtime.text_model import TextModel
from scored_texts import score


def model(codec: TextCodec) -> TextModel:
    """A small language model with random weights."""
    shape = NetworkShape(len(codec), "gru", 4, (5, 3))
    rng = np.random.default_rng(0)
    drawn = {name: rng.normal(0, 0.7, size).astype(np.float32) for name, size in shape.parameter_shapes().items()}
    return TextModel(shape, codec, drawn)


def nats(of: TextModel, text: str) -> float:
    """Ln p of a text after the first symbol."""
    return float(of.engine().score(of.codec.encode(text)).sum())


LINES = TextCodec.fit("characters", ["abc d\n"])


@pytest.mark.parametrize("text", ["", "a", "bad cab"])
def test_a_text_scores_as_a_line_of_the_model(text: str) -> None:
    transcripts = TextCodec.fit("characters", ["abcd "])
    of = model(LINES)
    found = score(LanguageScorer.of_symbols(of, transcripts), transcripts.encode(text).tolist())
    assert found == pytest.approx(nats(of, f"\n{text}\n"), abs=1e-4)


def test_without_line_ends_a_text_follows_a_space_and_ends_free() -> None:
    of = model(TextCodec.fit("characters", ["abcd "]))
    scorer = LanguageScorer.of_symbols(of, of.codec)
    assert score(scorer, of.codec.encode("bad").tolist()) == pytest.approx(nats(of, " bad"), abs=1e-4)
    bare = model(TextCodec.fit("characters", ["abcd"]))
    scorer = LanguageScorer.of_symbols(bare, bare.codec)
    expected = nats(bare, "bad") - math.log(len(bare.codec))
    assert score(scorer, bare.codec.encode("bad").tolist()) == pytest.approx(expected, abs=1e-4)


def test_upper_and_lower_case_may_be_one_symbol_of_the_model() -> None:
    transcripts = TextCodec.fit("characters", ["aAbB!"])
    of = model(TextCodec.fit("characters", ["ab\n"], lowercase=True))
    scorer = LanguageScorer.of_symbols(of, transcripts)
    assert score(scorer, transcripts.encode("aB").tolist()) == score(scorer, transcripts.encode("Ab").tolist())
    assert score(scorer, transcripts.encode("a!").tolist()) == pytest.approx(nats(of, "\na?\n"), abs=1e-4)


def test_many_hypotheses_are_one_batch() -> None:
    of = model(LINES)
    scorer = LanguageScorer.of_symbols(of, LINES)
    state, _ = scorer.start()
    states, scores = scorer.step([state] * 3, np.array([1, 2, 3]))
    again, further = scorer.step(states, np.array([3, 2, 1]))
    for row in range(3):
        (one,), (expected,) = scorer.step([state], np.array([row + 1]))
        np.testing.assert_allclose(scores[row], expected, **tolerances.FLOAT32_STEP)
        (two,), (expected,) = scorer.step([one], np.array([3 - row]))
        np.testing.assert_allclose(further[row], expected, **tolerances.FLOAT32_STEP)
        np.testing.assert_allclose(scorer.end(again)[row], scorer.end([two])[0], **tolerances.FLOAT32_STEP)


def test_a_model_of_words_scores_the_words_of_a_list() -> None:
    transcripts = TextCodec.fit("characters", ["abc "])
    of = model(TextCodec.fit("words", ["ab c ab\n"]))
    listed = ["ab", "c", "ca"]
    words = Words(
        [transcripts.encode(word).tolist() for word in listed],
        len(transcripts),
        int(transcripts.encode(" ")[0]),
        model=LanguageScorer.of_words(of, listed),
    )
    found = score(words, transcripts.encode("ab ca").tolist())
    assert found == pytest.approx(nats(of, "\nab <unk>\n"), abs=1e-4)
    assert score(words, transcripts.encode("b").tolist()) == -math.inf


def test_a_search_with_the_model_finds_what_it_likes() -> None:
    of = model(LINES)
    scorer = LanguageScorer.of_symbols(of, LINES)
    even = np.log(np.full((2, len(LINES) + 1), 1 / (len(LINES) + 1)))
    search = PrefixBeam(len(LINES), beam=500, scorer=scorer)
    search.push(even)
    best = search.flush(1)[0]
    texts = [[], *([a] for a in range(len(LINES))), *([a, b] for a in range(len(LINES)) for b in range(len(LINES)))]
    paths = {0: 1, 1: 3}  # of two frames; two symbols have one path, and none where they are equal
    totals = [
        score(scorer, text) + math.log(paths.get(len(text), 1)) + even[0, 0] * 2
        for text in texts
        if len(text) < 2 or text[0] != text[1]
    ]
    assert best.score == pytest.approx(max(totals), abs=1e-4)


def test_models_of_other_symbols_are_refused() -> None:
    transcripts = TextCodec.fit("characters", ["abc "])
    with pytest.raises(SettingsError, match="reads words, the transcripts are characters"):
        LanguageScorer.of_symbols(model(TextCodec.fit("words", ["ab c\n"])), transcripts)
    with pytest.raises(SettingsError, match="reads characters; one of words"):
        LanguageScorer.of_words(model(LINES), ["ab"])
    with pytest.raises(SettingsError, match="such as 'ä'"):
        LanguageScorer.of_symbols(model(TextCodec.fit("bytes", ["a"])), TextCodec.fit("characters", ["aä"]))
