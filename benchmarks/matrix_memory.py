"""Cells with matrix memory in training: compiled, and as loops over torch's operations that anyone would write.

The loops are in the favour of torch: whatever needs no state is computed for all steps before or after the loop, steps
are unbound, and matrices are read by batched products. Both are whole layers: a training step gives the outputs and the
gradients of the inputs and of all parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import exp, sqrt

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

import elman.nn
from benchmarks.harness import Data, Figure
from benchmarks.races import BACKEND
from elman.baselines.layers import agree
from elman.cells import Cell, make
from elman.timing import interleaved

#: Batch, time, units that are inputs too, heads.
SIZES, QUICK = [(8, 100, 128, 4), (32, 100, 128, 4)], [(2, 5, 12, 3)]

#: Times as fast as the loop.
GOAL = 5.0

Params = Mapping[str, Tensor]


def measure(data: Data) -> Sequence[Figure]:
    """Times as fast as the loop, for every cell and size."""
    return [race(name, *size, data) for name in LOOPS for size in (QUICK if data.quick else SIZES)]


def race(name: str, batch: int, time: int, units: int, heads: int, data: Data) -> Figure:
    """One cell at one size."""
    torch.manual_seed(0)
    cell = make(name, units, units, heads=heads)
    layer = elman.nn.Recurrent(name, units, units, backend=BACKEND, heads=heads)
    params = {own: getattr(layer, f"{own}_l0") for own in cell.parameters()}
    inputs, upstream = torch.randn(batch, time, units, requires_grad=True), torch.randn(batch, time, units)

    def training(outputs: Callable[[], Tensor]) -> Callable[[], list[Tensor]]:
        def step() -> list[Tensor]:
            found = outputs()
            return [found, *torch.autograd.grad(found, [inputs, *params.values()], upstream)]

        return step

    steps = {
        "ours": training(lambda: layer(inputs)[0]),
        "loop": training(lambda: LOOPS[name](cell, params, inputs)),
    }
    agree(name, steps["ours"](), steps["loop"]())
    times = interleaved(steps, data.seconds(10), least=1 if data.quick else 7)
    beside = f"loop in torch {times['loop'] * 1e3:.3g} ms; ours {times['ours'] * 1e3:.3g} ms"
    shape = f"{name}, batch {batch}, {time} steps, {units} units, {heads} heads"
    return Figure(
        f"training: {shape}", times["loop"] / times["ours"], "times as fast", "higher", GOAL,
        f"{beside}, {torch.get_num_threads()} threads",
    )  # fmt: skip


def by_head(x: Tensor, heads: int) -> Tensor:
    """(..., heads, features of a head)."""
    return x.reshape(*x.shape[:-1], heads, -1)


def mlstm(cell: Cell, params: Params, inputs: Tensor) -> Tensor:
    """See `elman.cells.mlstm`."""
    heads = params["weight_gates"].shape[0] // 2
    v, o = F.linear(inputs, params["weight_ih"], params["bias_ih"]).chunk(2, -1)
    q, k = F.linear(inputs, params["weight_keys"], params["bias_keys"]).chunk(2, -1)
    i, f = F.linear(inputs, params["weight_gates"], params["bias_gates"]).chunk(2, -1)
    q, k, v = (by_head(each, heads) for each in (q, k, v))
    k, log_f = k / sqrt(k.shape[-1]), F.logsigmoid(f)
    memory = inputs.new_zeros(inputs.shape[0], heads, k.shape[-1], v.shape[-1])
    normaliser, stabiliser = inputs.new_zeros(k[:, 0].shape), inputs.new_zeros(i[:, 0].shape)
    outputs = []
    for q_t, k_t, v_t, i_t, f_t in zip(*(each.unbind(1) for each in (q, k, v, i, log_f)), strict=True):
        kept = f_t + stabiliser
        stabiliser = torch.maximum(kept, i_t)
        write, keep = (i_t - stabiliser).exp()[..., None], (kept - stabiliser).exp()[..., None]
        written = write * k_t
        memory = keep[..., None] * memory + written[..., None] * v_t[..., None, :]
        normaliser = keep * normaliser + written
        size = torch.maximum((normaliser * q_t).sum(-1).abs(), (-stabiliser).exp())
        outputs.append((q_t[..., None, :] @ memory).squeeze(-2) / size[..., None])
    return o.sigmoid() * torch.stack(outputs, 1).flatten(-2)


def gated_delta(cell: Cell, params: Params, inputs: Tensor) -> Tensor:
    """See `elman.cells.gated_delta`."""
    heads = params["rate"].shape[0]
    v, gate = F.silu(F.linear(inputs, params["weight_ih"], params["bias_ih"])).chunk(2, -1)
    q, k = F.silu(F.linear(inputs, params["weight_keys"], params["bias_keys"])).chunk(2, -1)
    decay, write = F.linear(inputs, params["weight_gates"], params["bias_gates"]).chunk(2, -1)
    q, k, v = (by_head(each, heads) for each in (q, k, v))
    q, k = (each * (each.square().sum(-1, keepdim=True) + 1e-6).rsqrt() for each in (q, k))
    keep = (-params["rate"].exp() * F.softplus(decay)).exp()[..., None]
    write = write.sigmoid()[..., None]
    memory = inputs.new_zeros(inputs.shape[0], heads, k.shape[-1], v.shape[-1])
    outputs = []
    for q_t, k_t, v_t, a_t, b_t in zip(*(each.unbind(1) for each in (q, k, v, keep, write)), strict=True):
        memory = a_t[..., None] * memory
        correction = b_t * (v_t - (k_t[..., None, :] @ memory).squeeze(-2))
        memory = memory + k_t[..., None] * correction[..., None, :]
        outputs.append((q_t[..., None, :] @ memory).squeeze(-2))
    found = torch.stack(outputs, 1)
    return (found * (found.square().mean(-1, keepdim=True) + 1e-5).rsqrt()).flatten(-2) * params["gain"] * gate


def rwkv7(cell: Cell, params: Params, inputs: Tensor) -> Tensor:
    """See `elman.cells.rwkv7`."""
    hidden = params["weight_ho"].shape[0]
    size = cell.state_sizes["memory"] // hidden
    heads = hidden // size
    before = F.pad(inputs, (0, 0, 1, 0))[:, :-1]
    for_r, for_w, for_k, for_v, for_a, for_g = (inputs + mix * (before - inputs) for mix in params["mix"].chunk(6))
    pairs = zip((for_r, for_k, for_v), params["weight_ih"].chunk(3), strict=True)
    r, k, v = (F.linear(x, weight) for x, weight in pairs)
    down, up, bias = (params[name].chunk(n) for name, n in (("weight_down", 3), ("weight_up", 3), ("bias_up", 2)))
    decay = (-exp(-0.5) * F.linear(F.linear(for_w, down[0]).tanh(), up[0], bias[0]).sigmoid()).exp()
    rate = F.linear(F.linear(for_a, down[1]), up[1], bias[1]).sigmoid()
    gate = F.linear(F.linear(for_g, down[2]).sigmoid(), up[2])
    removed = by_head(k * params["removal"], heads)
    removed = removed * (removed.square().sum(-1, keepdim=True) + 1e-6).rsqrt()
    k = k * (1 + params["replacement"] * (rate - 1))
    bonus = by_head(r * params["bonus"] * k, heads).sum(-1, keepdim=True)
    r, k, v, decay, rate = (by_head(each, heads) for each in (r, k, v, decay, rate))
    memory = inputs.new_zeros(inputs.shape[0], heads, size, size)
    outputs = []
    steps = zip(*(each.unbind(1) for each in (r, k, v, decay, removed, rate * removed)), strict=True)
    for r_t, k_t, v_t, w_t, removed_t, rate_t in steps:
        stored = removed_t[..., None, :] @ memory
        memory = w_t[..., None] * memory + k_t[..., None] * v_t[..., None, :] - rate_t[..., None] * stored
        outputs.append((r_t[..., None, :] @ memory).squeeze(-2))
    found = torch.stack(outputs, 1)
    found = (found - found.mean(-1, keepdim=True)) * (found.var(-1, correction=0, keepdim=True) + 1e-5 * size).rsqrt()
    found = found.flatten(-2) * params["gain"] + params["shift"] + (bonus * v).flatten(-2)
    return F.linear(gate * found, params["weight_ho"])


LOOPS: dict[str, Callable[[Cell, Params, Tensor], Tensor]] = {
    "mlstm": mlstm,
    "gated_delta": gated_delta,
    "rwkv7": rwkv7,
}
