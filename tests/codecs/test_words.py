"""Words as several fields: cutting, folding, unknown words, the chunking law, masking."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from elman.codecs.sequence import Steps
from elman.codecs.words import FIELDS, WordSteps, cut_words, fold, shape
from elman.errors import DataError, SettingsError

SENTENCES = [
    "The films of 1999 weren't bad; the 1998 ones were.",
    "Filming is done, the film is cut!",
    "A bad cut is a bad film",
]
texts = st.text(st.sampled_from("the Film's 19.n't-l'é日本\t\n ’") | st.characters(codec="utf-8"), max_size=30)


@pytest.fixture(scope="module")
def codec() -> WordSteps:
    return WordSteps.fit(SENTENCES)


@given(chunks=st.lists(texts, max_size=6))
def test_any_cuts_give_the_steps_of_the_whole(codec: WordSteps, chunks: list[str]) -> None:
    encoder = codec.encoder()
    steps = Steps(np.empty((0, 4), dtype=np.int64))
    for chunk in chunks:
        steps += encoder.push(chunk)
    steps += encoder.flush()
    np.testing.assert_array_equal(steps.values, codec.encode("".join(chunks)).values)
    assert encoder.held == ""


@given(text=texts)
def test_cutting_loses_nothing_but_white_space(text: str) -> None:
    assert "".join(cut_words(text)) == "".join(text.split())


@given(text=texts)
def test_text_that_is_cut_stays_as_it_is(text: str) -> None:
    words = [word for word in cut_words(text) if "." not in word and "'" not in word and "’" not in word]
    assert cut_words(" ".join(words)) == words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("It's good, isn't it?", ["It", "'s", "good", ",", "is", "n't", "it", "?"]),
        ("they wo n't -lrb- `` wait '' -rrb-", ["they", "wo", "n't", "-lrb-", "``", "wait", "''", "-rrb-"]),
        ("I’d pay $1,000.50 at 12:30...", ["I", "’d", "pay", "$", "1,000.50", "at", "12:30", "..."]),
        ("L'amour, o'clock", ["L'", "amour", ",", "o'", "clock"]),
        ("the U.S. in the 1930s", ["the", "U.S.", "in", "the", "1930s"]),
        ("日本語 mp3", ["日", "本", "語", "mp3"]),
        ("हिन्दी é", ["हिन्दी", "é"]),
        ("", []),
    ],
)
def test_where_words_are_cut(text: str, words: list[str]) -> None:
    assert cut_words(text) == words


def test_a_word_is_told_by_its_fields(codec: WordSteps) -> None:
    assert codec.fields == FIELDS
    assert codec.symbols == tuple(map(len, codec.tables))
    named = [dict(zip(FIELDS, row, strict=True)) for row in codec.encode("Films FILMS films").values.tolist()]
    assert [row["word"] for row in named] == [codec.words.index("films")] * 3
    assert len({row["prefix"] for row in named}) == len({row["suffix"] for row in named}) == 1
    assert len({row["shape"] for row in named}) == 3
    assert named[1]["shape"] == 0  # no word of the training data is all capitals


def test_an_unknown_word_is_known_by_beginning_and_ending(codec: WordSteps) -> None:
    word, prefix, suffix, form = codec.encode("filmed").values[0]
    assert word == 0
    assert prefix == codec.tables[1]["fil"]
    assert suffix == 0  # "med" ends no word of the training data
    assert form == codec.tables[3]["xx"]


def test_a_step_is_described(codec: WordSteps) -> None:
    assert codec.describe() == (
        f"A step is a word in lower case ({len(codec.words)} known) "
        f"with its prefix ({codec.symbols[1]}), its suffix ({codec.symbols[2]}) and its shape ({codec.symbols[3]})."
    )
    assert WordSteps.fit(SENTENCES, fields=("word", "shape")).describe().endswith("with its shape (4).")
    assert WordSteps.fit(SENTENCES, fields=("word",)).describe().endswith("known).")


def test_years_are_one_word(codec: WordSteps) -> None:
    assert codec.counts["0000"] == 2
    assert codec.encode("2026").values[0, 0] == codec.words.index("0000")
    assert fold("A1", lowercase=False) == "A0"


def test_shapes_keep_what_lower_case_loses() -> None:
    assert [shape(word) for word in ("Ann", "ann", "I", "12", "12,000", "日本", "")] == [
        "Xxx",
        "xx",
        "X",
        "dd",
        "dd,ddd",
        "cc",
        "",
    ]


def test_words_that_are_cut_already_stay_whole(codec: WordSteps) -> None:
    whole = ("don't", "well-made", "film")
    assert len(codec.encode(whole).values) == 3
    encoder = codec.encoder()
    held = encoder.push("a fil")
    assert len(held.values) == 1
    np.testing.assert_array_equal(encoder.push(("film",)).values, codec.encode(("fil", "film")).values)
    assert codec.labels(whole, codec.encode(whole)) == [*whole]
    assert codec.labels("Isn't it", codec.encode("Isn't it")) == ["Is", "n't", "it"]


def test_the_most_frequent_words_stay() -> None:
    codec = WordSteps.fit([("a", "b", "b", "c", "c", "<unk>")], vocabulary_size=3)
    assert codec.words == ["<unk>", "b", "c"]
    assert WordSteps.fit([("a", "b", "b")], least=2).words == ["<unk>", "b"]


def test_rare_words_are_masked_more_often_than_frequent_ones() -> None:
    codec = WordSteps.fit([("often",) * 99 + ("once",)], augment="mask=1")
    steps = codec.encode(("often", "once") * 2000)
    masked = codec.augment(steps, np.random.default_rng(0)).values
    assert (masked[1::2, 0] == 0).mean() == pytest.approx(1 / 2, abs=0.05)
    assert (masked[::2, 0] == 0).mean() == pytest.approx(1 / 100, abs=0.01)
    np.testing.assert_array_equal(masked[:, 1:], steps.values[:, 1:])
    assert steps.values[:, 0].all()


@pytest.mark.parametrize("fields", [FIELDS, ("word",), ("word", "shape")])
def test_saved_and_loaded_is_the_same(fields: tuple[str, ...], tmp_path: Path) -> None:
    codec = WordSteps.fit(SENTENCES, fields=fields, lowercase=False)
    codec.save(tmp_path)
    config = json.loads(json.dumps(codec.to_config()))
    again = WordSteps.load(tmp_path, config)
    assert again.to_config() == config
    text = " ".join(SENTENCES) + " Unheard"
    np.testing.assert_array_equal(again.encode(text).values, codec.encode(text).values)
    rows = [each.augment(each.encode(text), np.random.default_rng(1)).values for each in (codec, again)]
    np.testing.assert_array_equal(*rows)


@pytest.mark.parametrize("content", ["[]", "{", '{"words": {"a": 1}}', '{"words": {"a": "b"}, "shape": []}'])
def test_a_damaged_file_is_said(content: str, tmp_path: Path) -> None:
    config = WordSteps.fit(SENTENCES, fields=("word", "shape")).to_config()
    (tmp_path / "words.json").write_text(content)
    with pytest.raises(DataError, match=r"words\.json: .*damaged"):
        WordSteps.load(tmp_path, config)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"fields": ("word", "sufix")}, "Did you mean 'suffix'"),
        ({"vocabulary_size": 1}, "at least 2"),
        ({"augment": "mask=-1"}, "from 0 on"),
    ],
)
def test_impossible_options(options: dict[str, object], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        WordSteps.fit(SENTENCES, **options)


def test_what_is_no_text_is_refused(codec: WordSteps) -> None:
    with pytest.raises(DataError, match="a tuple of words, found int"):
        codec.encode(3)
    with pytest.raises(DataError, match="no word"):
        WordSteps.fit(["", " "])
