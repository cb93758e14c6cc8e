"""Bags of features: hand-worked weights, what each kind counts, the round trip, sequences that nobody has seen."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from elman.codecs import bag as bags
from elman.codecs import bag_of_symbols
from elman.codecs.bag import Bag
from elman.codecs.bag_of_statistics import STATISTICS
from elman.codecs.bag_of_symbols import PRESENCE, BagOfSymbols, Counts
from elman.codecs.raw import Frames, Ink, Recording, Series
from elman.errors import DataError

RNG = np.random.default_rng(0)
TEXTS = ["good film", "a good one", "bad film", "not good , bad"]
SAMPLES: dict[str, list[Any]] = {
    "text": TEXTS,
    "words": [tuple(text.split()) for text in TEXTS],
    "dna": ["ACGTAC", "TTGTAC", "ACGNAA", "GCGTAC"],
    "audio": [Recording(RNG.normal(0, 0.1, 4000).astype(np.float32), 8000) for _ in range(4)],
    "series": [Series(RNG.normal(size=(9 + number, 2))) for number in range(4)],
    "ink": [Ink((RNG.normal(size=(9, 2)).cumsum(0),)) for _ in range(4)],
    "frames": [Frames(RNG.integers(0, 256, (3, 12, 20, 3), dtype=np.uint8)) for _ in range(4)],
}
CLASSES = ["+", "+", "-", "-"]


@pytest.mark.parametrize("kind", SAMPLES)
def test_saved_and_loaded_is_the_same(kind: str, tmp_path: Path) -> None:
    bag = Bag.fit(SAMPLES[kind], CLASSES, kind)
    rows = bag.transform(SAMPLES[kind])
    assert rows.shape == (4, len(bag)) == (4, len(bag.names))
    assert rows.dtype == np.float32
    assert np.isfinite(rows.toarray()).all()
    bag.save(tmp_path)
    config = json.loads(json.dumps(bag.to_config()))
    again = Bag.load(tmp_path, config)
    assert again.to_config() == config
    assert [*again.names] == [*bag.names]
    assert again.describe() == bag.describe()
    np.testing.assert_array_equal(again.transform(SAMPLES[kind]).toarray(), rows.toarray())
    np.testing.assert_array_equal(bag.transform(SAMPLES[kind][1:2]).toarray(), rows.toarray()[1:2])


def test_every_kind_has_a_bag() -> None:
    assert [*bags.BAGS] == [*SAMPLES]


def test_sums_of_log_count_ratios_by_hand() -> None:
    bag = Bag.fit(["a b", "a c", "b c", "c"], CLASSES, "words")
    assert bag.names == ["a", "b", "c", "naive Bayes: +", "naive Bayes: -"]  # every pair is in one sequence only
    # "a" is in 2 positive sequences and none of the negative ones, plus one each; sums are 4 + 3 and 3 + 3.
    ratios = np.log(np.array([3, 2, 2]) / 7 / (np.array([1, 2, 3]) / 6))
    for text, has in [("a b c", [1, 1, 1]), ("c a a", [1, 0, 1]), ("d", [0, 0, 0])]:
        (row,) = bag.transform([text]).toarray()
        np.testing.assert_allclose(row[:3], np.array(has) * PRESENCE, rtol=1e-6)
        sums = row[3:] * bag.scale  # type: ignore[attr-defined]
        np.testing.assert_allclose(sums, [ratios @ has, -ratios @ has], rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(
    "labels", [["1", "2", "3", "3", "1"], [frozenset(each) for each in ("1", "12", "", "3", "23")]]
)
def test_rows_to_learn_from_are_as_if_their_sequence_was_not_there(labels: list[Any]) -> None:
    texts = ["x y", "x y z z", "z", "y z", "x z y"]
    bag = Bag.fit(texts, labels, "words")
    assert isinstance(bag, BagOfSymbols)
    learnt, plain = bag.transform(texts, labels).toarray(), bag.transform(texts).toarray()
    names = bag.counts.names
    np.testing.assert_array_equal(learnt[:, : len(names)], plain[:, : len(names)])
    np.testing.assert_allclose(learnt[:, len(names) :].std(0), 1, rtol=1e-5)
    for row in range(5):
        others = [number for number in range(5) if number != row]
        present = (plain[others][:, : len(names)] > 0).astype(float)
        counts = Counts.of(csr_matrix(present), names, [labels[number] for number in others])
        ratios = counts.log_ratios() @ (plain[row, : len(names)] > 0)
        sums = dict(zip(bag.counts.classes, learnt[row, len(names) :] * bag.scale, strict=True))
        for name, ratio in zip(counts.classes, ratios, strict=True):
            assert sums[name] == pytest.approx(ratio, rel=1e-5, abs=1e-6)


def test_without_classes_rows_have_length_one() -> None:
    bag = Bag.fit(TEXTS, [np.array([1.0])] * 4, "words")
    rows = bag.transform([*TEXTS, "unheard of"])
    np.testing.assert_allclose(np.linalg.norm(rows.toarray(), axis=1), [1, 1, 1, 1, 0], rtol=1e-6)
    common, rare = (bag.transform([f"{word} one"]).toarray()[0, bag.names.index(word)] for word in ("good", "film"))
    assert common < rare


def test_names_are_counted_in_pieces() -> None:
    bag = Bag.fit(["Rossi", "Bianchi", "Rossini"], ["it"] * 3, "text")
    assert {"^ross", "ssi", "i$", "^", "b"} <= {*bag.names}
    assert "bianc" not in bag.names  # in one name only


def test_pairs_of_words_have_an_order() -> None:
    bag = Bag.fit(["not good", "Not good", "good not", "good not"], CLASSES, "words")
    one, other = bag.transform(["not good", "good not"]).toarray()
    assert one[bag.names.index("not good")] > 0
    assert other[bag.names.index("not good")] == 0


def test_long_words_share_their_beginnings() -> None:
    bag = Bag.fit(["touching film", "a touched one", "toucan"], CLASSES[:3], "words")
    assert "touch…" in bag.names
    assert "touca…" not in bag.names  # of one sequence only
    assert bag.transform(["touchingly"]).toarray()[0, bag.names.index("touch…")] > 0


def test_aligned_dna_counts_what_stands_where() -> None:
    aligned = Bag.fit(SAMPLES["dna"], CLASSES, "dna")
    assert "2GT" in aligned.names
    assert "0A" in aligned.names
    assert not any(name[0].isdigit() for name in Bag.fit(["ACG", "AC"], ["+", "-"], "dna").names)
    lower, rna = aligned.transform(["acgtac", "ACGUAC"]).toarray()
    np.testing.assert_array_equal(lower, rna)


def test_the_features_that_tell_most_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bag_of_symbols, "MOST", 2)
    bag = Bag.fit(["a x", "a x", "b x", "b x"], CLASSES, "words")
    assert bag.names[:2] == ["b x", "x"] or "x" not in bag.names[:2]
    assert len(bag) == 4


def test_statistics_of_a_channel_by_hand() -> None:
    rising = Series(np.arange(8.0)[:, None])
    bag = Bag.fit([rising, Series(-3 * np.arange(4.0)[:, None])], None, "series")
    codec = bag.codec  # type: ignore[attr-defined]
    scaled = codec.encode(rising).values[:, 0].astype(np.float64)
    row = dict(zip(bag.names, bag.transform([rising]).toarray()[0] * bag.deviation + bag.mean, strict=True))  # type: ignore[attr-defined]
    one = scaled[1] - scaled[0]
    expected = {"mean": scaled.mean(), "largest": scaled[-1], "quantile 0.5": np.median(scaled), "mean change": one}
    expected |= {"slope": 3.5 * one, "mean of quarter 4": scaled[-2:].mean()}
    for name, value in expected.items():
        assert row[f"{name} of 0"] == pytest.approx(value, rel=1e-5), name
    assert row["length"] == pytest.approx(np.log(9), rel=1e-5)
    assert len(bag) == bag.channels * len(STATISTICS) + 1  # type: ignore[attr-defined]


def test_short_and_empty_sequences_have_features() -> None:
    bag = Bag.fit(SAMPLES["series"], CLASSES, "series")
    rows = bag.transform([Series(np.ones((steps, 2))) for steps in range(6)]).toarray()
    assert np.isfinite(rows).all()
    assert not Bag.fit(TEXTS, CLASSES, "text").transform([""]).toarray().any()
    assert Bag.fit(TEXTS, CLASSES, "text").transform([]).shape[0] == 0


def test_what_cannot_be_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no bag of features for sequences of the kind 'smell'"):
        Bag.fit(["a"], None, "smell")
    with pytest.raises(DataError, match="hold nothing"):
        Bag.fit(["", ""], None, "words")
    with pytest.raises(DataError, match="expected a bag of features"):
        Bag.load(tmp_path, {"kind": "smell"})
    with pytest.raises(DataError, match="expected 192 channels, as in training, found 64"):
        Bag.fit(SAMPLES["frames"][:1], None, "frames").transform([Frames(np.zeros((2, 8, 8, 1), np.uint8))])


@pytest.mark.parametrize("kind", ["text", "series"])
def test_a_damaged_file_is_said(kind: str, tmp_path: Path) -> None:
    bag = Bag.fit(SAMPLES[kind], CLASSES, kind)
    bag.save(tmp_path)
    with pytest.raises(DataError, match="features"):
        Bag.load(tmp_path, {**bag.to_config(), "size": 3})
    for content in (
        "{",
        "[]",
        '{"names": ["a"], "sequences": 1, "total": [], "classes": [], "inside": [], "scale": []}',
        '{"names": ["a"], "weights": []}',
        '{"mean": [1], "deviation": [1]}',
    ):
        (tmp_path / "bag.json").write_text(content)
        with pytest.raises(DataError, match=r"bag\.json: .*damaged"):
            Bag.load(tmp_path, bag.to_config())
