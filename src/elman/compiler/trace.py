"""From a cell to its graph: the cell's own `step` is called with symbols, which note what is done to them.

A cell of `elman.cells` computes through its ``ops``; here it is given `SymbolOps`. A cell written in plain torch,
``step(x, state, params)`` with ``torch.sigmoid`` and friends, traces as well: symbols answer for torch's functions.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn, final

from elman.cells import Cell, Ops
from elman.compiler import graph
from elman.compiler.graph import Builder, Graph, Id, Node
from elman.errors import UsageError, nearest

#: What a cell may ask its ``ops`` for.
OPERATIONS = tuple(name for name in vars(Ops) if not name.startswith("_"))

#: State after the step -> the name of its result in the graph.
AFTER = "{} after"


@final
class Symbol:
    """A value that is not there yet: arithmetic on it adds nodes to a graph."""

    def __init__(self, builder: Builder, place: Id, transposed: bool = False) -> None:
        self.builder = builder
        self.place = place
        self.transposed = transposed

    @property
    def node(self) -> Node:
        """The node that the symbol stands for."""
        return self.builder[self.place]

    @property
    def matrix(self) -> Id:
        """Place of the value as it is seen, turned round if it is transposed."""
        return self.builder.transpose(self.place) if self.transposed else self.place

    @property
    def T(self) -> Symbol:  # noqa: N802 - the name that arrays have
        """A matrix the other way round, as in ``x @ weight.T``; it is turned only where it has to be."""
        return Symbol(self.builder, self.place, not self.transposed)

    def t(self) -> Symbol:
        """As `T`."""
        return self.T

    def __add__(self, other: Any) -> Symbol:
        return _elementwise("add", self, other)

    def __radd__(self, other: Any) -> Symbol:
        return _elementwise("add", other, self)

    def __sub__(self, other: Any) -> Symbol:
        return _elementwise("subtract", self, other)

    def __rsub__(self, other: Any) -> Symbol:
        return _elementwise("subtract", other, self)

    def __mul__(self, other: Any) -> Symbol:
        return _elementwise("multiply", self, other)

    def __rmul__(self, other: Any) -> Symbol:
        return _elementwise("multiply", other, self)

    def __truediv__(self, other: Any) -> Symbol:
        return _elementwise("divide", self, other)

    def __rtruediv__(self, other: Any) -> Symbol:
        return _elementwise("divide", other, self)

    def __neg__(self) -> Symbol:
        return _elementwise("negative", self)

    def __pos__(self) -> Symbol:
        return self

    def __pow__(self, exponent: Any) -> Symbol:
        if exponent != 2:
            raise unsupported(f"** {exponent}", "write powers as products")
        return self * self

    def __gt__(self, other: Any) -> Symbol:
        return _elementwise("greater", self, other)

    def __lt__(self, other: Any) -> Symbol:
        return _elementwise("greater", other, self)

    def __matmul__(self, other: Any) -> Symbol:
        return self._times(other, 1)

    def _times(self, other: Any, heads: int) -> Symbol:
        if not isinstance(other, Symbol) or not other.node.columns:
            raise unsupported("@", "multiply by a matrix parameter, x @ weight.T, or by one made of parameters")
        return Symbol(self.builder, self.builder.linear(self.place, other.T.matrix, heads))

    def __bool__(self) -> bool:
        raise unsupported("if on a value", "a step must do the same whatever the numbers are; use ops.where")

    def __iter__(self) -> Any:
        raise unsupported("iterating over a value", "take blocks of features with ops.split")

    def __getitem__(self, key: Any) -> NoReturn:
        raise unsupported("an index", "take blocks of features with ops.split")

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        function = TORCH.get(name)
        if function is None:
            raise unsupported(f".{name}", _offer(name, TORCH))
        return lambda *args, **kwargs: function(self, *args, **kwargs)

    @classmethod
    def __torch_function__(
        cls, func: Callable[..., Any], types: Sequence[type], args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        """Torch asks here what to do with a symbol."""
        name = getattr(func, "__name__", str(func)).strip("_")
        if name not in TORCH:
            raise unsupported(f"torch's {name}", _offer(name, TORCH))
        return TORCH[name](*args, **(kwargs or {}))


@final
class SymbolOps:
    """`elman.cells.Ops` on symbols."""

    def __init__(self, builder: Builder) -> None:
        self._builder = builder

    def __getattr__(self, name: str) -> NoReturn:
        # No backend has it, so it is no matter of choosing another one.
        raise AttributeError(str(unsupported(f"ops.{name}", _offer(name, OPERATIONS))))

    def linear(self, x: Symbol, weight: Symbol, bias: Symbol | None = None, heads: int = 1) -> Symbol:
        """See `Ops.linear`."""
        product = x._times(weight.T, heads)
        return product if bias is None else product + bias

    def split(self, x: Symbol, parts: int, axis: int = -1) -> tuple[Symbol, ...]:
        """See `Ops.split`; of a matrix parameter the rows are split, which is what gates are."""
        is_parameter = self._is_parameter(x)
        allowed = (0,) if x.node.columns else (0, -1) if is_parameter else (-1,)
        if axis not in allowed or (x.node.columns and (x.transposed or not is_parameter)):
            raise unsupported(f"split along axis {axis}", "split the features, or the rows of a parameter")
        return tuple(Symbol(x.builder, x.builder.part(x.place, index, parts), x.transposed) for index in range(parts))

    def join(self, *arrays: Symbol) -> Symbol:
        """See `Ops.join`."""
        return Symbol(self._builder, self._builder.join(*(x.matrix for x in arrays)))

    def _is_parameter(self, x: Symbol) -> bool:
        node = x.node
        while node.op == "part":
            node = x.builder[node.operands[0]]
        return node.op == "parameter"

    def sigmoid(self, x: Symbol) -> Symbol:
        """See `Ops.sigmoid`."""
        return _elementwise("sigmoid", x)

    def tanh(self, x: Symbol) -> Symbol:
        """See `Ops.tanh`."""
        return _elementwise("tanh", x)

    def relu(self, x: Symbol) -> Symbol:
        """See `Ops.relu`."""
        return _elementwise("relu", x)

    def exp(self, x: Symbol) -> Symbol:
        """See `Ops.exp`."""
        return _elementwise("exp", x)

    def log(self, x: Symbol) -> Symbol:
        """See `Ops.log`."""
        return _elementwise("log", x)

    def sqrt(self, x: Symbol) -> Symbol:
        """See `Ops.sqrt`."""
        return _elementwise("sqrt", x)

    def sin(self, x: Symbol) -> Symbol:
        """See `Ops.sin`."""
        return _elementwise("sin", x)

    def cos(self, x: Symbol) -> Symbol:
        """See `Ops.cos`."""
        return _elementwise("cos", x)

    def floor(self, x: Symbol) -> Symbol:
        """See `Ops.floor`."""
        return _elementwise("floor", x)

    def maximum(self, x: Any, y: Any) -> Symbol:
        """See `Ops.maximum`."""
        return _elementwise("maximum", x, y)

    def minimum(self, x: Any, y: Any) -> Symbol:
        """See `Ops.minimum`."""
        return _elementwise("minimum", x, y)

    def where(self, condition: Symbol, x: Any, y: Any) -> Symbol:
        """See `Ops.where`."""
        return _elementwise("where", condition, x, y)

    def sum(self, x: Symbol) -> Symbol:
        """See `Ops.sum`."""
        return Symbol(x.builder, x.builder.reduce("sum", x.place))

    def mean(self, x: Symbol) -> Symbol:
        """See `Ops.mean`."""
        return self.sum(x) * (1 / x.node.width)

    def expand(self, x: Symbol, groups: int, times: int) -> Symbol:
        """See `Ops.expand`."""
        return Symbol(x.builder, x.builder.expand(x.place, groups, times))

    def fold(self, x: Symbol, groups: int, times: int) -> Symbol:
        """See `Ops.fold`."""
        return Symbol(x.builder, x.builder.fold(x.place, groups, times))

    def layer_norm(self, x: Symbol, weight: Symbol, bias: Symbol | None = None) -> Symbol:
        """See `Ops.layer_norm`."""
        centred = x - self.mean(x)
        scaled = centred * _elementwise("rsqrt", self.mean(centred * centred) + 1e-5) * weight
        return scaled if bias is None else scaled + bias

    def batch_norm(
        self, x: Symbol, mean: Symbol, variance: Symbol, weight: Symbol, bias: Symbol | None = None
    ) -> Symbol:
        """See `Ops.batch_norm`."""
        scaled = (x - mean) * (weight * _elementwise("rsqrt", variance + 1e-5))
        return scaled if bias is None else scaled + bias


def trace(cell: Cell) -> Graph:
    """The graph of one step of ``cell``.

    Its leaves are the input ``x``, the cell's extras, which are inputs too, the states and the parameters, by their
    names; its results are the states after the step, named ``"hidden after"`` and so on.

    Raises `UsageError` for an operation that is not in the list, naming it and the line of the cell.
    """
    builder = Builder()
    x = Symbol(builder, builder.add(Node("input", width=cell.input_size, name="x")))
    state = {
        name: Symbol(builder, builder.add(Node("state", width=size, name=name)))
        for name, size in cell.state_sizes.items()
    }
    extras = {
        name: Symbol(builder, builder.add(Node("input", width=width, name=name))) for name, width in cell.extras.items()
    }
    params = {
        name: Symbol(builder, builder.add(Node("parameter", width=shape[0], name=name, columns=(*shape, 0)[1])))
        for name, shape in ((name, parameter.shape) for name, parameter in cell.parameters().items())
    }
    try:
        after = cell.step(SymbolOps(builder), x, state, {**params, **extras})
    except UsageError as error:
        frames = traceback.extract_tb(error.__traceback__)
        # A graph says what is wrong, of widths for instance, and knows nothing of lines.
        raise (_at_its_line(str(error), frames) if frames[-1].filename == graph.__file__ else error) from None
    _check_states(cell, after)
    results = {AFTER.format(name): after[name].place for name in cell.state_sizes}
    builder.name_results(results, loop=builder.graph.leaves("state").values())
    return builder.graph


def _check_states(cell: Cell, after: Mapping[str, Symbol]) -> None:
    found = {name: value.node.width for name, value in after.items()}
    if found != cell.state_sizes:
        raise UsageError(
            f"{type(cell).__name__}.step must return the states {cell.state_sizes} (name: width), it returns {found}."
        )


def _elementwise(op: str, *values: Any) -> Symbol:
    builder = next(value.builder for value in values if isinstance(value, Symbol))
    places = []
    for value in values:
        if isinstance(value, Symbol):
            places.append(value.matrix)
        elif isinstance(value, (int, float)):
            places.append(builder.constant(value))
        else:
            raise unsupported(f"{op} with a {type(value).__name__}", "use symbols and plain numbers only")
    return Symbol(builder, builder.elementwise(op, *places))


def unsupported(what: str, instead: str) -> UsageError:
    """The error for something that a step must not do, with the line that did it."""
    end = "" if instead.endswith("?") else "."
    return _at_its_line(f"{what} cannot be compiled; {instead}{end}", traceback.extract_stack())


def _at_its_line(text: str, frames: Sequence[traceback.FrameSummary]) -> UsageError:
    """An error that names the last line of these which is neither the compiler's nor torch's."""
    own = str(Path(__file__).parent)
    frames = [frame for frame in frames if not frame.filename.startswith(own)]
    torch_free = [frame for frame in frames if f"{Path('torch').name}/" not in frame.filename.replace("\\", "/")]
    frame = (torch_free or frames)[-1]
    return UsageError(f"{frame.filename}, line {frame.lineno}: {text}\n    {frame.line}")


def _offer(name: str, known: Iterable[str]) -> str:
    return f"the operations are {', '.join(sorted(set(known)))}.{nearest(name, known)}".removesuffix(".")


def _linear(x: Symbol, weight: Symbol, bias: Symbol | None = None) -> Symbol:
    return SymbolOps(x.builder).linear(x, weight, bias)


def _chunk(x: Symbol, chunks: int, dim: int = -1) -> tuple[Symbol, ...]:
    return SymbolOps(x.builder).split(x, chunks, dim)


def _cat(tensors: Sequence[Symbol], dim: int = 0) -> Symbol:
    if dim != -1:
        raise unsupported(f"cat along dimension {dim}", "join features with dim=-1")
    return SymbolOps(tensors[0].builder).join(*tensors)


def _unary(op: str) -> Callable[[Symbol], Symbol]:
    return lambda x: _elementwise(op, x)


def _binary(op: str) -> Callable[[Any, Any], Symbol]:
    return lambda x, y: _elementwise(op, x, y)


def _sum(x: Symbol, dim: int = -1, keepdim: bool = False) -> Symbol:
    return SymbolOps(x.builder).sum(x)


def _mean(x: Symbol, dim: int = -1, keepdim: bool = False) -> Symbol:
    return SymbolOps(x.builder).mean(x)


def _where(condition: Symbol, x: Any, y: Any) -> Symbol:
    return _elementwise("where", condition, x, y)


#: Functions of one argument that torch and the graph call by the same name.
UNARY = ("sigmoid", "tanh", "relu", "exp", "log", "sqrt", "rsqrt", "sin", "cos", "floor")

#: Torch's functions and methods that a symbol answers, by name.
TORCH: dict[str, Callable[..., Any]] = {
    **{name: _unary(name) for name in UNARY},
    **{name: _binary(name) for name in ("maximum", "minimum")},
    "neg": _unary("negative"),
    "add": _binary("add"),
    "sub": _binary("subtract"),
    "mul": _binary("multiply"),
    "div": _binary("divide"),
    "linear": _linear,
    "chunk": _chunk,
    "cat": _cat,
    "sum": _sum,
    "mean": _mean,
    "where": _where,
}
