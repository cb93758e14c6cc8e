from __future__ import annotations

from pathlib import Path

import pytest

import small_models
from elman.errors import CheckpointError, SaveError, UsageError
from elman.settings import LanguageModelSettings, update
from elman.tasks.run_folder import RunRecord, own_folder


def record(kind: str = "characters") -> RunRecord:
    codec = small_models.codec(kind)
    settings = update(LanguageModelSettings(), {"hidden_size": 9, "steps": 5, "codec": kind})
    return RunRecord(settings, codec, small_models.shape(len(codec)), "book.txt", "f00")


@pytest.mark.parametrize("kind", ["characters", "bytes", "words", "bpe"])
def test_a_record_comes_back_as_it_was(kind: str, tmp_path: Path) -> None:
    record(kind).write(tmp_path)
    read = RunRecord.read(tmp_path)
    assert (read.source, read.sha256) == ("book.txt", "f00")
    assert read.settings == record(kind).settings
    assert read.shape == record(kind).shape
    assert read.codec.encode(small_models.TEXT).tolist() == record(kind).codec.encode(small_models.TEXT).tolist()


def test_a_damaged_record_says_so(tmp_path: Path) -> None:
    record().write(tmp_path)
    (tmp_path / "run.json").write_text("{}", encoding="utf-8")
    with pytest.raises(CheckpointError, match="is damaged"):
        RunRecord.read(tmp_path)


def test_limits_may_change_and_nothing_else() -> None:
    longer = record().resumed(update(LanguageModelSettings(), {"steps": 50, "max_time": "1m"}))
    assert (longer.training.steps, longer.training.max_time) == (50, 60)
    assert longer.network.hidden_size == 9
    with pytest.raises(UsageError, match="--resume goes on with hidden_size = 9"):
        record().resumed(update(LanguageModelSettings(), {"hidden_size": 10}))


def test_another_text_is_refused() -> None:
    record().check_text("f00", "book.txt")
    with pytest.raises(CheckpointError, match=r"another text than letters\.txt"):
        record().check_text("f01", "letters.txt")


def test_a_folder_is_held_by_one_run_at_a_time(tmp_path: Path) -> None:
    with own_folder(tmp_path / "run", False), pytest.raises(SaveError, match="another process is training"):  # noqa: SIM117
        with own_folder(tmp_path / "run", True):
            pass
    with own_folder(tmp_path / "run", True):
        pass


def test_a_folder_with_anything_in_it_is_in_use_unless_resuming(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(SaveError, match="is in use"), own_folder(tmp_path, False):
        pass
    with own_folder(tmp_path, True):
        pass
    with pytest.raises(SaveError, match="is in use"), own_folder(tmp_path / "letter.txt", False):
        pass
