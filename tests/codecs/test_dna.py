"""Bases and k-mers: IUPAC letters, the chunking law, the other strand, mutations."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from elman.codecs.dna import BASES, IUPAC, DnaCodec
from elman.codecs.sequence import Steps
from elman.errors import DataError, SettingsError

OPPOSITE = str.maketrans("ACGTURYSWKMBDHVN", "TGCAAYRSWMKVHDBN")
sequences = st.text(st.sampled_from([*IUPAC, *"acgt"]), max_size=30)
sizes = st.integers(1, 4)


@given(chunks=st.lists(sequences | st.just("ac \n"), max_size=6), k=sizes)
def test_any_cuts_give_the_steps_of_the_whole(chunks: list[str], k: int) -> None:
    codec = DnaCodec(k)
    encoder = codec.encoder()
    steps = codec.encode("")
    for chunk in chunks:
        steps += encoder.push(chunk)
    steps += encoder.flush()
    whole = codec.encode("".join(chunks))
    np.testing.assert_array_equal(steps.values, whole.values)
    assert steps.values.dtype == whole.values.dtype == (np.float32 if k == 1 else np.int64)
    assert len(encoder.held) == 0


@given(sequence=sequences, k=sizes)
def test_the_other_strand_is_the_reverse_complement(sequence: str, k: int) -> None:
    codec = DnaCodec(k)
    other = sequence.upper().translate(OPPOSITE)[::-1]
    steps = codec.encode(sequence)
    np.testing.assert_array_equal(codec.reverse_complement(steps).values, codec.encode(other).values)
    twice = codec.reverse_complement(codec.reverse_complement(steps))
    np.testing.assert_array_equal(twice.values, steps.values)
    assert sorted(codec.other_strand) == list(range(len(codec.other_strand)))


@pytest.mark.parametrize("letter", IUPAC)
def test_a_letter_shares_itself_among_its_bases(letter: str) -> None:
    (row,) = DnaCodec().encode(letter).values
    assert row.sum() == pytest.approx(1)
    assert {base for base, share in zip(BASES, row, strict=True) if share} == set(IUPAC[letter])
    np.testing.assert_array_equal(DnaCodec().encode(letter.lower()).values[0], row)


def test_kmers_are_numbers_in_base_four() -> None:
    codec = DnaCodec(k=3)
    assert codec.encode("AAACGN").values.T.tolist() == [[1, 2, 7, 0]]
    assert codec.symbols == (65,)
    assert codec.labels("aaacgn", codec.encode("aaacgn")) == ["AAA", "AAC", "ACG", "CGN"]
    assert DnaCodec().labels("ac", DnaCodec().encode("ac")) == ["A", "C"]


@pytest.mark.parametrize("k", [1, 3])
def test_mutations_change_bases_at_their_rate(k: int) -> None:
    codec = DnaCodec.fit(["A" * 3], k=k, augment="mutate=0.4")
    steps = codec.encode("A" * 5000 + "N" * k)
    mutated = codec.augment(steps, np.random.default_rng(0)).values
    kept = 0.7**k  # of the drawn bases a quarter are what was there
    same = (mutated == steps.values).all(1)[:5000]
    assert same.mean() == pytest.approx(kept, abs=0.03)
    if k > 1:
        letters = codec._digits(mutated[:-k, 0])  # neighbouring k-mers tell of the same mutations
        np.testing.assert_array_equal(letters[1:, 0], letters[:-1, 1])
        assert mutated[-1, 0] == 0


def test_the_other_strand_is_read_as_often_as_asked() -> None:
    steps = DnaCodec().encode("AAC")
    for augment, share in [("reverse", 0.5), ("reverse=1", 1.0), ("none", 0.0), ("auto", 0.0)]:
        codec = DnaCodec.fit(["AAC"], augment=augment)
        codec.augmentations["mutate"] = 0.0
        rng = np.random.default_rng(0)
        turned = [not np.array_equal(codec.augment(steps, rng).values, steps.values) for _ in range(400)]
        assert np.mean(turned) == pytest.approx(share, abs=0.08)


@pytest.mark.parametrize("k", [1, 3])
def test_saved_and_loaded_is_the_same(k: int, tmp_path: Path) -> None:
    codec = DnaCodec.fit(["ACGT"], k=k, augment="reverse,mutate=0.1")
    codec.save(tmp_path)
    config = json.loads(json.dumps(codec.to_config()))
    again = DnaCodec.load(tmp_path, config)
    assert again.to_config() == config
    steps = codec.encode("ACGTTGCANACGT")
    for seed in range(4):
        rows = [each.augment(steps, np.random.default_rng(seed)).values for each in (codec, again)]
        np.testing.assert_array_equal(*rows)


def test_a_step_is_described() -> None:
    assert DnaCodec().describe() == "A step is a base: how likely A, C, G and T are."
    assert DnaCodec(6).describe() == "A step is the 6 bases from there on, one of 4,096 combinations or unknown."


def test_what_is_no_dna_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"base 3 is 'x'.*letters of DNA"):
        DnaCodec().encode("ac xt")
    with pytest.raises(DataError, match="base 1 is 'é'"):
        DnaCodec().encode("é")
    with pytest.raises(DataError, match="found list"):
        DnaCodec().encode([1])
    with pytest.raises(DataError, match="sequence 1 has fewer than 3 bases, found 'AC'"):
        DnaCodec.fit(["ACGT", "AC"], k=3)
    with pytest.raises(SettingsError, match="k must be 1 to 8, not 9"):
        DnaCodec(9)
    with pytest.raises(SettingsError, match="Did you mean 'mutate'"):
        DnaCodec.fit(["A"], augment="mutat")
    with pytest.raises(DataError, match="codec of DNA"):
        DnaCodec.load(tmp_path, {"kind": "dna", "k": 0})
    assert isinstance(DnaCodec(2).encode("A"), Steps)
