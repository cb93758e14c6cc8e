from __future__ import annotations

from typing import Any

import pytest

from elman.codecs.text_steps import TextSteps
from elman.codecs.words import WordSteps
from elman.errors import SettingsError
from elman.runtime.answers import Answers
from elman.settings import ClassifierSettings, flat, update
from elman.tasks.labelled_budget import Facts, resolve

WORDS, LETTERS = WordSteps.fit(["a film to see"]), TextSteps.fit(["Elman"])
TWO = Answers.fit("class", ["bad", "good"])
MANY = Answers.fit("class", [str(number) for number in range(16)])
TAGS = Answers.fit("tags", [("B-city", "O")])

SENTENCES = Facts("text", [20] * 7_000, WORDS, TWO)
INTENTS = Facts("text", [12] * 4_500, WORDS, MANY)
SLOTS = Facts("words", [12] * 4_500, WORDS, TAGS)
NAMES = Facts("text", [8] * 14_000, LETTERS, MANY)
DOCUMENTS = Facts("text", [650] * 1_600, WORDS, TWO)


def resolved(facts: Facts, **options: Any) -> dict[str, Any]:
    return flat(resolve(update(ClassifierSettings(), options), facts))


def test_sentences_of_two_classes_are_soon_learnt_by_heart() -> None:
    passes = [resolved(facts)["epochs"] for facts in (SENTENCES, DOCUMENTS, SLOTS, INTENTS)]
    assert passes == sorted(passes)
    assert passes[0] < passes[-1]


@pytest.mark.parametrize("facts", [SENTENCES, INTENTS, NAMES, DOCUMENTS])
def test_a_bag_stands_beside_what_is_summed_up(facts: Facts) -> None:
    assert resolved(facts)["bag"] is True


def test_tags_come_from_words_alone() -> None:
    assert resolved(SLOTS)["bag"] is False
    assert resolved(SLOTS)["convolutions"] == "none"


def test_little_of_a_name_is_hidden() -> None:
    assert resolved(NAMES)["dropout_input"] < resolved(SENTENCES)["dropout_input"]


def test_neighbours_are_looked_at_where_a_step_is_a_character() -> None:
    assert resolved(NAMES)["convolutions"] != "none"
    assert resolved(SENTENCES)["convolutions"] == "none"


def test_attention_weighs_words_where_classes_are_many() -> None:
    assert "attention" in resolved(INTENTS)["pooling"]
    assert all("attention" not in resolved(facts)["pooling"] for facts in (SENTENCES, NAMES, SLOTS, DOCUMENTS))


def test_documents_are_read_by_pieces() -> None:
    assert resolved(DOCUMENTS)["window"] < 650
    assert resolved(DOCUMENTS)["pooling"] == "mean"
    assert resolved(DOCUMENTS)["epochs"] > resolved(SENTENCES)["epochs"]
    assert resolved(SENTENCES)["window"] == "auto"


def test_tags_need_all_steps() -> None:
    with pytest.raises(SettingsError, match="all are read"):
        resolved(SLOTS, window=5)


def test_sound_is_learnt_longer_than_other_signals() -> None:
    sound, series = (Facts(kind, [40] * 3_000, WORDS, MANY) for kind in ("audio", "series"))
    assert resolved(sound)["epochs"] > 2 * resolved(series)["epochs"]


def test_what_is_given_stays() -> None:
    options = {"epochs": 2, "batch_size": 5, "dropout": 0.25, "hidden_size": 7, "bag": False, "convolutions": "none"}
    found = resolved(DOCUMENTS, **options)
    assert {name: found[name] for name in options} == options
