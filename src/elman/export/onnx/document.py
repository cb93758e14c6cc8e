"""An ONNX graph in the making: nodes with fresh names, weights, and what goes in and comes out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import metadata
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import DTypeLike, NDArray

from elman.errors import ExportError

try:
    import onnx
    from onnx import TensorProto, helper, numpy_helper
except ImportError as error:
    raise ExportError(
        f"Writing ONNX files needs the package onnx, which cannot be loaded ({error}). "
        "Get it with: pip install 'elman[export]'"
    ) from None

#: Of the standard; old enough for every ONNX Runtime of the last years.
OPSET, IR_VERSION = 17, 8

#: A file is one message of Protocol Buffers, which ends here.
LARGEST_FILE = 2**31 - 2**20

#: Weights up to this size are looked up and shared, so that numbers such as 1 and 0 are stored once.
SMALL = 64

Array = NDArray[Any]
Size: TypeAlias = int | str

TYPES = {
    "float32": TensorProto.FLOAT,
    "float64": TensorProto.DOUBLE,
    "int64": TensorProto.INT64,
    "int32": TensorProto.INT32,
    "bool": TensorProto.BOOL,
}


class Document:
    """A graph of ONNX's operators on values that are known by name.

    Args:
        dtype: Type of all numbers that are not indices, float32 or float64.
        outer: The graph that this one is the body of: its values can be read here, and weights are kept there.
    """

    def __init__(self, dtype: np.dtype[Any], outer: Document | None = None) -> None:
        self.dtype = dtype
        self._outer = outer
        self._nodes: list[Any] = []
        self._inputs: list[Any] = []
        self._outputs: list[Any] = []
        self._weights: list[Any] = []
        self._known: dict[tuple[str, tuple[int, ...], bytes | int], tuple[str, Array]] = {}
        self._parts: dict[tuple[str, int], list[str]] = {}
        self._count = 0

    @property
    def kind(self) -> int:
        """ONNX's number for ``dtype``."""
        return TYPES[self.dtype.name]

    def add(self, op: str, *operands: str, **attributes: Any) -> str:
        """A node with one result, whose name is returned; an operand that is left out is the empty name."""
        (result,) = self.add_many(1, op, *operands, **attributes)
        return result

    def add_many(self, count: int, op: str, *operands: str, **attributes: Any) -> list[str]:
        """A node with ``count`` results."""
        results = [self.fresh(op) for _ in range(count)]
        self._nodes.append(helper.make_node(op, operands, results, **attributes))
        return results

    def split(self, value: str, count: int) -> list[str]:
        """The features of ``value`` in so many equal blocks."""
        if (value, count) not in self._parts:
            self._parts[value, count] = self.add_many(count, "Split", value, axis=-1)
        return self._parts[value, count]

    def fresh(self, name: str) -> str:
        """A name that is not taken, here or in a body."""
        if self._outer is not None:
            return self._outer.fresh(name)
        self._count += 1
        return f"{name}.{self._count}"

    def weight(self, array: Array, name: str = "constant") -> str:
        """An array as a value, the same array as the same one.

        Whole numbers and truth values keep their type, all others get the graph's.
        """
        if self._outer is not None:
            return self._outer.weight(array, name)
        values = np.ascontiguousarray(array, self.dtype if array.dtype.kind == "f" else array.dtype)
        content = values.tobytes() if array.size <= SMALL else id(array)
        key = (values.dtype.name, values.shape, content)
        if key not in self._known:
            # With the array itself, so that no other one gets its id.
            self._known[key] = self.fresh(name), array
            self._weights.append(numpy_helper.from_array(values, self._known[key][0]))
        return self._known[key][0]

    def numbers(self, *values: int) -> str:
        """Whole numbers as a value of one axis, such as axes or a shape."""
        return self.weight(np.array(values, np.int64), "sizes")

    def input(
        self,
        name: str,
        sizes: Sequence[Size],
        dtype: DTypeLike | None = None,
        *,
        says: str = "",
        default: Array | None = None,
    ) -> str:
        """Declare an input; one with a default may be left out by whoever runs the graph."""
        self._inputs.append(self._declared(name, sizes, dtype, says))
        if default is not None:
            self._weights.append(numpy_helper.from_array(np.ascontiguousarray(default), name))
        return name

    def output(self, value: str, sizes: Sequence[Size], name: str = "", *, says: str = "") -> None:
        """Declare ``value`` an output, under another name where one is given."""
        if name:
            self._nodes.append(helper.make_node("Identity", [value], [name]))
        self._outputs.append(self._declared(name or value, sizes, None, says))

    def _declared(self, name: str, sizes: Sequence[Size], dtype: DTypeLike | None, says: str) -> Any:
        kind = TYPES[np.dtype(dtype or self.dtype).name]
        return helper.make_tensor_value_info(name, kind, sizes, doc_string=says)

    def graph(self, name: str) -> Any:
        """What was put together, as ONNX's GraphProto."""
        return helper.make_graph(self._nodes, name, self._inputs, self._outputs, self._weights)

    def content(self, name: str, properties: Mapping[str, str]) -> bytes:
        """The whole as the bytes of a file, with ``properties`` among its metadata.

        Raises `ExportError` where the weights are more than one file can hold.
        """
        size = sum(len(weight.raw_data) for weight in self._weights)
        if size > LARGEST_FILE:
            raise ExportError(f"The weights have {size:,} bytes; an ONNX file holds at most {LARGEST_FILE:,}.")
        version = metadata.version("elman")
        model = helper.make_model(
            self.graph(name),
            opset_imports=[helper.make_opsetid("", OPSET)],
            producer_name="elman",
            producer_version=version,
        )
        model.ir_version = IR_VERSION
        helper.set_model_props(model, {"elman": version, **properties})
        onnx.checker.check_model(model)
        content: bytes = model.SerializeToString()
        return content
