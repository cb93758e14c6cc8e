from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import small_models
import transcript_examples
from elman.codecs import TextCodec
from elman.decoding import PrefixBeam
from elman.decoding.ngram import NGram
from elman.decoding.scorers import Fused, Scorer
from elman.errors import BundleError, DataError, SettingsError, UsageError
from elman.export import write_bundle
from elman.runtime.engine import NetworkShape
from elman.runtime.text_model import TextModel
from elman.runtime.transcript_model import TranscriptModel
from elman.settings import DecodingSettings, LanguageModelSettings, to_dict
from elman.tasks.transcribe import Transcriber
from elman.tasks.transcript_language import (
    BONUSES,
    WEIGHTS,
    Language,
    character_error,
    language_of,
    tune,
    words_in,
)
from scored_texts import score

TEXT = TextCodec.fit("characters", ["abc d"])
LEARNT = ["abc", "abd", "a bad cab"] * 3


def total(scorer: Scorer, text: str) -> float:
    return score(scorer, TEXT.encode(text).tolist())


def language(learnt: list[str] = LEARNT, text: TextCodec = TEXT, **options: Any) -> Language:
    found = language_of(DecodingSettings(**options), text, learnt)
    assert found is not None
    return found


def bundle(folder: Path, kind: str, text: str) -> Path:
    """A folder with a small language model of random weights."""
    codec = TextCodec.fit(kind, [text])
    shape = NetworkShape(len(codec), "gru", 3, (4,))
    rng = np.random.default_rng(1)
    tensors = {name: rng.normal(0, 0.5, size).astype(np.float32) for name, size in shape.parameter_shapes().items()}
    model = TextModel(shape, codec, tensors)
    settings = to_dict(LanguageModelSettings())
    sample = model.record(codec.encode(text))
    write_bundle(
        folder, task="language-model", model=model, settings=settings, metrics=small_models.FIGURES, sample=sample
    )
    return folder


def test_nothing_is_known_without_options() -> None:
    assert language_of(DecodingSettings(), TEXT, LEARNT) is None


def test_transcripts_and_files_make_ngrams(tmp_path: Path) -> None:
    (tmp_path / "lines.txt").write_text("abc\nabd\na bad cab\n" * 3)
    model = NGram([TEXT.encode(line).tolist() for line in LEARNT], len(TEXT), 6)
    for source in ("transcripts", str(tmp_path / "lines.txt")):
        found = language(language_model=source)
        assert found.has_model
        assert total(found.scorer(0.5, 2.0), "abc") == pytest.approx(0.5 * total(model, "abc") + 6.0)
    shorter = language(language_model="transcripts", order=2)
    assert total(shorter.scorer(), "abcabc") > total(found.scorer(), "abcabc")
    with pytest.raises(UsageError, match="without the transcripts"):
        language([], language_model="transcripts")


def test_a_word_list_spells_what_is_expected(tmp_path: Path) -> None:
    path = tmp_path / "words.dict"
    path.write_text(";;; a comment\nbad B AE D\nbad(2) B AA D\ncab K AE B\nxyz Z\n")
    assert words_in(path, TEXT) == ["bad", "cab"]
    found = language(words=path, other_words=3.0)
    assert not found.has_model
    assert [total(found.scorer(), text) for text in ("bad", "bad cab", "bac", "a cab")] == [0, 0, -3, -3]
    both = language(words=path, other_words=3.0, language_model="transcripts").scorer(1.0, 0.0)
    alone = language(language_model="transcripts").scorer(1.0, 0.0)
    assert total(both, "bac") == pytest.approx(total(alone, "bac") - 3)
    capitals = TextCodec.fit("characters", ["aA bB cC dD"])
    assert words_in(path, capitals)[:3] == ["bad", "Bad", "BAD"]
    path.write_text("xyz\n")
    with pytest.raises(DataError, match="no word that can be spelled"):
        words_in(path, TEXT)


def test_single_words_need_no_space(tmp_path: Path) -> None:
    (tmp_path / "words").write_text("bad\ncab\n")
    text = TextCodec.fit("characters", ["abcd"])
    scorer = language(text=text, words=tmp_path / "words", other_words=math.inf).scorer()
    assert score(scorer, text.encode("bad").tolist()) == 0
    assert score(scorer, text.encode("dad").tolist()) == -math.inf


