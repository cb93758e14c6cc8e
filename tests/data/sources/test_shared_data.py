"""Real data sets by their path alone: what is found in each, and how many sequences there are."""

from __future__ import annotations

from pathlib import Path

import pytest

from elman.data.examples import Answer
from elman.data.sources import read_examples
from elman.errors import DataError
from elman.settings import DataSettings

#: Path, answer, kind, sequences, classes or tags, and the sizes of train, valid and test where they are given.
SETS = [
    ("sst/stsa.binary", "class", "text", 9613, 2, (6920, 872, 1821)),
    ("sst/stsa.fine", "class", "text", 11855, 5, (8544, 1101, 2210)),
    ("mr", "class", "text", 10662, 2, None),
    ("cr", "class", "text", 3771, 2, None),
    ("subj", "class", "text", 10000, 2, None),
    ("movie_reviews_v2", "class", "text", 2000, 2, None),
    ("surnames", "class", "text", 20050, 18, None),
    ("atis", "class", "text", 5871, 26, (4478, 500, 893)),
    ("atis", "tags", "words", 5871, 127, (4478, 500, 893)),
    ("snips", "class", "text", 14484, 7, (13084, 700, 700)),
    ("snips", "tags", "words", 14484, 72, (13084, 700, 700)),
    ("dna_splice", "class", "dna", 3186, 3, None),
    ("dna_uci_promoters", "class", "dna", 106, 2, None),
    ("dna_cnnprom_eukaryote", "class", "dna", 16420, 6, None),
    ("ucr_uea/BasicMotions", "class", "series", 80, 4, (40, 0, 40)),
    ("ucr_uea/JapaneseVowels", "class", "series", 640, 9, (270, 0, 370)),
    ("ucr_uea/PickupGestureWiimoteZ", "class", "series", 100, 10, (50, 0, 50)),
    ("ucr_uea/GunPoint", "class", "series", 200, 2, (50, 0, 150)),
    ("ucr_uea/Epilepsy.npz", "class", "series", 275, 4, (137, 0, 138)),
    ("ucr_uea/Libras.npz", "class", "series", 360, 15, (180, 0, 180)),
    ("ucr_uea/RacketSports.npz", "class", "series", 303, 4, (151, 0, 152)),
    ("hand_gesture_keypoints/point_history.csv.gz", "class", "series", 5296, 4, None),
    ("indoor_movement", "class", "series", 314, 2, None),
    ("cmu_mocap", "class", "series", 30, 5, (25, 0, 5)),
    ("unipen/unipen_chars.jsonl.gz", "class", "ink", 6490, 62, None),
    ("fsdd", "class", "audio", 1500, 10, None),
]


@pytest.mark.data
@pytest.mark.parametrize(("name", "answer", "kind", "count", "classes", "sizes"), SETS)
def test_by_path_alone(
    name: str,
    answer: Answer,
    kind: str,
    count: int,
    classes: int,
    sizes: tuple[int, int, int] | None,
    data_folder: Path,
) -> None:
    examples = read_examples(data_folder / name, DataSettings(), answer)
    targets = examples.targets or ()
    labels = set(targets) if answer == "class" else {tag for tags in targets for tag in tags}
    assert (examples.kind, len(examples), len(labels)) == (kind, count, classes)
    if sizes is not None:
        assert examples.parts is not None
        assert tuple(list(examples.parts).count(part) for part in ("train", "valid", "test")) == sizes


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "answer", "message"),
    [
        ("sst", "class", "holds 2 data sets, .*stsa.binary or .*stsa.fine"),
        ("beijing_pm25", "numbers", "--target .* --id-column"),
        ("dna_ecoli_536", "class", "no class in their headers"),
        ("ptb", "class", "train language-model"),
    ],
)
def test_where_guessing_is_not_safe(name: str, answer: Answer, message: str, data_folder: Path) -> None:
    with pytest.raises(DataError, match=message):
        read_examples(data_folder / name, DataSettings(), answer)


#: Path, kind, sequences, the sizes of train, valid and test where they are given, and the first text to be learnt.
TEXTS: list[tuple[str, str, int, tuple[int, int, int] | None, str]] = [
    ("an4", "series", 1078, (948, 0, 130), "RUBOUT G M E F THREE NINE"),
    ("fraktur_lines", "images", 1580, (1100, 0, 480), "Herzog, F. X."),
    ("poilus_lines", "images", 3057, (2248, 268, 541), "Je dis : le vingt-sept"),
    ("unipen/unipen_words.jsonl.gz", "ink", 3600, (2391, 423, 786), "Push"),
    ("tatoeba_cmn_en", "text", 20133, None, "嗨。"),
    ("cmudict/cmudict.dict.gz", "text", 135_166, None, "B AW1 T"),
    ("flickr8k_1000", "images", 1000, None, "A child in a pink dress is climbing up a set of stairs in an entry way ."),
]


@pytest.mark.data
@pytest.mark.parametrize(("name", "kind", "count", "sizes", "first"), TEXTS)
def test_texts_by_path_alone(
    name: str, kind: str, count: int, sizes: tuple[int, int, int] | None, first: str, data_folder: Path
) -> None:
    examples = read_examples(data_folder / name, DataSettings(), "text")
    target = (examples.targets or [""])[0]
    assert (examples.kind, len(examples)) == (kind, count)
    assert (target if isinstance(target, str) else next(iter(target))) == first
    if sizes is not None:
        assert tuple((examples.parts or []).count(part) for part in ("train", "valid", "test")) == sizes
