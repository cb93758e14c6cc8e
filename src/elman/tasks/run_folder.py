"""The folder of a training run: held by one process at a time, and with all in it that resuming goes by."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from elman import system
from elman.codecs import TextCodec
from elman.errors import CheckpointError, SaveError, UsageError
from elman.runtime.engine import NetworkShape
from elman.settings import LanguageModelSettings, flat, to_dict, update
from elman.training.checkpoint import CHANGEABLE

FILE = "run.json"


@dataclass(frozen=True)
class RunRecord:
    """What a run was started with: settings without any 'auto', symbols, network, and the text's fingerprint."""

    settings: LanguageModelSettings
    codec: TextCodec
    shape: NetworkShape
    source: str
    sha256: str

    def write(self, folder: Path) -> None:
        """Write ``run.json`` and the vocabulary. Raises `SaveError`."""
        values = {
            "settings": to_dict(self.settings),
            "codec": self.codec.to_config(),
            "network": self.shape.to_dict(),
            "source": self.source,
            "sha256": self.sha256,
        }
        with system.replacing_files(folder) as draft:
            self.codec.save(draft)
            (draft / FILE).write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> RunRecord:
        """Read what `write` wrote; `CheckpointError` where there is no run or its record is damaged."""
        try:
            values = json.loads((folder / FILE).read_text(encoding="utf-8"))
            return cls(
                settings=update(LanguageModelSettings(), values["settings"], str(folder / FILE)),
                codec=TextCodec.load(folder, values["codec"]),
                shape=NetworkShape.from_dict(values["network"]),
                source=values["source"],
                sha256=values["sha256"],
            )
        except FileNotFoundError:
            raise CheckpointError(f"{folder}: holds no run to resume; start one without --resume.") from None
        except (OSError, ValueError, KeyError) as error:
            raise CheckpointError(f"{folder / FILE}: is damaged ({error}); start a new run.") from None

    def check_text(self, sha256: str, source: str) -> None:
        """Raise `CheckpointError` unless the text is the one of this run."""
        if sha256 != self.sha256:
            raise CheckpointError(f"The run was trained on another text than {source}; resume with the same files.")

    def resumed(self, asked: LanguageModelSettings) -> LanguageModelSettings:
        """The settings of the run with the limits that are asked for now; `UsageError` for any other change."""
        default, saved = flat(LanguageModelSettings()), flat(self.settings)
        changed = {name: value for name, value in flat(asked).items() if value not in (default[name], saved[name])}
        if fixed := [name for name in changed if name not in CHANGEABLE]:
            raise UsageError(
                f"--resume goes on with {fixed[0]} = {saved[fixed[0]]}, as the run began; to change it, start a new "
                "run with --from."
            )
        return update(self.settings, changed, "--resume")


@contextmanager
def own_folder(folder: Path | None, resume: bool) -> Iterator[None]:
    """Hold ``folder`` for this run alone; `SaveError` if it already holds something, unless resuming."""
    if folder is None:
        yield
        return
    lock = {folder / ".lock"}  # left behind by a run that was killed at its very start
    if not resume and folder.exists() and (not folder.is_dir() or set(folder.iterdir()) - lock):
        raise SaveError(f"{folder}: is in use; choose another --out, or go on with that run by --resume.")
    with system.lock_folder(folder):
        yield
