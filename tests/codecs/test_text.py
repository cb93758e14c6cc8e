"""Properties of every text codec, then what is particular to each."""

from __future__ import annotations

import json
from functools import cache
from itertools import chain
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from elman.codecs import BpeCodec, ByteCodec, CharacterCodec, TextCodec, WordCodec
from elman.codecs.bpe import passages
from elman.codecs.text import without_surrogates
from elman.errors import DataError, SettingsError

KINDS = ["characters", "bytes", "words", "symbols", "bpe"]
LEARNT_FROM = "Σ the cat sat on the mat\nthe naïve cat ate 37 €, 'twas the 🐈's  \tmat.\n\n  end ΟΔΟΣ\r\n" * 3

# Small alphabets make the interesting neighbourhoods (spaces, line ends, multi-byte characters) likely.
texts = st.text(st.sampled_from("the cat\n\t  é€🐈'Σσ3\x85\x1c\u3000\ud800") | st.characters(), max_size=40)
cut_texts = st.lists(texts, max_size=6)


@cache
def learnt(kind: str, lowercase: bool = False) -> TextCodec:
    return TextCodec.fit(kind, [LEARNT_FROM], 300, lowercase)


@pytest.mark.parametrize("lowercase", [False, True])
@pytest.mark.parametrize("kind", KINDS)
@given(chunks=cut_texts)
def test_encoder_obeys_the_chunking_law(kind: str, lowercase: bool, chunks: list[str]) -> None:
    codec = learnt(kind, lowercase)
    encoder = codec.encoder()
    parts = [encoder.push(chunk) for chunk in chunks] + [encoder.flush()]
    np.testing.assert_array_equal(np.concatenate(parts), codec.encode("".join(chunks)))
    assert encoder.held == ""
    assert encoder.lookahead == codec.lookahead


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
def test_decoder_obeys_the_chunking_law(kind: str, data: st.DataObject) -> None:
    codec = learnt(kind)
    ids = data.draw(st.lists(st.lists(st.integers(0, len(codec) - 1), max_size=5), max_size=5))
    decoder = codec.decoder()
    text = "".join([decoder.push(part) for part in ids] + [decoder.flush()])
    assert text == codec.decode([*chain.from_iterable(ids)])
    text.encode()  # never a part of a character


@pytest.mark.parametrize("kind", ["bytes", "bpe"])
@given(text=st.text())
def test_bytes_and_bpe_are_lossless(kind: str, text: str) -> None:
    codec = learnt(kind)
    assert codec.decode(codec.encode(text)) == text
    assert codec.unknown is None
    assert codec.unknown_symbols(text) == []


@given(text=st.text(st.sampled_from(sorted(set(LEARNT_FROM)))))
def test_known_characters_come_back(text: str) -> None:
    codec = learnt("characters")
    assert codec.decode(codec.encode(text)) == text
    assert codec.unknown_symbols(text) == []


@given(lines=st.lists(st.lists(st.sampled_from(["the", "cat", "<unk>", "naïve"]))))
def test_known_words_come_back_with_single_spaces(lines: list[list[str]]) -> None:
    codec = learnt("words")
    text = "".join(" ".join(line) + "\n" for line in lines)
    assert codec.decode(codec.encode(text)) == text


@pytest.mark.parametrize("kind", KINDS)
def test_saved_and_loaded_is_the_same(kind: str, tmp_path: Path) -> None:
    codec = learnt(kind, lowercase=True)
    codec.save(tmp_path)
    config = json.loads(json.dumps(codec.to_config()))
    again = TextCodec.load(tmp_path, config)
    assert type(again) is type(codec)
    assert again.symbols == codec.symbols
    assert again.to_config() == config
    np.testing.assert_array_equal(again.encode(LEARNT_FROM), codec.encode(LEARNT_FROM))


