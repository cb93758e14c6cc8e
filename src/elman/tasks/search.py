"""`--search N`: settings of any task tried in turn, and the best of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from elman.errors import SaveError
from elman.settings import flat, update
from elman.tasks import run_folder
from elman.training.events import Callback
from elman.training.search import Search, ranges_for
from elman.training.search_report import lines, write_report

AnySettings = TypeVar("AnySettings")

#: Options that a model to start from has settled.
OF_START = ("cell", "hidden_size", "num_layers", "embedding_size", "bidirectional")


def find_settings(
    settings: AnySettings,
    fit: Callable[[AnySettings, Sequence[Callback]], Any],
    out: Path,
    *,
    trials: int,
    over: Sequence[str] = (),
    start_from: Path | None = None,
    resume: bool = False,
    note: Callable[[str], None] = print,
) -> AnySettings | None:
    """The settings with the best options of so many trials; what was given stays as it is.

    The study is in ``out/search``: the same call goes on with it, also from several processes at once. Page, table and
    best options stand beside it.

    Args:
        settings: Those of a task, as far as they were given.
        fit: Trains a model in memory with settings, handing on callbacks, and returns it.
        out: Folder of the run.
        trials: How many settings to try; the first are those that the task chooses by itself.
        over: Options to search; the usual ones when empty.
        start_from: Model that training starts from, whose sizes stay.
        resume: Whether a run in ``out`` may have begun.
        note: Receives sentences for the reader.

    Returns:
        None where other processes are still at trials: the last of them has the result.

    Raises:
        SettingsError: There is nothing to search, or an option cannot be searched.
        UsageError: Optuna is missing, or no settings could be trained.
        SaveError: ``out`` holds a run already, or cannot be written to.
        KeyboardInterrupt: As it came, with a sentence on how to go on.
    """
    if not resume and has_run(out):
        raise SaveError(f"{out}: is in use; choose another --out, or go on with that run by --resume.")
    kept = [*run_folder.changes(settings), *(OF_START if start_from is not None else ())]
    known = flat(settings)
    search = Search(out, ranges_for(list(known), kept, over), seed=int(known["seed"]))

    def attempt(options: Mapping[str, Any], callbacks: Sequence[Callback]) -> None:
        model = fit(update(settings, options, "--search"), callbacks)
        if model.metrics["training"]["stopped_by"] == "interrupt":
            raise KeyboardInterrupt

    note(f"Search over {', '.join(search.ranges)}; the study is in {search.folder}.")
    try:
        search.run(trials, attempt, note)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"stopped; the same command goes on with the search in {search.folder}") from None
    if search.running:
        note(f"{search.running} trials are still running in other processes; the last of them trains the model.")
        return None
    result = search.result()
    page = write_report(result, search.ranges, out)
    for line in (*lines(result), f"The whole search: {page}"):
        note(line)
    return update(settings, result.best.options, "--search")


def has_run(out: Path) -> bool:
    """Whether a run has begun in the folder."""
    return (out / run_folder.FOLDER).exists()
