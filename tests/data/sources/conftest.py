"""Files for the tests of sources, written in a line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from elman.data.examples import Answer, Examples
from elman.data.sources import read_examples
from elman.settings import DataSettings
from source_files import Read


@pytest.fixture
def reading(tmp_path: Path) -> Read:
    """Writes files by name and reads their folder; options are those of `DataSettings`."""

    def read(files: dict[str, str | bytes], answer: Answer | None = "class", **options: Any) -> Examples:
        for name, content in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_examples(tmp_path, DataSettings(**options), answer)

    return read
