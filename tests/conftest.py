"""Options and fixtures of the whole suite."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--data",
        metavar="DIR",
        default=os.environ.get("ELMAN_DATA"),
        help="Folder of the data sets; without it (and without ELMAN_DATA) tests marked 'data' are left out.",
    )


def pytest_configure(config: pytest.Config) -> None:
    if hasattr(config, "workerinput"):
        return  # of several processes the first one sets up what all share
    # Compiled code of the tests is not kept among the user's, and none of the user's is taken.
    kept = tempfile.TemporaryDirectory(prefix="elman-cache-")
    config.add_cleanup(kept.cleanup)
    os.environ["ELMAN_CACHE"] = kept.name


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--data"):
        return
    left_out = [item for item in items if item.get_closest_marker("data")]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if not item.get_closest_marker("data")]


@pytest.fixture(scope="session")
def data_folder(request: pytest.FixtureRequest) -> Path:
    """The folder given by --data or ELMAN_DATA; only tests marked ``data`` may ask for it."""
    folder = Path(request.config.getoption("--data"))
    if not folder.is_dir():
        pytest.fail(f"--data (or ELMAN_DATA): {folder} is not a folder.")
    return folder
