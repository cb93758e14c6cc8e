"""Text codecs as steps: the chunking law, masking, the round trip."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from elman.codecs import TextCodec
from elman.codecs.sequence import Steps
from elman.codecs.text_steps import TextSteps
from elman.errors import DataError, SettingsError

UNITS = ["characters", "bytes", "words", "symbols", "bpe"]
LEARNT = {
    unit: TextSteps.fit(["the naïve cat", "the cat's hat"], units=unit, vocabulary_size=300, lowercase=unit == "bytes")
    for unit in UNITS
}


@pytest.mark.parametrize("unit", UNITS)
@given(chunks=st.lists(st.text(st.sampled_from("the ca\tïé"), max_size=8), max_size=4))
def test_any_cuts_give_the_steps_of_the_whole(unit: str, chunks: list[str]) -> None:
    codec = LEARNT[unit]
    encoder = codec.encoder()
    steps = Steps(np.empty((0, 1), dtype=np.int64))
    for chunk in chunks:
        steps += encoder.push(chunk)
    steps += encoder.flush()
    np.testing.assert_array_equal(steps.values, codec.encode("".join(chunks)).values)
    assert codec.lookahead == codec.codec.lookahead


@pytest.mark.parametrize("unit", UNITS)
def test_saved_and_loaded_is_the_same(unit: str, tmp_path: Path) -> None:
    codec = LEARNT[unit]
    codec.save(tmp_path)
    config = json.loads(json.dumps(codec.to_config()))
    again = TextSteps.load(tmp_path, config)
    assert again.to_config() == config
    steps = [each.encode("the new cat ate the hat") for each in (codec, again)]
    np.testing.assert_array_equal(steps[0].values, steps[1].values)
    rows = [each.augment(steps[0], np.random.default_rng(1)).values for each in (codec, again)]
    np.testing.assert_array_equal(*rows)
    assert codec.labels("the", codec.encode("the")) == [codec.codec.symbols[i] for i in codec.codec.encode("the")]
    assert codec.symbols == (len(codec.codec),)


def test_a_step_is_described() -> None:
    assert LEARNT["characters"].describe() == "A step is a character, one of 12."
    assert LEARNT["bytes"].describe() == "A step is a byte in lower case, one of 256."


def test_rare_characters_are_masked() -> None:
    codec = TextSteps.fit(["a" * 99 + "b"], augment="mask=1")
    masked = codec.augment(codec.encode("ab" * 2000), np.random.default_rng(0)).values[:, 0]
    assert (masked[1::2] == 0).mean() == pytest.approx(1 / 2, abs=0.05)
    assert (masked[::2] == 0).mean() == pytest.approx(1 / 100, abs=0.01)


@pytest.mark.parametrize("codec", [LEARNT["bpe"], TextSteps(TextCodec.fit("characters", ["abc"]))])
def test_without_unknown_symbols_or_counts_nothing_is_masked(codec: TextSteps) -> None:
    steps = codec.encode("abc" * 1000)
    np.testing.assert_array_equal(codec.augment(steps, np.random.default_rng(0)).values, steps.values)


def test_what_cannot_be_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="expected a text, found tuple"):
        LEARNT["bytes"].encode(("the", "cat"))
    with pytest.raises(SettingsError, match="augment takes"):
        TextSteps.fit(["abc"], augment="warp")
    with pytest.raises(DataError, match="empty text"):
        TextSteps.fit([""])
    LEARNT["characters"].save(tmp_path)
    config = LEARNT["characters"].to_config()
    for damage in ({"counts": [1]}, {"counts": None}, {"mask": "much"}, {"counts": ["a"] * 11}):
        with pytest.raises(DataError, match="with counts"):
            TextSteps.load(tmp_path, {**config, **damage})
    with pytest.raises(DataError, match="expected a codec"):
        TextSteps.load(tmp_path, {"kind": "text"})
