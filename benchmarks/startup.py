"""How long one waits before anything happens: `elman --help`, and what `import elman` drags in."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence

from benchmarks.harness import Data, Figure
from elman.timing import interleaved


def measure(data: Data) -> Sequence[Figure]:
    """Median of fresh processes, files warm, an empty Python beside them."""
    times = interleaved(
        {
            "help": python("import sys; sys.argv = ['elman', '--help']; from elman.cli import main; main()"),
            "import": python("import elman"),
            "python": python("pass"),
        },
        seconds=0,
        least=11,
    )
    loaded = python("import elman, sys; print('torch' in sys.modules)")().strip()
    empty = f"an empty Python, {times['python']:.3f} s"
    return [
        Figure("elman --help", times["help"], "s", "lower", 0.3, empty),
        Figure("import elman", times["import"], "s", "lower", None, empty),
        Figure("import elman loads torch", float(loaded == "True"), "(0 or 1)", "lower", 0),
    ]


def python(code: str) -> Callable[[], str]:
    """Return a call that runs ``code`` in a fresh Python and gives what it prints."""
    return lambda: subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
