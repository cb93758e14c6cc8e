"""Real-time recurrent learning: gradients of an endless stream, at constant memory, exact where units do not mix.

Backpropagation through time keeps every step until the loss comes. Real-time recurrent learning carries the derivative
of the state by every parameter forward instead (Williams & Zipser 1989). For a dense recurrence that is a number for
each pair of a unit and a weight. In a diagonal one, such as the LRU's, a unit's state hangs on the unit's own weights
alone, and the derivatives take no more room than the parameters (Mozer 1989; Zucchet et al., "Online learning of
long-range dependencies", NeurIPS 2023).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias, final

import torch
from torch import Tensor

from elman.cells import Cell
from elman.compiler import trace
from elman.errors import DataError, UsageError
from elman.nn.call import State
from elman.nn.ops import TorchOps
from elman.nn.recurrent import Recurrent


@final
class RTRL:
    r"""One layer that learns from a stream, step by step.

    With s the states that the next step reads and :math:`\theta` the parameters, the sensitivities
    :math:`P_t = \partial s_t / \partial \theta` go along with the state:

    .. math::
        P_t = \frac{\partial s_t}{\partial s_{t-1}} P_{t-1} + \frac{\partial s_t}{\partial \theta}

    with the second derivative taken at a state that stays. A loss on the outputs of `step`, through any read-out, gives
    the parameters :math:`\partial L_t / \partial s_{t-1} P_{t-1} + \partial L_t / \partial \theta` as their gradient:
    ``loss.backward()`` is all it takes. Over a sequence these gradients add up to those of backpropagation through time
    as long as the parameters stay; where they are changed on the way, as in learning from a stream, each is off by what
    the change makes of older steps.

    Args:
        layer: One layer, forward only, of a cell whose units do not mix on their way through time: ``indrnn``, ``lru``,
            ``mingru``, ``minlstm``, ``sru``, ``qrnn``, ``hgrn``, ``rg_lru`` or one's own.
        batch: Streams side by side.

    Raises `UsageError` for a stack, for two directions, and for a cell whose units mix, and says which.

    >>> from elman.nn import Recurrent
    >>> layer = Recurrent("mingru", input_size=3, hidden_size=5)
    >>> stream = RTRL(layer)
    >>> for _ in range(100):
    ...     loss = stream.step(torch.randn(1, 3)).square().sum()
    ...     loss.backward()
    >>> layer.weight_ih_l0.grad.shape
    torch.Size([10, 3])
    """

    def __init__(self, layer: Recurrent, batch: int = 1) -> None:
        self.layer, self.batch, self.cell = layer, batch, _cell_of(layer)
        self._read_again = _states_read_again(self.cell)
        _check_exact(self.cell, self._read_again, self._params())
        #: The state that the next step starts from, (batch, size) each.
        self.state: State = {}
        self._past: Past = {}
        self.reset()

    def reset(self, rows: Tensor | None = None) -> None:
        """Begin anew from the initial state, in all streams or in the rows (batch,) that are True."""
        fresh = {name: value.expand(self.batch, -1).clone() for name, value in self._initial().items()}
        if rows is None:
            self.state, self._past = fresh, {name: {} for name in self._read_again}
            return
        again = rows.to(next(iter(fresh.values())).device)
        self.state = {name: torch.where(again[:, None], fresh[name], value) for name, value in self.state.items()}
        for past in self._past.values():
            for name, value in past.items():
                past[name] = value * ~again.view(-1, *[1] * (value.dim() - 1))

    def forget(self) -> None:
        """Forget what led to the state, not the state: the next gradients are those of the present step alone."""
        self._past = {name: {} for name in self._read_again}

    def step(self, x: Tensor) -> Tensor:
        """Read one step.

        Args:
            x: (batch, input_size). Its gradient, if it has one, is that of this step's output alone.

        Returns:
            The output (batch, output_size). ``backward`` of a loss of it belongs before the next change of parameters.

        Raises `DataError` for another shape.
        """
        if x.shape != (self.batch, self.cell.input_size):
            raise DataError(f"x must be {(self.batch, self.cell.input_size)}, found {tuple(x.shape)}.")
        output, self.state, self._past = _step(self.cell, self._read_again, self._params(), x, self.state, self._past)
        return output

    def _params(self) -> dict[str, Tensor]:
        return {name: getattr(self.layer, f"{name}_l0") for name in self.cell.parameters()}

    def _initial(self) -> State:
        if self.layer.learn_initial_state:
            return {name: getattr(self.layer, f"initial_{name}_l0").detach() for name in self.cell.state_sizes}
        weight = next(self.layer.parameters())
        return {name: weight.detach().new_zeros(size) for name, size in self.cell.state_sizes.items()}


#: State -> parameter -> derivative of the state's unit by each weight of that unit, (batch, *the parameter's shape).
Past: TypeAlias = dict[str, dict[str, Tensor]]


def _step(
    cell: Cell, read_again: Sequence[str], params: Mapping[str, Tensor], x: Tensor, state: State, past: Past
) -> tuple[Tensor, State, Past]:
    """The output, which knows what led to it, the state after the step, and its sensitivities."""
    known = {}
    for name, value in state.items():
        found = past.get(name, {})
        known[name] = _WithPast.apply(value, *found.values(), *(params[n] for n in found)) if found else value  # type: ignore[no-untyped-call]
    after = cell.step(TorchOps(), x, known, params)
    output: Tensor = after[next(iter(cell.state_sizes))]
    new = _sensitivities(cell, read_again, params, x.detach(), state, past)
    return output, {name: value.detach() for name, value in after.items()}, new


@torch.enable_grad()
def _sensitivities(
    cell: Cell, read_again: Sequence[str], params: Mapping[str, Tensor], x: Tensor, state: State, past: Past
) -> Past:
    """Those after a step, from those before it."""
    rows = len(x)
    before = {name: value.detach().requires_grad_(name in read_again) for name, value in state.items()}
    # A vector gets a row for each sequence, so that the slopes of sequences stay apart.
    vectors = {n: p.detach().repeat(rows, 1).requires_grad_() for n, p in params.items() if p.dim() == 1}
    matrices = {name: parameter.detach() for name, parameter in params.items() if parameter.dim() > 1}
    recorder = _Recorder(matrices)
    after = cell.step(recorder, x, before, {**matrices, **vectors})
    leaves = [*(before[name] for name in read_again), *vectors.values(), *(made.value for made in recorder.made)]
    new: Past = {name: {} for name in read_again}
    for name in read_again:
        if not after[name].requires_grad:
            continue
        # Units do not mix, so the slopes of the sum are the slopes of each.
        slopes = torch.autograd.grad(after[name].sum(), leaves, retain_graph=True, allow_unused=True)
        for other, slope in zip(read_again, slopes, strict=False):
            for parameter, value in past[other].items() if slope is not None else ():
                _add(new[name], parameter, _of_unit(slope, value) * value)
        for parameter, slope in zip(vectors, slopes[len(read_again) :], strict=False):
            if slope is not None:
                _add(new[name], parameter, slope)
        for made, slope in zip(recorder.made, slopes[len(read_again) + len(vectors) :], strict=True):
            if slope is not None:
                whole = matrices[made.parameter]
                total = new[name].setdefault(made.parameter, whole.new_zeros(rows, *whole.shape))
                total[:, made.start : made.start + slope.shape[1]] += slope[:, :, None] * made.operand[:, None, :]
    return new


def _add(total: dict[str, Tensor], name: str, value: Tensor) -> None:
    total[name] = total[name] + value if name in total else value


def _of_unit(slope: Tensor, value: Tensor) -> Tensor:
    """The slope (batch, units) for each row of a parameter; its gates lie one after the other, each of all units."""
    gates = value.shape[1] // slope.shape[1]
    return slope.repeat(1, gates).view(*value.shape[:2], *[1] * (value.dim() - 2))


class _Product(NamedTuple):
    """Rows of a parameter, from ``start``, times an operand (batch, features)."""

    parameter: str
    start: int
    operand: Tensor
    value: Tensor


@final
class _Recorder:
    """`Ops` on tensors that notes every product with a matrix, and lets no gradient through it."""

    def __init__(self, matrices: Mapping[str, Tensor]) -> None:
        self._matrices = matrices
        self.made: list[_Product] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(TorchOps(), name)

    def linear(self, x: Tensor, weight: Tensor, bias: Tensor | None = None, heads: int = 1) -> Tensor:
        """See `elman.cells.Ops.linear`."""
        if heads > 1:
            raise UsageError(
                f"RTRL learns products with whole matrices, found one in {heads} heads: take a diagonal cell."
            )
        value = (x @ weight.T).detach().requires_grad_()
        for name, matrix in self._matrices.items():
            if matrix.untyped_storage().data_ptr() == weight.untyped_storage().data_ptr():
                start = (weight.storage_offset() - matrix.storage_offset()) // matrix.shape[1]
                self.made.append(_Product(name, start, x.detach(), value))
        return value if bias is None else value + bias


@final
class _WithPast(torch.autograd.Function):
    """A state that knows which parameters led to it: its gradient goes to them by way of the sensitivities."""

    @staticmethod
    def forward(ctx: Any, state: Tensor, *past_and_params: Tensor) -> Tensor:
        ctx.save_for_backward(*past_and_params[: len(past_and_params) // 2])
        return state.view_as(state)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        found = [(_of_unit(gradient, value) * value).sum(0) for value in ctx.saved_tensors]
        return (None, *[None] * len(found), *found)


def _cell_of(layer: Recurrent) -> Cell:
    if len(layer.cells) > 1:
        raise UsageError(
            f"RTRL learns one layer, found {len(layer.cells)}: the units of a stack mix between its layers, so that "
            "every weight below would need a derivative for every unit above. Use one wider layer, or truncated "
            "backpropagation through time."
        )
    if layer.bidirectional:
        raise UsageError("RTRL learns from a stream step by step; a bidirectional layer needs the whole sequence.")
    cell = layer.cells[0]
    as_it_runs = layer.step_options.around(cell, True)
    if cell.extras or layer.weight_drop or as_it_runs != cell:
        more = ["weight_drop"] * bool(layer.weight_drop) + list(cell.extras)
        raise UsageError(
            f"RTRL runs the equations of a cell as they are, found {', '.join([as_it_runs.name, *more])}: "
            "leave out zoneout, dropout, clip and fast activations, and take a cell without further inputs."
        )
    return cell


def _states_read_again(cell: Cell) -> list[str]:
    """The states that a step reads, in the cell's order; the others are mere outputs."""
    graph = trace(cell)
    users, leaves = graph.users(), graph.leaves("state")
    return [name for name in cell.state_sizes if users[leaves[name]]]


