"""Writing models out: the bundle now, other formats beside it."""

from elman.export.bundle import write_bundle

__all__ = ["write_bundle"]