def test_language_models_of_characters_and_of_words(tmp_path: Path) -> None:
    characters = bundle(tmp_path / "characters", "characters", "abc d\n")
    assert math.isfinite(total(language(language_model=str(characters)).scorer(), "bad cab"))
    words = bundle(tmp_path / "words", "words", "bad cab abc\n")
    found = language(language_model=str(words))
    assert found.has_model
    assert total(found.scorer(1.0, 0.0), "bad") > total(found.scorer(1.0, 0.0), "bd")
    once, twice = (total(found.scorer(1.0, bonus), "bad cab") for bonus in (0.0, 1.5))
    assert twice == pytest.approx(once + 3)
    with pytest.raises(SettingsError, match="Train one on characters"):
        language(["ab c"], TextCodec.fit("bpe", ["ab c ab c"], 260), language_model=str(words))


def test_weight_and_bonus_are_those_with_fewest_errors() -> None:
    found = Language(TEXT, NGram([TEXT.encode(line).tolist() for line in LEARNT], len(TEXT), 3))
    asked: list[str] = []

    def decode(scorer: Scorer) -> list[str]:
        search = PrefixBeam(len(TEXT), beam=20, scorer=scorer)
        rng = np.random.default_rng(0)
        frames = rng.normal(0, 0.3, (5, len(TEXT) + 1))
        frames[[0, 2, 4], TEXT.encode("abd")] += 1.5  # heard so, and "abc" nearly as well
        search.push(frames - np.log(np.exp(frames).sum(1, keepdims=True)))
        asked.append(TEXT.decode(search.flush(1)[0].symbols))
        return [asked[-1]]

    error, weight, bonus = tune(found, ["abd"], decode)
    assert error == min(character_error([text], ["abd"]) for text in asked)
    assert decode(found.scorer(weight, bonus))[0] == min(asked, key=lambda text: (text != "abd", len(text)))
    with pytest.raises(SettingsError, match="weight 0"):
        found.scorer(0.0)


@pytest.fixture(scope="module")
def heard(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that has learnt a little, with its transcripts."""
    out = tmp_path_factory.mktemp("heard") / "run"
    options: dict[str, Any] = {"hidden_size": 8, "num_layers": 1, "epochs": 2, "convolutions": "8x3/2", "batch_size": 8}
    Transcriber(**options, bidirectional=False, augment="none").fit_examples(transcript_examples.examples(40), out=out)
    return out


def test_a_model_keeps_its_transcripts_and_how_much_they_count(heard: Path) -> None:
    model = Transcriber.load(heard).model
    assert len(model.learnt) == 36
    assert model.fusion is not None
    assert set("".join(model.learnt)) <= set(transcript_examples.LETTERS)
    config = json.loads((heard / "config.json").read_text(encoding="utf-8"))
    assert config["fusion"] == list(model.fusion)
    with pytest.raises(BundleError, match="'fusion' must be a weight and a bonus"):
        TranscriptModel.load(heard, {**config, "fusion": [1]}, model.tensors)


def test_options_make_a_search_with_what_is_known(heard: Path, tmp_path: Path) -> None:
    model = Transcriber.load(heard)
    assert model.decoding(DecodingSettings()).beam == 1
    decoding = model.decoding(DecodingSettings(language_model="transcripts"))
    assert decoding.beam == 32
    weight, bonus = model.model.fusion or (0, 0)
    assert isinstance(decoding.scorer, Fused)
    assert decoding.scorer.bonus == bonus
    given = model.decoding(
        DecodingSettings(language_model="transcripts", language_weight=weight / 2, bonus=3.0, beam=4)
    )
    assert given.beam == 4
    assert isinstance(given.scorer, Fused)
    assert given.scorer.bonus == 3.0
    (tmp_path / "words").write_text("ab\nc\nba\n")
    said = model.predict(
        transcript_examples.examples(3, seed=5),
        decoding=model.decoding(DecodingSettings(words=tmp_path / "words", other_words=math.inf)),
    )
    assert {word for text in said for word in text.split()} <= {"ab", "c", "ba"}


def test_weights_are_chosen_on_other_data(heard: Path, tmp_path: Path) -> None:
    model = Transcriber.load(heard)
    new = transcript_examples.examples(4, seed=3)
    arrays = {f"u{number}": raw.values for number, raw in enumerate(new.inputs)}
    np.savez(tmp_path / "features.npz", **arrays)
    rows = [f"u{number},{text}" for number, text in enumerate(new.targets or ())]
    (tmp_path / "texts.csv").write_text("\n".join(["file,text", *rows]))
    settings = DecodingSettings(language_model="transcripts", tune_on=tmp_path)
    tuned = model.tuned(settings)
    assert tuned.language_weight in WEIGHTS
    assert tuned.bonus in BONUSES
    assert model.tuned(tuned) is tuned
    with pytest.raises(UsageError, match="name one with --language-model"):
        model.tuned(DecodingSettings(tune_on=tmp_path))
