"""What is chosen for pairs of texts: symbols, vocabularies, sizes."""

from __future__ import annotations

from typing import Any

import pytest

from elman.settings import AUTO, PairTextSettings, TranslatorSettings, flat, update
from elman.tasks import translate_budget as budget
from elman.tasks.translate_budget import Facts

ENGLISH = [f"a man {verb} number {n}" for verb in ("rides", "sees", "takes") for n in range(120)]
GERMAN = [f"ein Mann {verb} Nummer {n}" for verb in ("reitet", "sieht", "nimmt") for n in range(120)]
CHINESE = [f"一个男人{verb}第{n}号" for verb in ("骑", "看", "拿") for n in range(120)]
SPELLINGS, SOUNDS = [f"word{n}" for n in range(300)], ["W ER D", "T UW"] * 150


def facts(sources: list[str], targets: list[str], **options: Any) -> tuple[TranslatorSettings, Facts]:
    settings = update(TranslatorSettings(), options, "the test")
    text = budget.text_settings(settings.text, sources, targets)
    known = Facts.of(*budget.codecs(text, sources, targets), sources, targets)
    return budget.resolve(settings, known), known


@pytest.mark.parametrize(
    ("sources", "targets", "units", "shared"),
    [
        (SPELLINGS, SOUNDS, ("characters", "symbols"), False),
        (SOUNDS, SPELLINGS, ("symbols", "characters"), False),
        (ENGLISH * 9 + [f"{n} {n + 1}" for n in range(999)], CHINESE * 9 + ["数"] * 999, ("bpe", "characters"), False),
    ],
)
def test_what_a_symbol_is(sources: list[str], targets: list[str], units: tuple[str, str], shared: bool) -> None:
    text = budget.text_settings(PairTextSettings(), sources, targets)
    assert (text.source_units, text.target_units, text.shared_vocabulary) == (*units, shared)


def test_languages_that_share_letters_share_their_pieces() -> None:
    options = {"source_units": "bpe", "target_units": "bpe"}
    settings, known = facts(ENGLISH, GERMAN, **options)
    assert known.codec is known.target
    shape = budget.shape_of(settings, known)
    assert shape.shared
    assert shape.encoder.symbols == shape.decoder.symbols == len(known.codec) + 1
    _, apart = facts(ENGLISH, CHINESE, **options)
    assert apart.codec is not apart.target


def test_what_was_given_stays() -> None:
    asked = {"hidden_size": 10, "source_units": "words", "target_units": "characters", "epochs": 3, "dropout": 0.0}
    settings, known = facts(ENGLISH, GERMAN, **asked)
    assert (known.codec.kind, known.target.kind) == ("words", "characters")
    assert (settings.network.hidden_size, settings.training.epochs, settings.network.dropout) == (10, 3, 0.0)


def test_nothing_is_left_open_but_how_to_write() -> None:
    settings, known = facts(SPELLINGS, SOUNDS)
    left = [name for name, value in flat(settings).items() if value == AUTO]
    assert set(left) <= {
        *flat(settings.data),
        *vars(settings.text),
        "beam",
        "length_penalty",
        "backend",
        "window",
        "threads",
    }
    assert settings.network.hidden_size == 256
    text = " ".join(budget.describe(settings, budget.shape_of(settings, known), known))
    assert "in 15 characters" in text
    assert "256 units with general attention" in text


def test_targets_may_be_as_long_as_those_that_were_seen() -> None:
    _, known = facts(["ab"] * 20, ["a " * 40] * 20, source_units="characters", target_units="symbols")
    assert budget.longest(known) == (40 - 10) / 2
    _, short = facts(SPELLINGS, SOUNDS)
    assert budget.longest(short) == 1


def test_few_pairs_make_small_batches() -> None:
    few, _ = facts(SPELLINGS[:20], SOUNDS[:20])
    many, _ = facts([f"{word}{n}" for n in range(200) for word in SPELLINGS], SOUNDS * 200)
    assert int(few.objective.batch_tokens) < int(many.objective.batch_tokens) <= budget.TOKENS
    assert few.training.epochs is not None
    assert many.training.epochs is not None
    assert few.training.epochs > many.training.epochs