def _check_exact(cell: Cell, read_again: Sequence[str], params: Mapping[str, Tensor]) -> None:
    """Raise `UsageError` unless a few steps give the gradients of backpropagation through time."""
    generator = torch.Generator().manual_seed(0)

    def draw(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator, dtype=torch.float64)

    values = {name: value.detach().cpu().double() + 0.1 * draw(*value.shape) for name, value in params.items()}
    inputs, upstream = draw(4, 2, cell.input_size), draw(4, 2, cell.output_size)
    first = {name: torch.zeros(2, size, dtype=torch.float64) for name, size in cell.state_sizes.items()}
    found = []
    for real_time in (True, False):
        leaves = {name: value.clone().requires_grad_() for name, value in values.items()}
        state = first
        past: Past = {name: {} for name in read_again}
        total = torch.zeros((), dtype=torch.float64)
        try:
            for x, weight in zip(inputs, upstream, strict=True):
                if real_time:
                    output, state, past = _step(cell, read_again, leaves, x, state, past)
                else:
                    state = cell.step(TorchOps(), x, state, leaves)
                    output = state[next(iter(cell.state_sizes))]
                total = total + (output * weight).sum()
            found.append(torch.autograd.grad(total, list(leaves.values()), allow_unused=True))
        except RuntimeError as error:  # shapes that say that units mix
            raise _mixed(cell) from error
    for one, other in zip(*found, strict=True):
        if (one is None) != (other is None) or (
            one is not None and not torch.allclose(one, other, rtol=EXACT, atol=EXACT)
        ):
            raise _mixed(cell)


#: How near to backpropagation through time, in float64.
EXACT = 1e-9


def _mixed(cell: Cell) -> UsageError:
    return UsageError(
        f"RTRL needs a cell whose units do not mix on their way through time; those of {cell.name} do, so that every "
        "weight would need a derivative for every unit. Use indrnn, lru, mingru, minlstm, sru, qrnn, hgrn or rg_lru, "
        "or truncated backpropagation through time."
    )