@pytest.mark.parametrize("kind", ["characters", "words", "symbols", "bpe"])
def test_a_folder_holds_several(kind: str, tmp_path: Path) -> None:
    codecs = {"": learnt(kind), "target.": TextCodec.fit(kind, ["other text"], 260)}
    for prefix, codec in codecs.items():
        codec.save(tmp_path, prefix)
    for prefix, codec in codecs.items():
        assert TextCodec.load(tmp_path, codec.to_config(), prefix).symbols == codec.symbols


@pytest.mark.parametrize("kind", KINDS)
def test_learning_twice_gives_the_same(kind: str) -> None:
    assert TextCodec.fit(kind, [LEARNT_FROM], 300).symbols == learnt(kind).symbols


@pytest.mark.parametrize("kind", KINDS)
def test_ids_are_int64_and_within_the_vocabulary(kind: str) -> None:
    codec = learnt(kind)
    ids = codec.encode(LEARNT_FROM + "unheard of ☃")
    assert ids.dtype == np.int64
    assert ids.min() >= 0
    assert ids.max() < len(codec)
    assert codec.encode("").shape == (0,)


@pytest.mark.parametrize("kind", KINDS)
def test_names_are_printable(kind: str) -> None:
    codec = learnt(kind)
    assert len(codec.symbols) == len(codec)
    assert all(name and (name.isprintable() or kind in ("words", "symbols")) for name in codec.symbols)


@pytest.mark.parametrize("kind", KINDS)
def test_lower_case(kind: str) -> None:
    codec = learnt(kind, lowercase=True)
    np.testing.assert_array_equal(codec.encode("THE Cat"), codec.encode("the cat"))
    assert codec.decode(codec.encode("THE Cat")) == "the cat"


@pytest.mark.parametrize("kind", KINDS)
def test_ids_out_of_range_are_refused(kind: str) -> None:
    with pytest.raises(DataError, match="symbol ids must be 0 to"):
        learnt(kind).decode([len(learnt(kind))])
    with pytest.raises(DataError, match="found -1"):
        learnt(kind).decode([-1])


def test_bytes_of_a_character_are_held_until_it_is_whole() -> None:
    decoder = ByteCodec().decoder()
    assert [decoder.push([byte]) for byte in "a€".encode()] == ["a", "", "", "€"]
    assert decoder.push(list("€".encode()[:2])) == ""
    assert decoder.flush() == "\N{REPLACEMENT CHARACTER}"
    assert decoder.flush() == ""


def test_unknown_characters() -> None:
    codec = CharacterCodec("abc")
    assert codec.encode("a☃b\n\U0010ffff").tolist() == [1, 0, 2, 0, 0]
    assert codec.unknown_symbols("a☃b\n☃") == ["☃", "\n"]
    assert codec.decode([0, 1]) == "\N{REPLACEMENT CHARACTER}a"
    assert codec.symbols[codec.unknown] == "<unk>"


def test_unknown_words_and_the_word_unk_are_one() -> None:
    codec = TextCodec.fit("words", ["a <unk> a\n"], 10)
    assert codec.symbols == ["<unk>", "<eos>", "a"]
    assert codec.encode("a b <unk>\n<eos>").tolist() == [2, 0, 0, 1, 1]
    assert codec.unknown_symbols("a b <unk> c b\n") == ["b", "c"]


def test_most_frequent_words_with_ties_in_alphabetical_order() -> None:
    assert TextCodec.fit("words", ["b a c", " c"], 4).symbols[2:] == ["c", "a"]
    assert len(TextCodec.fit("words", ["b a c"], 10_000)) == 5


def test_symbols_are_all_that_stands_between_white_space() -> None:
    codec = TextCodec.fit("symbols", ["T UW1\tB  IY1\n", "<eos> B"], 2)
    assert codec.symbols == ["<unk>", "B", "IY1", "T", "UW1"]
    assert codec.encode(" T\nZH UW1 ").tolist() == [3, 0, 4]
    assert codec.decode([1, 0, 2]) == "B <unk> IY1"
    assert codec.unknown_symbols("ZH B ZH") == ["ZH"]


def test_a_word_waits_for_its_white_space() -> None:
    encoder = WordCodec(["cat", "catnip"]).encoder()
    assert [encoder.push(chunk).tolist() for chunk in ("ca", "t", "nip cat", "\n")] == [[], [], [3], [2, 1]]
    assert encoder.flush().tolist() == []


