from __future__ import annotations

from pathlib import PurePosixPath

import pytest

from elman.data.sources.names import guess, pick, pick_all
from elman.errors import DataError, SettingsError


def paths(*names: str) -> list[PurePosixPath]:
    return [PurePosixPath(name) for name in names]


SPOKEN = paths(
    *(f"{digit}_{who}_{take}.wav" for digit in range(3) for who in ("ann", "bob", "cy") for take in range(2))
)


@pytest.mark.parametrize(
    ("pattern", "path", "found"),
    [
        ("{}_*", "7_theo_3.wav", "7"),
        ("*_{}_*", "a/b/7_theo_3.wav", "theo"),
        ("*_*_{}", "7_theo_3.wav", "3"),
        ("*_*_{}.wav", "7_theo_3.wav", "3"),
        ("{}/*", "yes/1.wav", "yes"),
        ("{}/*/*", "train/yes/1.wav", "train"),
        ("take{}", "take12", "12"),
        ("{}#", "a/dog12.wav", "dog"),
        ("{}#", "dog.wav", None),
        ("{}/*", "1.wav", None),
        ("{}_*", "7.wav", None),
        ("a.{}-*", "axb-c.wav", None),
    ],
)
def test_a_pattern_picks_a_piece(pattern: str, path: str, found: str | None) -> None:
    assert pick(pattern, PurePosixPath(path)) == found


def test_a_pattern_that_does_not_fit_is_said() -> None:
    with pytest.raises(DataError, match=r"b\.wav: --target '\{\}_\*' does not fit"):
        pick_all("{}_*", paths("a_1.wav", "b.wav"), "target")
    with pytest.raises(SettingsError, match="once"):
        pick("{}_{}", PurePosixPath("a_b"))


def test_the_folder_tells_the_class() -> None:
    told = guess(paths("data/yes/1.wav", "data/yes/2.wav", "data/no/1.wav", "data/no/2.wav"), "data")
    assert (told.target, told.group) == ("{}/*", None)
    assert told.notes == ["The class is the folder: no, yes; if not, say --target PATTERN."]


def test_sessions_below_classes_are_no_classes() -> None:
    told = guess(
        paths("run/a/1.wav", "run/a/2.wav", "run/b/1.wav", "sit/c/1.wav", "sit/c/2.wav", "sit/d/1.wav"), "data"
    )
    assert (told.target, told.group) == ("{}/*/*", "{}/*")


def test_parts_are_no_classes() -> None:
    names = [f"{part}/{label}/{n}.wav" for part in ("train", "test") for label in ("a", "b") for n in range(2)]
    assert guess(paths(*names), "data").target == "{}/*"


def test_two_levels_that_could_be_the_class_are_said() -> None:
    crossed = paths(*(f"{who}/{label}/{n}.wav" for who in ("ann", "bob") for label in ("yes", "no") for n in range(2)))
    with pytest.raises(DataError, match=r"--target '\{\}/\*/\*' or --target '\{\}/\*'"):
        guess(crossed, "data")


def test_the_name_tells_the_class_and_who() -> None:
    told = guess(SPOKEN, "data")
    assert (told.target, told.group) == ("{}_*", "*_{}_*")
    assert "first piece of the name: 0, 1, 2;" in told.notes[0]
    assert "ann, bob, cy" in told.notes[1]
    assert guess(SPOKEN, "data", "*_*_{}").group == "*_*_{}"


def test_numbers_are_nobody() -> None:
    assert guess(paths(*(f"{label}-{n}.wav" for label in "ab" for n in range(4))), "data").group is None


@pytest.mark.parametrize(
    "names", [("1.wav", "2.wav", "3.wav"), ("a_1.wav", "b_2.wav", "c_3.wav"), ("a_1.wav", "a_2.wav")]
)
def test_where_nothing_tells_nothing_is_guessed(names: tuple[str, ...]) -> None:
    assert guess(paths(*names), "data").target is None
