"""What tests of sources share."""

from __future__ import annotations

from collections.abc import Callable

from elman.data.examples import Examples

#: Writes files by name, and reads the folder they are in: ``reading({"a.csv": "..."}, "class", target=("y",))``.
Read = Callable[..., Examples]
