"""A real `elman watch` in a process of its own, for tests that talk to it."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def watching(*folders: Path) -> Iterator[str]:
    """The address of a page with these models, as long as the context lasts; it must end quietly by Ctrl-C."""
    command = [sys.executable, "-c", "from elman.cli import main; main()", "watch", "--port", "0", "--no-browser"]
    with subprocess.Popen(
        [*command, *map(str, folders)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        assert server.stderr is not None
        line = server.stdout.readline()
        if not line.startswith("The page is at http://127.0.0.1:"):
            server.kill()
            raise AssertionError(line + server.stderr.read())
        try:
            yield line.split()[4].rstrip(".")
        finally:
            server.send_signal(signal.SIGINT)
            complaints = server.stderr.read()
        assert (server.wait(), complaints) == (0, "")
