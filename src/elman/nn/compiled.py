"""The compiled backend: a cell's time loops in machine code, as an operator of torch.

``torch.ops.elman.unroll`` is what torch.compile and torch.export see: one node for one layer in one direction, whatever
the batch, the steps and the lengths, which are arguments. It returns the outputs (or every state) at every step, then
every final state. In training two more operators do the work: ``unroll_keep``, the same run with all that the gradient
needs, and ``unroll_backward``, the gradients.

First gradients are the engine's. Gradients of gradients, forward mode and the transforms of ``torch.func`` are taken
of the reference loop.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, final

import torch
from torch import Tensor

from elman.nn import reference
from elman.nn.call import Call, Unrolled
from elman.nn.cell_keys import cell_of, key_of, parameter_names
from elman.nn.engine import Arguments, Packed, engine

_ARGUMENTS = (
    "str cell, Tensor inputs, Tensor[] state, Tensor[] params, Tensor[] initial, Tensor[] extras, "
    "Tensor? batch_sizes, Tensor? lengths, Tensor? resets, bool reverse, bool all_states"
)
_library = torch.library.Library("elman", "DEF")  # type: ignore[no-untyped-call]
for _schema in (
    f"unroll({_ARGUMENTS}, bool recompute) -> Tensor[]",
    f"unroll_keep({_ARGUMENTS}) -> Tensor[]",
    f"unroll_backward({_ARGUMENTS}, Tensor[] kept, Tensor?[] upstream) -> Tensor[]",
):
    _library.define(_schema, tags=torch.Tag.pt2_compliant_tag)  # type: ignore[no-untyped-call]


def run(call: Call) -> Unrolled:
    """Run a layer in machine code."""
    if _is_transformed():
        return reference.run(call)
    in_graph = torch.compiler.is_compiling()
    # What is kept for the gradient is as long as the lengths and resets say; a graph has room of one size only.
    recompute = in_graph and (call.lengths is not None or call.resets is not None)
    # Outside of graphs torch's dispatcher would only lead to the same function, a little later.
    operator = torch.ops.elman.unroll.default if in_graph else _differentiable
    found = operator(*_arguments(call), recompute)
    names = list(call.cell.state_sizes)
    outputs, *others = (_batch_major(value) for value in found[: -len(names)])
    states = dict(zip(names, [outputs, *others], strict=True)) if call.all_states else {}
    return Unrolled(outputs, dict(zip(names, found[-len(names) :], strict=True)), states)


def _arguments(call: Call) -> Arguments:
    cell, in_order = call.cell, not call.reverse and call.lengths is None and call.resets is None
    params = [call.params[name] for name in parameter_names(cell)]
    inputs, state = call.inputs, [call.state[name] for name in cell.state_sizes]
    initial = [] if call.resets is None else [call.initial[name] for name in cell.state_sizes]
    extras = [call.extras[name] for name in cell.extras]
    if torch.is_autocast_enabled("cpu"):
        dtype = params[0].dtype
        state, initial, extras = ([value.to(dtype) for value in values] for values in (state, initial, extras))
        inputs = inputs.to(dtype)
    return Arguments(
        key_of(cell),
        # Rows that change places are taken from where they lie.
        _time_major(inputs).contiguous() if in_order else _time_major(inputs),
        state,
        params,
        initial,
        [_time_major(value).contiguous() for value in extras],
        call.batch_sizes,
        call.lengths,
        call.resets,
        call.reverse,
        call.all_states,
    )


def _time_major(x: Tensor) -> Tensor:
    return x.transpose(0, 1) if x.dim() == 3 else x


def _batch_major(x: Tensor) -> Tensor:
    return x.transpose(0, 1) if x.dim() == 3 else x


def _is_transformed() -> bool:
    """Whether forward mode or a transform of torch.func is on, which ask what machine code has no answer to."""
    return torch._C._are_functorch_transforms_active() or torch.autograd.forward_ad._current_level >= 0


def _is_watched(inputs: Tensor) -> bool:
    """Whether somebody follows the operators that run: a graph is traced, tensors are fake, work is counted."""
    return type(inputs) not in (Tensor, torch.nn.Parameter) or torch._C._len_torch_dispatch_stack() > 0


def _is_batched(gradient: Tensor) -> bool:
    """Whether it stands for many gradients at once, ``is_grads_batched`` of `torch.autograd.grad`."""
    return torch._C._functorch.is_legacy_batchedtensor(gradient)


def _differentiable(*arguments: Any) -> Sequence[Tensor]:
    """The operator ``unroll`` where a gradient may be asked for."""
    if torch.is_grad_enabled() and torch._C._any_requires_grad(*arguments):
        *own, recompute = arguments
        given = Arguments(*own)
        return list(_Unroll.apply(given, recompute, *given.differentiable))  # type: ignore[no-untyped-call]
    if not _is_watched(arguments[1]):
        return _unroll(*arguments)
    with torch._C._AutoDispatchBelowAutograd():
        return torch.ops.elman.unroll.default(*arguments)  # type: ignore[no-any-return]


@final
class _Unroll(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, arguments: Arguments, recompute: bool, *differentiable: Tensor) -> tuple[Tensor, ...]:
        sequences, states = arguments.sequences, len(arguments.state)
        if recompute:
            found, kept = torch.ops.elman.unroll.default(*arguments, recompute), []
        elif arguments.even:
            kept = _keep(arguments)
            outputs = [_after(rows, arguments) for rows in kept[states : states + sequences]]
            found, kept = [*outputs, *kept[:states]], kept[states:]
        else:
            kept = _keep(arguments)
            found, kept = kept[: sequences + states], kept[sequences + states :]
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(*differentiable, *kept)
        ctx.arguments, ctx.number = arguments.replaced([None] * len(differentiable)), len(differentiable)
        return tuple(found)

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor | None) -> tuple[Tensor | None, ...]:
        saved = ctx.saved_tensors
        arguments = ctx.arguments.replaced(saved[: ctx.number])
        if torch.is_grad_enabled() or _is_transformed() or any(g is not None and _is_batched(g) for g in upstream):
            return (None, None, *_gradients_of_the_reference(arguments, upstream))
        operator = torch.ops.elman.unroll_backward.default if _is_watched(saved[0]) else _unroll_backward
        return (None, None, *operator(*arguments, list(saved[ctx.number :]), list(upstream)))


def _keep(arguments: Arguments) -> list[Tensor]:
    operator = torch.ops.elman.unroll_keep.default if _is_watched(arguments.inputs) else _unroll_keep
    found: list[Tensor] = operator(*arguments)
    return found


def _after(states: Tensor, arguments: Arguments) -> Tensor:
    """The states after every step, from rows that begin with those before the first one."""
    return states[arguments.batch :].view(*arguments.inputs.shape[:-1], -1)


def _gradients_of_the_reference(arguments: Arguments, upstream: Sequence[Tensor | None]) -> list[Tensor | None]:
    """Gradients that have gradients themselves."""
    create_graph = torch.is_grad_enabled()
    with torch.enable_grad(), torch.autocast("cpu", enabled=False):
        # Each is a variable of its own, even where one was computed from another.
        variables = [tensor.view_as(tensor) for tensor in arguments.differentiable]
        run = reference.run(_call(arguments.replaced(variables)))
        results = [*map(_time_major, run.states.values() or [run.outputs]), *run.state.values()]
        pairs = list(zip(results, upstream, strict=True))
        values = [value for value, g in pairs if g is not None and value.requires_grad]
        grads = [g for value, g in pairs if g is not None and value.requires_grad]
        wanted = [variable for variable in variables if variable.requires_grad]
        found = iter(torch.autograd.grad(values, wanted, grads, create_graph=create_graph, allow_unused=True))
    return [next(found) if variable.requires_grad else None for variable in variables]


def _call(arguments: Arguments) -> Call:
    """What `_arguments` were made of."""
    cell = cell_of(arguments.cell)
    names = list(cell.state_sizes)
    state = dict(zip(names, arguments.state, strict=True))
    return Call(
        cell,
        dict(zip(parameter_names(cell), arguments.params, strict=True)),
        _batch_major(arguments.inputs),
        state,
        dict(zip(names, arguments.initial, strict=True)) if arguments.initial else state,
        {name: _batch_major(value) for name, value in zip(cell.extras, arguments.extras, strict=True)},
        arguments.lengths,
        arguments.resets,
        arguments.batch_sizes,
        arguments.reverse,
        arguments.all_states,
    )


def _unroll(*arguments: Any) -> list[Tensor]:
    return Packed(Arguments(*arguments[:-1])).infer()


def _unroll_keep(*arguments: Any) -> list[Tensor]:
    return Packed(Arguments(*arguments)).keep()


def _unroll_backward(*arguments: Any) -> list[Tensor]:
    *own, kept, upstream = arguments
    packed = Packed(Arguments(*own))
    return packed.gradients(packed.again(kept) if kept else packed.forward(), upstream)


def _fake_unroll(*arguments: Any) -> list[Tensor]:
    given = Arguments(*arguments[:-1])
    return _fake_outputs(given) + _fake_final(given)


def _fake_unroll_keep(*arguments: Any) -> list[Tensor]:
    given = Arguments(*arguments)
    inputs, rows = given.inputs, math.prod(given.inputs.shape[:-1])
    known = engine(given.cell, inputs.dtype)
    states = [inputs.new_empty((given.batch + rows, size)) for size in known.states.values()]
    kept = [inputs.new_empty((rows, width)) for width in known.kept.values()]
    outputs = [] if given.even else _fake_outputs(given)
    packed = [] if given.in_order else [inputs.new_empty((rows, inputs.shape[-1]))]
    return outputs + _fake_final(given) + states + kept + packed


def _fake_unroll_backward(*arguments: Any) -> list[Tensor]:
    return [tensor.new_empty(tensor.shape) for tensor in Arguments(*arguments[:-2]).differentiable]


def _fake_outputs(given: Arguments) -> list[Tensor]:
    sizes = list(cell_of(given.cell).state_sizes.values())[: given.sequences]
    return [given.inputs.new_empty((*given.inputs.shape[:-1], size)) for size in sizes]


def _fake_final(given: Arguments) -> list[Tensor]:
    return [given.inputs.new_empty((given.batch, size)) for size in cell_of(given.cell).state_sizes.values()]


_library.impl("unroll", _differentiable, "Autograd")  # type: ignore[no-untyped-call]
for _name, _real, _fake in (
    ("unroll", _unroll, _fake_unroll),
    ("unroll_keep", _unroll_keep, _fake_unroll_keep),
    ("unroll_backward", _unroll_backward, _fake_unroll_backward),
):
    _library.impl(_name, _real, "CPU")  # type: ignore[no-untyped-call]
    torch.library.register_fake(f"elman::{_name}", _fake, lib=_library)
