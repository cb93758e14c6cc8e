"""Writing models out: the bundle, and other formats beside it."""

from elman.export.bundle import write_bundle
from elman.export.onnx import Exported, to_onnx

__all__ = ["Exported", "to_onnx", "write_bundle"]
