from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elman import settings as room
from elman.errors import SettingsError
from elman.settings import Duration, LanguageModelSettings, fields_of, flat, read_yaml, to_dict, update

#: Every settings class.
CLASSES = [each for each in vars(room).values() if dataclasses.is_dataclass(each)]


@pytest.mark.parametrize("settings", CLASSES)
def test_names_are_unique_across_sections(settings: type[Any]) -> None:
    names = [leaf.name for _, leaf, _ in fields_of(settings)]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("settings", CLASSES)
def test_every_option_is_documented_in_a_sentence(settings: type[Any]) -> None:
    for _, leaf, _ in fields_of(settings):
        assert leaf.metadata["help"].endswith("."), leaf.name


@pytest.mark.parametrize("settings", CLASSES)
def test_defaults_are_within_their_ranges(settings: type[Any]) -> None:
    assert update(settings(), {}) == settings()


def test_settings_are_values() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        LanguageModelSettings().text.codec = "bytes"  # type: ignore[misc]
    assert update(LanguageModelSettings(), {}) == LanguageModelSettings()


@pytest.mark.parametrize(
    "values",
    [
        {"hidden_size": 64},
        {"hidden-size": "64"},
        {"network": {"hidden_size": "64"}},
        {"network.hidden_size": 64.0},
    ],
)
def test_one_option_can_be_named_in_several_ways(values: dict[str, Any]) -> None:
    assert update(LanguageModelSettings(), values).network.hidden_size == 64


def test_plain_values_come_back_as_they_were() -> None:
    options = {"max_time": "1h30m", "valid": "a/b.txt", "learning_rate": 0.5, "tie_weights": True, "epochs": 3}
    settings = update(LanguageModelSettings(), options)
    assert update(LanguageModelSettings(), to_dict(settings)) == settings


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"hiden_size": 1}, "file.yaml: there is no option 'hiden_size'. Did you mean 'hidden_size'"),
        ({"text.hidden_size": 1}, "there is no option 'text.hidden_size'"),
        ({"hidden_size": "wide"}, "hidden_size takes a whole number or 'auto', not 'wide'"),
        ({"hidden_size": 1.5}, "hidden_size takes a whole number"),
        ({"hidden_size": True}, "hidden_size takes a whole number"),
        ({"hidden_size": 0}, "hidden_size must be at least 1, not 0"),
        ({"codec": "word"}, "codec takes 'characters', 'bytes', 'words' or 'bpe', not 'word'"),
        ({"dropout": 1.5}, "dropout must be between 0 and 0.95"),
        ({"dropout": "nan"}, "dropout must be between"),
        ({"max_time": "soon"}, "max_time takes a time such as 20m or none"),
        ({"lowercase": "perhaps"}, "lowercase takes true or false"),
        ({"seed": None}, "seed takes a whole number, not None"),
        ({"seed": -1}, "seed must be between 0 and 9223372036854775807, not -1"),
        ({"network": 5}, "network is a group of options"),
        ({1: 2}, "there is no option '1'"),
        (3, "expected options by name, found 3"),
    ],
)
def test_what_cannot_be_is_said_with_its_source(values: Any, message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        update(LanguageModelSettings(), values, "file.yaml")
    assert message in str(caught.value)


@given(st.integers(1, 10**7))
def test_durations_are_written_as_they_are_read(seconds: int) -> None:
    assert Duration.parse(str(Duration(seconds))) == seconds


@pytest.mark.parametrize("text", ["", "m", "1x", "1h-3m", "-5", "1 2", "inf"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="a duration such as"):
        Duration.parse(text)


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"a: [", "line 1: is not valid YAML"), (b"- a", "expected lines such as"), (b"\xff\xfe", "is not UTF-8 text")],
)
def test_yaml_that_cannot_be_read(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_bytes(content)
    with pytest.raises(SettingsError, match=message):
        read_yaml(path)


def test_yaml_may_be_empty(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("# hidden_size: 8\n", encoding="utf-8")
    assert read_yaml(path) == {}


def test_yaml_may_have_sections_or_not(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("hidden_size: 8\ntraining:\n  seed: 4\n", encoding="utf-8")
    values = flat(update(LanguageModelSettings(), read_yaml(path)))
    assert (values["hidden_size"], values["seed"]) == (8, 4)
