from __future__ import annotations

from pathlib import Path

import pytest

import small_models
from elman.errors import CheckpointError, SaveError, UsageError
from elman.runtime import TextModel
from elman.settings import LanguageModelSettings, update
from elman.tasks.run_folder import RunRecord, own_folder


def record(kind: str = "characters", start: str | None = None) -> RunRecord:
    codec = small_models.codec(kind)
    settings = update(LanguageModelSettings(), {"hidden_size": 9, "steps": 5, "codec": kind})
    model = TextModel(small_models.shape(len(codec)), codec)
    return RunRecord(settings, model, "book.txt", "f00", start)


def read_record(folder: Path) -> RunRecord:
    return RunRecord.read(folder, TextModel, LanguageModelSettings())


@pytest.mark.parametrize("kind", ["characters", "bytes", "words", "bpe"])
def test_a_record_comes_back_as_it_was(kind: str, tmp_path: Path) -> None:
    record(kind).write(tmp_path)
    read = read_record(tmp_path)
    assert (read.source, read.sha256) == ("book.txt", "f00")
    assert read.start is None
    assert read.settings == record(kind).settings
    assert read.model.shape == record(kind).model.shape
    ids = [each.model.codec.encode(small_models.TEXT).tolist() for each in (read, record(kind))]
    assert ids[0] == ids[1]


DAMAGE = {
    "cut short": lambda text: text[:-9],
    "empty": lambda text: "{}",
    "unknown option": lambda text: text.replace("hidden_size", "hiden_size"),
    "no settings": lambda text: text.replace('"settings": {', '"settings": 3, "x": {'),
    "no codec": lambda text: text.replace('"codec": {', '"codec": 3, "x": {'),
    "another codec": lambda text: text.replace('"kind": "characters"', '"kind": "letters"'),
    "no network": lambda text: text.replace('"network": {', '"network": 3, "x": {'),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_a_damaged_record_says_so(kind: str, tmp_path: Path) -> None:
    record().write(tmp_path)
    file = tmp_path / "run" / "record.json"
    file.write_text(DAMAGE[kind](file.read_text(encoding="utf-8")), encoding="utf-8")
    with pytest.raises(CheckpointError, match=r"record\.json: is damaged"):
        read_record(tmp_path)


def test_a_record_is_written_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(self: object, folder: Path) -> None:
        raise KeyboardInterrupt

    with own_folder(tmp_path / "run", False):
        pass
    assert not (tmp_path / "run").exists()
    monkeypatch.setattr(type(record().model.codec), "save", killed)
    with pytest.raises(KeyboardInterrupt), own_folder(tmp_path / "run", False):
        record().write(tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_what_a_run_killed_at_its_start_left_behind_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / ".lock").touch()
    (tmp_path / ".run.part").mkdir()
    (tmp_path / ".run.part" / "vocabulary.json").write_text("[")
    with own_folder(tmp_path, False):
        record().write(tmp_path)
    assert {file.name for file in tmp_path.iterdir()} == {".lock", "run"}


def test_a_hard_stop_says_how_to_go_on(tmp_path: Path) -> None:
    def stopped() -> None:
        with own_folder(tmp_path, False):
            record().write(tmp_path)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt, match="--resume goes on"):
        stopped()


def test_limits_may_change_and_nothing_else() -> None:
    longer = record().resumed(update(LanguageModelSettings(), {"steps": 50, "max_time": "1m"})).settings
    assert (longer.training.steps, longer.training.max_time) == (50, 60)
    assert longer.network.hidden_size == 9
    with pytest.raises(UsageError, match="--resume goes on with hidden_size = 9"):
        record().resumed(update(LanguageModelSettings(), {"hidden_size": 10}))


def test_a_run_goes_on_from_where_it_started(tmp_path: Path) -> None:
    asked, start = LanguageModelSettings(), tmp_path / "first"
    begun = record(start=str(start))
    assert begun.resumed(asked).start == begun.resumed(asked, tmp_path / "." / "first").start == str(start)
    with pytest.raises(UsageError, match=r"began from .*first; leave out --from"):
        begun.resumed(asked, tmp_path / "second")
    with pytest.raises(UsageError, match="began from a fresh network"):
        record().resumed(asked, start)


def test_other_data_are_refused() -> None:
    record().check_data("f00", "book.txt")
    with pytest.raises(CheckpointError, match=r"other data than letters\.txt"):
        record().check_data("f01", "letters.txt")


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
    with pytest.raises(SaveError, match="is a file"), own_folder(tmp_path / "letter.txt", False):
        pass