def test_a_continued_text_gets_its_space() -> None:
    codec = WordCodec(["to", "be"])
    decoder = codec.decoder()
    decoder.push(codec.encode("to"))
    assert decoder.push([3, 1, 2]) == " be\nto"


def test_bpe_learns_pieces() -> None:
    codec = learnt("bpe")
    assert isinstance(codec, BpeCodec)
    assert b" the" in codec.pieces
    assert "␣the" in codec.symbols
    assert len(codec.encode("the cat sat on the mat")) < 10


@given(text=texts, size=st.integers(1, 12))
def test_passages_change_no_code(text: str, size: int) -> None:
    tokenizer = learnt("bpe")._tokenizer
    whole = tokenizer.encode(without_surrogates(text)).ids
    assert [*chain.from_iterable(tokenizer.encode(part).ids for part in passages(text, size))] == whole


@pytest.mark.parametrize(
    ("kind", "size", "message"),
    [("character", 10, "Did you mean 'characters'"), ("words", 2, "at least 3"), ("bpe", 255, "at least 256")],
)
def test_impossible_requests(kind: str, size: int, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        TextCodec.fit(kind, ["text"], size)


@pytest.mark.parametrize("kind", KINDS)
def test_empty_text_teaches_nothing(kind: str) -> None:
    with pytest.raises(DataError, match="empty text"):
        TextCodec.fit(kind, [""], 300)


@pytest.mark.parametrize(
    ("kind", "file", "content", "message"),
    [
        ("characters", "vocabulary.json", None, "is missing"),
        ("characters", "vocabulary.json", b"\xff", "not UTF-8"),
        ("characters", "vocabulary.json", b'["<unk>", "a"', "not valid JSON"),
        ("characters", "vocabulary.json", b'{"a": 1}', "a list of texts"),
        ("characters", "vocabulary.json", b'["<unk>", 1]', "a list of texts"),
        ("characters", "vocabulary.json", b'["a", "b"]', "begin with <unk>"),
        ("characters", "vocabulary.json", b'["<unk>", "a", "a"]', "distinct"),
        ("characters", "vocabulary.json", b'["<unk>", "ab"]', "single characters"),
        ("characters", "vocabulary.json", b'["<unk>", "\\ud800"]', "single characters"),
        ("characters", "vocabulary.json", b'["<unk>", "a"]', "has 2 symbols, the configuration says 3"),
        ("words", "vocabulary.json", b'["<unk>", "a", "b"]', "begin with <unk> and <eos>"),
        ("words", "vocabulary.json", b'["<unk>", "<eos>", "a b"]', "without white space"),
        ("symbols", "vocabulary.json", b'["<unk>", "b", "a"]', "sorted symbols"),
        ("symbols", "vocabulary.json", b'["<unk>", "a b", "c"]', "without white space"),
        ("bpe", "tokenizer.json", None, "is missing"),
        ("bpe", "tokenizer.json", b"{}", "not a byte-level tokenizer"),
        ("bpe", "tokenizer.json", b'{"model": {"type": "BPE", "vocab": {"a": 0}, "merges": []}}', "all 256 bytes"),
        ("bpe", "tokenizer.json", b'{"model": {"type": "BPE", "vocab": {"a": 7}, "merges": []}}', "not a byte-level"),
    ],
)
def test_damaged_vocabulary(kind: str, file: str, content: bytes | None, message: str, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / file).write_bytes(content)
    with pytest.raises(DataError, match=message):
        TextCodec.load(tmp_path, {"kind": kind, "lowercase": False, "symbols": 3})


@pytest.mark.parametrize("config", [{}, {"kind": "morse", "lowercase": False}, {"kind": "bytes", "lowercase": "no"}])
def test_damaged_configuration(config: dict[str, object], tmp_path: Path) -> None:
    with pytest.raises(DataError, match="expected a codec"):
        TextCodec.load(tmp_path, config)
