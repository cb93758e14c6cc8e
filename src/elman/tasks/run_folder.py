"""The folder of a training run: held by one process at a time, and with all in it that resuming goes by."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Generic, TypeVar

from elman import system
from elman.errors import CheckpointError, ElmanError, SaveError, UsageError
from elman.runtime.model import Model
from elman.settings import flat, to_dict, update
from elman.training import search
from elman.training.checkpoint import CHANGEABLE

#: Folder in the folder of the run, and the file in it beside the vocabulary.
FOLDER, FILE = "run", "record.json"

#: What may stand in a folder before a run: what one that was killed at its very start left behind, and a search.
REMAINS = {system.LOCK, f".{FOLDER}.part", search.FOLDER}


AnyModel = TypeVar("AnyModel", bound=Model)
AnySettings = TypeVar("AnySettings")


@dataclass(frozen=True)
class RunRecord(Generic[AnyModel, AnySettings]):
    """What a run was started with.

    Attributes:
        settings: Without any 'auto'.
        model: All of the model but its weights.
        source: Names of the files.
        sha256: The data's fingerprint.
        start: Folder of the model that it started from; None for a fresh one.
    """

    settings: AnySettings
    model: AnyModel
    source: str
    sha256: str
    start: str | None = None

    def write(self, folder: Path) -> None:
        """Write the record and what the model saves beside it, both or none. Raises `SaveError`."""
        values = {
            "settings": to_dict(self.settings),
            "source": self.source,
            "sha256": self.sha256,
            "start": self.start,
            **self.model.to_config(),
        }

        def write_files(draft: Path) -> None:
            draft.mkdir()
            self.model.save(draft)
            (draft / FILE).write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")

        system.write_atomically(folder / FOLDER, write_files)

    @classmethod
    def read(cls, folder: Path, model: type[AnyModel], defaults: AnySettings) -> RunRecord[AnyModel, AnySettings]:
        """Read what `write` wrote; `CheckpointError` where there is no run or its record is damaged."""
        file = folder / FOLDER / FILE
        try:
            values = json.loads(file.read_text(encoding="utf-8"))
            return RunRecord(
                settings=update(defaults, values["settings"], str(file)),
                model=model.load(folder / FOLDER, values, {}),
                source=values["source"],
                sha256=values["sha256"],
                start=values["start"],
            )
        except (FileNotFoundError, NotADirectoryError):
            raise CheckpointError(f"{folder}: holds no run to resume; start one without --resume.") from None
        except (OSError, ValueError, KeyError, TypeError, ElmanError) as error:
            raise CheckpointError(f"{file}: is damaged ({error}); start a new run.") from None

    def check_data(self, sha256: str, source: str) -> None:
        """Raise `CheckpointError` unless the data are those of this run."""
        if sha256 != self.sha256:
            raise CheckpointError(f"The run was trained on other data than {source}; resume with the same files.")

    def resumed(self, asked: AnySettings, start: str | Path | None = None) -> RunRecord[AnyModel, AnySettings]:
        """The record with the limits that are asked for now; `UsageError` for any other change."""
        saved = flat(self.settings)
        changed = {name: value for name, value in changes(asked).items() if value != saved[name]}
        if fixed := [name for name in changed if name not in CHANGEABLE]:
            raise UsageError(
                f"--resume goes on with {fixed[0]} = {saved[fixed[0]]}, as the run began; to change it, start a new "
                "run with --from."
            )
        if start is not None and start_folder(start) != self.start:
            began = "from a fresh network" if self.start is None else f"from {self.start}"
            raise UsageError(f"--resume goes on with a run that began {began}; leave out --from, or start a new run.")
        return replace(self, settings=update(self.settings, changed, "--resume"))


def changes(asked: Any) -> dict[str, Any]:
    """The options that are not at their default."""
    default = flat(type(asked)())
    return {name: value for name, value in flat(asked).items() if value != default[name]}


def as_in(asked: AnySettings, own: Mapping[str, Any]) -> AnySettings:
    """The settings with what a model to start from has as its ``own``; `UsageError` where others are asked for."""
    for name, value in changes(asked).items():
        if name in own and value != own[name]:
            raise UsageError(f"--from goes on with {name} = {own[name]}, as that model has it, not {value}.")
    return update(asked, own, "--from")


def start_folder(start: str | Path) -> str:
    """The name under which a record keeps a model to start from: one that holds from any folder."""
    return str(Path(start).resolve())


@contextmanager
def own_folder(folder: Path | None, resume: bool) -> Iterator[None]:
    """Hold ``folder`` for this run alone.

    Raises:
        SaveError: It already holds something, unless resuming; or another process holds it.
        KeyboardInterrupt: As it came, with a sentence on how to go on where there is a run to go on with.
    """
    if folder is None:
        yield
        return
    if folder.is_file():
        raise SaveError(f"{folder}: is a file; choose a folder as --out.")
    if not resume and folder.exists() and {entry.name for entry in folder.iterdir()} - REMAINS:
        raise SaveError(f"{folder}: is in use; choose another --out, or go on with that run by --resume.")
    with system.lock_folder(folder):
        try:
            yield
        except KeyboardInterrupt:
            if not (folder / FOLDER).exists():
                raise
            raise KeyboardInterrupt(f"stopped at once; --resume goes on with what {folder} holds") from None


@contextmanager
def record_in(
    out: str | Path | None,
    resume: bool,
    model: type[AnyModel],
    asked: AnySettings,
    *,
    sha256: Callable[[], str],
    source: str,
    begin: Callable[[], RunRecord[AnyModel, AnySettings]],
    start: str | Path | None = None,
) -> Iterator[tuple[Path | None, RunRecord[AnyModel, AnySettings]]]:
    """Hold the folder ``out`` for a run, and give it with the record of the run: one to go on with, or a new one.

    Args:
        out: Folder of the run; None where all stays in memory.
        resume: Go on with the run in ``out``.
        model: What is learnt.
        asked: The settings that are asked for now.
        sha256: The fingerprint of the data, which must be that of the run.
        source: Where they come from, for messages.
        begin: Makes the record of a new run.
        start: Folder of the model that a run starts from.

    Raises as `own_folder` and the methods of `RunRecord` do; `UsageError` for ``resume`` without a folder.
    """
    folder = None if out is None else Path(out)
    if resume and folder is None:
        raise UsageError("resume needs the folder of the run as out.")
    with own_folder(folder, resume):
        if resume and folder is not None:
            record = RunRecord.read(folder, model, type(asked)()).resumed(asked, start)
            record.check_data(sha256(), source)
        else:
            record = begin()
        yield folder, record
