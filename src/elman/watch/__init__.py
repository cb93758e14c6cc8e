"""The page that shows what a model remembers, live, and how it is opened. No torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from elman.errors import UsageError
from elman.runtime import Bundle, TextModel
from elman.serving import application, serve

#: HTML, style and scripts, as a browser gets them.
PAGE = Path(__file__).parent / "page"

#: Models side by side that a page has room for.
MOST = 2


def watch(folders: Sequence[Path], *, port: int, ready: Callable[[str], None]) -> None:
    """Serve the page for one model or two, until Ctrl-C.

    Args:
        folders: Of the models.
        port: To listen on, on this machine alone; 0 takes any that is free.
        ready: Called with the page's address as soon as it can be opened.

    Raises:
        BundleError: A folder is not a model.
        UsageError: There are no models or too many, or the port is taken.
    """
    if not 1 <= len(folders) <= MOST:
        raise UsageError(f"One model is watched, or {MOST} side by side; found {len(folders)}.")
    serve(application(read(folders), PAGE), port, ready)


def read(folders: Sequence[Path]) -> dict[str, TextModel]:
    """The models by name: that of the folder, with as much of the path before it as tells them apart."""
    paths = [folder.resolve() for folder in folders]
    names = [path.name for path in paths]
    if len(set(names)) < len(names):
        names = [str(folder) for folder in folders]
    if len(set(names)) < len(names):
        raise UsageError(f"{folders[0]} is given twice; leave one of them out.")
    return {name: Bundle.read(folder, TextModel).model for name, folder in zip(names, folders, strict=True)}
