"""Attention: a query looks at a memory and gets a mean of it, weighted by how well each entry fits.

One interface for all. The memory is (batch, time, features) with lengths, such as the outputs of an encoder. Many
queries at once, (batch, steps, features), go through the module itself. One at a time, as in a decoder whose queries
depend on what it has read before, they go through `Attention.step` on a memory that was prepared once:

>>> import torch
>>> attention = AdditiveAttention(4, 6, size=5)
>>> memory, lengths = torch.randn(2, 7, 6), torch.tensor([7, 3])
>>> context, weights, state = attention(torch.randn(2, 3, 4), memory, lengths=lengths)
>>> context.shape, weights.shape
(torch.Size([2, 3, 6]), torch.Size([2, 3, 7]))
>>> prepared, state = attention.prepare(memory, lengths), None
>>> for query in torch.randn(3, 2, 4):
...     context, weights, state = attention.step(query, prepared, state)
>>> context.shape, weights.shape
(torch.Size([2, 6]), torch.Size([2, 7]))

Weights beyond a row's length are exactly 0, and what stands there changes nothing, in value or gradient.
"""

from __future__ import annotations

from elman.nn.attention.additive import AdditiveAttention
from elman.nn.attention.base import Attended, Attention, Memory
from elman.nn.attention.dot import DotAttention
from elman.nn.attention.general import GeneralAttention
from elman.nn.attention.location_sensitive import LocationSensitiveAttention
from elman.nn.attention.monotonic import MonotonicAttention
from elman.nn.attention.multi_head import MultiHeadAttention

__all__ = [
    "AdditiveAttention",
    "Attended",
    "Attention",
    "DotAttention",
    "GeneralAttention",
    "LocationSensitiveAttention",
    "Memory",
    "MonotonicAttention",
    "MultiHeadAttention",
]
