"""`python -m benchmarks NAME...` measures claims; `--check` prints every figure that misses its goal."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from pathlib import Path

from benchmarks.harness import RESULTS, Data, read, record

#: Files that hold no benchmark.
SHARED = (
    "__init__", "__main__", "forecast_runs", "harness", "kept_runs", "label_runs", "memory_problems", "own_cells",
    "pair_runs", "races", "recurrences", "scenes", "transcript_runs",
)  # fmt: skip

NAMES = sorted(path.stem for path in Path(__file__).parent.glob("*.py") if path.stem not in SHARED)


def main() -> int:
    """Measure or check; exit 1 when a goal is missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of {', '.join(NAMES)}")
    parser.add_argument("--data", type=Path, default=os.environ.get("ELMAN_DATA"), help="folder of the data sets")
    parser.add_argument("--quick", action="store_true", help="smallest shapes, once, no result: does it run?")
    parser.add_argument("--check", action="store_true", help="print every recorded figure that misses its goal")
    options = parser.parse_args()
    if options.check:
        missed = [
            (path.stem, figure)
            for path in sorted(RESULTS.glob("*.json"))
            for figure in read(path)
            if not figure.reached
        ]
        for name, figure in missed:
            print(f"{name}: {figure}")
        print(f"{len(missed)} figures miss their goal")
        return 1 if missed else 0
    if not options.names:
        parser.print_help()
        return 2
    for name in options.names:
        if name not in NAMES:
            parser.error(f"there is no benchmark '{name}'; there are {', '.join(NAMES)}")
        folder = None if options.data is None else Path(options.data)
        for figure in record(name, importlib.import_module(f"benchmarks.{name}").measure, Data(folder, options.quick)):
            print(figure)
    return 0


if __name__ == "__main__":
    sys.exit(main())
