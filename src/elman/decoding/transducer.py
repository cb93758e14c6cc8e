"""The transducer over its lattice, in float64: loss and gradient, the reference for faster ones, and alignment."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from elman.decoding.ctc import Segment
from elman.errors import DataError

Floats = NDArray[np.float64]
Numbers = NDArray[np.int64]


class Loss(NamedTuple):
    """``nats``: -ln p(y | x). ``gradient``: its derivative after every ln p that was given, of the same shape."""

    nats: float
    gradient: Floats


def transducer_loss(log_probabilities: ArrayLike, transcript: Sequence[int]) -> Loss:
    r"""-ln of the probability of a transcript y, summed over all its alignments, and the gradient.

    At frame t, after u symbols, a transducer either says symbol u + 1, and stays at the frame, or says the blank, and
    goes on to the next frame; the blank of the last frame ends. With b_{t,u} = ln p(blank | t, u) and
    l_{t,u} = ln p(y_{u+1} | t, u), and with a sum of probabilities, log-sum-exp, as a plus in a circle,

    .. math::
        \alpha_{t,u} &= (\alpha_{t-1,u} + b_{t-1,u}) \oplus (\alpha_{t,u-1} + l_{t,u-1}) \\
        \beta_{t,u} &= (b_{t,u} + \beta_{t+1,u}) \oplus (l_{t,u} + \beta_{t,u+1}) \\
        \frac{\partial (-\ln p)}{\partial b_{t,u}} &= -e^{\alpha_{t,u} + b_{t,u} + \beta_{t+1,u} - \ln p}, \qquad
        \frac{\partial (-\ln p)}{\partial l_{t,u}} = -e^{\alpha_{t,u} + l_{t,u} + \beta_{t,u+1} - \ln p}

    where alpha is 0 at the first place, beta 0 after the last blank, and ln p is beta at the first place. All other
    derivatives are 0.

    Args:
        log_probabilities: ln p of every symbol and, last, of the blank, at each frame after each number of symbols of
            the transcript, (time, transcript + 1, symbols + 1).
        transcript: Symbols, 0 to symbols - 1.

    Raises:
        DataError: A shape or a symbol does not fit, a number is NaN, there is no frame, or the transcript has the
            probability 0.

    Source: Graves, "Sequence transduction with recurrent neural networks", ICML workshop, arXiv 1211.3711, 2012.

    >>> half = np.log(np.full((2, 2, 2), 0.5))  # two frames, one symbol: it is said at either of them
    >>> loss = transducer_loss(half, [0])
    >>> round(float(np.exp(-loss.nats)), 6), loss.gradient[0, 0].round(6).tolist()
    (0.25, [-0.5, -0.5])
    """
    values, symbols = _checked(log_probabilities, transcript)
    length = len(symbols)
    blank, said = _lattice(values, symbols)
    before, after = _forward(blank, said), _backward(blank, said)
    total = float(after[0, 0])
    if total == -np.inf:
        raise DataError("the transcript has the probability 0, so its loss is infinite. Does it belong to the frames?")
    gradient = np.zeros(values.shape)
    gradient[..., -1] = -np.exp(before + blank + after[1:, :-1] - total)
    # Of the symbols only those of the transcript are there.
    gradient[:, np.arange(length), symbols] = -np.exp(before + said + after[:-1, 1:] - total)[:, :-1]
    return Loss(-total, gradient)


def transducer_align(log_probabilities: ArrayLike, transcript: Sequence[int]) -> list[Segment]:
    r"""Forced alignment: at which frame each symbol of a known transcript was said, on the likeliest alignment.

    As for `transducer_loss`, with a maximum in place of the sum:

    .. math::
        v_{t,u} = \max\{v_{t-1,u} + b_{t-1,u}, \; v_{t,u-1} + l_{t,u-1}\}

    Of equal ones the symbol is said later.

    Args:
        log_probabilities: As for `transducer_loss`.
        transcript: Symbols, 0 to symbols - 1.

    Returns:
        A segment of one frame for each symbol, with its ln p there.

    Raises:
        DataError: As for `transducer_loss`.

    Source: Graves, arXiv 1211.3711, 2012.

    >>> p = np.array([[[0.1, 0.9], [0.5, 0.5]], [[0.8, 0.2], [0.5, 0.5]]])  # said at the second frame
    >>> [(found.symbol, found.first) for found in transducer_align(np.log(p), [0])]
    [(0, 1)]
    """
    values, symbols = _checked(log_probabilities, transcript)
    blank, said = _lattice(values, symbols)
    best = _forward(blank, said, np.maximum)
    t, u = len(values) - 1, len(symbols)
    if best[t, u] + blank[t, u] == -np.inf:
        raise DataError("every alignment of the transcript has the probability 0. Does it belong to the frames?")
    found = []
    while u:
        if t and best[t - 1, u] + blank[t - 1, u] > best[t, u - 1] + said[t, u - 1]:
            t -= 1
        else:
            u -= 1
            found.append(Segment(int(symbols[u]), t, t + 1, float(said[t, u])))
    return found[::-1]


def _lattice(values: Floats, symbols: Numbers) -> tuple[Floats, Floats]:
    """The ln p of the blank, and of the next symbol of the transcript, at each place (time, transcript + 1)."""
    length = len(symbols)
    said = np.full(values.shape[:2], -np.inf)
    said[:, :-1] = values[:, np.arange(length), symbols]
    return values[..., -1], said


def _forward(blank: Floats, said: Floats, plus: np.ufunc = np.logaddexp) -> Floats:
    """The alpha of every place, (time, transcript + 1), or with a maximum as ``plus`` the v."""
    alpha = np.full(blank.shape, -np.inf)
    alpha[0, 0] = 0
    for t, u in list(_diagonals(blank.shape))[1:]:
        waited = np.where(t > 0, alpha[t - 1, u] + blank[t - 1, u], -np.inf)
        # No symbol stands before the first: the last column of `said` is -inf.
        alpha[t, u] = plus(waited, alpha[t, u - 1] + said[t, u - 1])
    return alpha


def _backward(blank: Floats, said: Floats) -> Floats:
    """The beta of every place and of those just outside, (time + 1, transcript + 2)."""
    time, places = blank.shape
    beta = np.full((time + 1, places + 1), -np.inf)
    beta[time, places - 1] = 0
    for t, u in reversed(list(_diagonals(blank.shape))):
        beta[t, u] = np.logaddexp(blank[t, u] + beta[t + 1, u], said[t, u] + beta[t, u + 1])
    return beta


def _diagonals(shape: tuple[int, ...]) -> Iterator[tuple[Numbers, Numbers]]:
    """The places (t, u) with t + u = 0, 1, 2, ...; those of one sum do not need each other."""
    time, places = shape
    for total in range(time + places - 1):
        t = np.arange(max(0, total - places + 1), min(time - 1, total) + 1)
        yield t, total - t


def _checked(log_probabilities: ArrayLike, transcript: Sequence[int]) -> tuple[Floats, Numbers]:
    values, symbols = np.asarray(log_probabilities, np.float64), np.asarray(transcript, np.int64)
    if values.ndim != 3 or values.shape[1] != len(symbols) + 1 or not values.shape[0] or values.shape[2] < 2:
        raise DataError(
            f"expected log-probabilities (time, {len(symbols) + 1}, symbols + 1) for {len(symbols)} symbols, with a "
            f"frame or more, found the shape {values.shape}."
        )
    if np.isnan(values).any():
        raise DataError("expected log-probabilities, found NaN. The weights may be damaged.")
    highest = values.shape[2] - 2
    if len(symbols) and not 0 <= symbols.min() <= symbols.max() <= highest:
        raise DataError(f"expected symbols from 0 to {highest} in a transcript, found {sorted(set(symbols.tolist()))}.")
    return values, symbols
