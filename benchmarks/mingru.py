"""minGRU in training: the exact recurrence beside a plain loop in torch and the paper's log-space parallel scan.

All three start from the same products of the input, which is what a scan is for: the recurrence. The whole layers, with
the product of the input and its gradients, which are the same three large products for all, are compared too; there the
products take most of the time, and no goal was set.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

import elman.nn
from benchmarks.harness import Data, Figure
from benchmarks.races import BACKEND
from benchmarks.recurrences import Given, Projected
from elman.baselines.layers import agree
from elman.timing import interleaved

#: Batch, time, units.
SIZES, QUICK = (8, 1024, 512), (2, 6, 20)

#: Times as fast as the loop, and as the scan; the error as a share of the scan's.
AGAINST_LOOP, AGAINST_SCAN, ERROR = 4.0, 20.0, 1.0

#: The state before the first step: the scan takes its logarithm; the paper begins with g(0).
START = 0.5

#: From products and the state before to all states, (batch, time, units).
Recurrence = Callable[[Tensor, Tensor], Tensor]


def measure(data: Data) -> Sequence[Figure]:
    """Speeds of the recurrence, errors, speeds of the layer."""
    batch, time, units = QUICK if data.quick else SIZES
    cell = Projected.of("mingru", units)
    given = Given.of(cell, batch, time, START)
    given.params["bias_ih"].requires_grad_(False).zero_()
    ours = _ours(cell, given)
    rivals: dict[str, Recurrence] = {"loop": loop, "scan": log_space_scan}
    steps = {name: _training(given, recurrence) for name, recurrence in {"ours": ours, **rivals}.items()}
    agree("minGRU", steps["ours"](), steps["loop"]())
    shape = f"batch {batch}, {time} steps, {units} units"
    times = interleaved(steps, data.seconds(20), least=1 if data.quick else 5)
    errors = {name: _errors(step(), given) for name, step in steps.items()}
    return [
        *_speeds(f"recurrence: {shape}", times, {"loop": AGAINST_LOOP, "scan": AGAINST_SCAN}),
        *_compared(errors),
        *_speeds(f"layer of {units} inputs: {shape}", _layers(given, {"ours": ours, **rivals}, data), {}),
    ]


def positive(x: Tensor) -> Tensor:
    """The paper's g."""
    return torch.where(x >= 0, x + 0.5, x.sigmoid())


def loop(products: Tensor, before: Tensor) -> Tensor:
    """A plain loop; all that needs no state is computed before it, and steps are unbound, the quickest way in torch."""
    update, candidate = products.chunk(2, -1)
    state, states = before, []
    for z, c in zip(update.sigmoid().unbind(1), positive(candidate).unbind(1), strict=True):
        state = state + z * (c - state)
        states.append(state)
    return torch.stack(states, 1)


def log_space_scan(products: Tensor, before: Tensor) -> Tensor:
    """The parallel form of the paper's appendix B: logarithms of products and sums, by cumulative ones."""
    update, candidate = products.chunk(2, -1)
    log_keep = F.pad(torch.cumsum(-F.softplus(update), 1), (0, 0, 1, 0))
    log_candidate = torch.where(candidate >= 0, (candidate.relu() + 0.5).log(), -F.softplus(-candidate))
    log_given = torch.cat([before.log()[:, None], log_candidate - F.softplus(-update)], 1)
    return (log_keep + torch.logcumsumexp(log_given - log_keep, 1)).exp()[:, 1:]


def _ours(cell: Projected, given: Given) -> Recurrence:
    return lambda products, before: (
        elman.nn.unroll(cell, given.params, products, {"hidden": before}, backend=BACKEND).outputs
    )


def _training(given: Given, recurrence: Recurrence) -> Callable[[], list[Tensor]]:
    """States, and the gradient of the products."""

    def step() -> list[Tensor]:
        outputs = recurrence(given.products, given.state["hidden"])
        return [outputs, *torch.autograd.grad(outputs, [given.products], given.upstream)]

    return step


def _layers(given: Given, recurrences: Mapping[str, Recurrence], data: Data) -> dict[str, float]:
    """Times of the layers, whose inputs have as many features as there are units."""
    batch, time, rows = given.products.shape
    weight = (torch.randn(rows, rows // 2) / rows**0.5).requires_grad_()
    inputs = torch.randn(time, batch, rows // 2).transpose(0, 1).requires_grad_()

    def training(recurrence: Recurrence) -> Callable[[], object]:
        def step() -> object:
            outputs = recurrence(F.linear(inputs, weight), given.state["hidden"])
            return torch.autograd.grad(outputs, [inputs, weight], given.upstream)

        return step

    steps = {name: training(recurrence) for name, recurrence in recurrences.items()}
    return interleaved(steps, data.seconds(15), least=1 if data.quick else 5)


def _errors(found: Sequence[Tensor], given: Given) -> list[float]:
    """Largest errors of the states and of the gradient against float64, as shares of the largest value."""
    products = given.products.detach().double().requires_grad_()
    outputs = loop(products, given.state["hidden"].double())
    exact = [outputs, *torch.autograd.grad(outputs, [products], given.upstream.double())]
    return [
        float((one - other).detach().abs().max() / other.detach().abs().max())
        for one, other in zip(found, exact, strict=True)
    ]


def _speeds(name: str, times: Mapping[str, float], goals: Mapping[str, float]) -> list[Figure]:
    shown = {who: f"{seconds * 1e3:.3g} ms" for who, seconds in times.items()}
    return [
        Figure(
            f"{name}, against the {rival}", times[rival] / times["ours"], "times as fast", "higher",
            goals.get(rival), f"{rival} {shown[rival]}; ours {shown['ours']}, {torch.get_num_threads()} threads",
        )
        for rival in ("loop", "scan")
    ]  # fmt: skip


def _compared(errors: Mapping[str, list[float]]) -> list[Figure]:
    what = ("states", "gradients")
    return [
        Figure(
            f"error of the {name} against float64", ours / scan, "of the scan's", "lower",
            ERROR, f"scan {scan:.2g}; loop {of_loop:.2g}; ours {ours:.2g}",
        )
        for name, ours, of_loop, scan in zip(what, errors["ours"], errors["loop"], errors["scan"], strict=True)
    ]  # fmt: skip
