"""Runs networks that forecast, without torch: distributions of what lies ahead, or paths drawn from them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from elman.codecs.forecast_windows import Windows
from elman.errors import UsageError
from elman.runtime import distributions
from elman.runtime.backends import Array, State, StreamPrecision, make_stack
from elman.runtime.engine import check_shapes
from elman.runtime.label_parts import Linear
from elman.shapes.forecast import COSINES, ForecastShape

__all__ = ["ForecastEngine", "ForecastShape"]

#: Numbers of inputs and states that are computed in one go: enough to be quick, few enough to be small.
NUMBERS_AT_ONCE = 2**19


@final
class ForecastEngine:
    """Forecasts over NumPy arrays, without torch; it has weights and no state.

    Args:
        shape: What the network is made of.
        tensors: Its parameters in float32, named and shaped as ``shape.parameter_shapes()`` says.
        backend: ``"compiled"``, ``"reference"`` or ``"auto"``, as for `elman.runtime.Engine`.
        precision: ``"float32"``, or ``"bfloat16"`` for matrices of half the bytes (compiled only).

    Raises:
        BundleError: The tensors do not fit to the shape.
        BackendError: The backend is unknown, or cannot run here though asked for by name.

    Attributes:
        backend: What runs, ``"compiled"`` or ``"reference"``; `explain` says why.
    """

    def __init__(
        self,
        shape: ForecastShape,
        tensors: Mapping[str, Array],
        *,
        backend: str = "auto",
        precision: StreamPrecision = "float32",
    ) -> None:
        check_shapes(shape.parameter_shapes(), tensors)
        self.shape, self._tensors = shape, tensors
        layers = [
            (cell, {name: tensors[f"recurrent.{name}_l{number}"] for name in cell.parameters()})
            for number, cell in enumerate(shape.layers())
        ]
        self.backend, self._reason, self._stack = make_stack(None, layers, None, backend, precision)
        self._states = {
            f"{name}_l{i}": size for i, (cell, _) in enumerate(layers) for name, size in cell.state_sizes.items()
        }

        def linear(name: str, bias: bool = True) -> Linear:
            return Linear(tensors[f"{name}.weight"], tensors[f"{name}.bias"] if bias else None, self.backend, precision)

        self._head = linear("head")
        if shape.distribution == "implicit-quantile":
            self._level = linear("head.level")
        if not shape.autoregressive:
            self._segment = linear("segment")
            if shape.known_size:
                self._known = linear("known", bias=False)
            if shape.linear:
                self._linear = linear("linear", bias=False)

    def explain(self) -> str:
        """Which backend runs, and why."""
        return f"{self.backend}: {self._reason}"

    # What is asked -----------------------------------------------------------------------------------------

    def quantiles(self, windows: Windows, levels: Sequence[float]) -> Array:
        """Quantiles of each step ahead by a direct network, (B, horizon, levels), in units of the windows.

        Those of the distribution ``quantiles`` lie on straight lines between the learnt ones, are put in order where
        they cross, and are carried on as the tails of a normal distribution beyond the outermost.

        Raises `UsageError` for an autoregressive network, which draws `paths`.
        """
        if self.shape.autoregressive:
            raise UsageError("An autoregressive network draws paths: ask for paths, and take quantiles of them.")
        return np.concatenate([self._quantiles(part, levels) for part in self._parts(windows, self.shape.context)])

    def paths(self, windows: Windows, number: int, rng: np.random.Generator, horizon: int | None = None) -> Array:
        """Drawn futures, (B, number, horizon), in units of the windows.

        Args:
            windows: With ``future`` covariates of ``context + horizon`` steps.
            number: Of futures for each window.
            rng: What they are drawn with.
            horizon: Steps ahead, of an autoregressive network as many as one likes; else those of the network.

        A direct network tells each step by itself: its steps are drawn alone, and a path through them is none.
        """
        if not self.shape.autoregressive:
            return np.concatenate([self._marginals(part, number, rng) for part in self._parts(windows, number)])
        ahead = self.shape.horizon if horizon is None else horizon
        return np.concatenate([self._drawn(part, number, rng, ahead) for part in self._parts(windows, number)])

    def _parts(self, windows: Windows, rows_each: int) -> list[Windows]:
        """Windows in groups of which one takes no more memory than it should."""
        width = self.shape.step_size + sum(self._states.values())
        some = max(1, NUMBERS_AT_ONCE // (width * max(rows_each, 1)))
        count = len(windows.values)
        return [
            Windows(*(None if each is None else each[begin : begin + some] for each in windows))
            for begin in range(0, max(1, count), some)
        ]

    # Value by value ----------------------------------------------------------------------------------------

    def _drawn(self, windows: Windows, number: int, rng: np.random.Generator, horizon: int) -> Array:
        shape, batch = self.shape, len(windows.values)
        longest = shape.reach - shape.context
        known = self._of_series(windows)
        inputs = np.stack([self._input(windows, windows.values, t, known) for t in range(shape.context)])
        _, state = self._stack.run(inputs, self._start(batch), last=True)
        # From here on each future has a memory of its own; the latest values stand last.
        state = {name: np.repeat(value, number, 0) for name, value in state.items()}
        recent = np.empty((batch * number, longest + horizon), np.float32)
        recent[:, :longest] = np.repeat(windows.values[:, -longest:], number, 0)
        known = np.repeat(known, number, 0)
        scale = np.repeat(windows.scale, number)
        for h in range(horizon):
            parts = [recent[:, longest + h - lag, None] for lag in (1, *shape.lags)]
            if shape.gaps:
                seen = np.ones((batch, 1), np.float32) if h else windows.observed[:, -1:]
                parts.append(np.repeat(seen, number, 0))
            if shape.future:
                parts.append(np.repeat(windows.future[:, shape.context + h], number, 0))
            outputs, state = self._stack.step(np.concatenate([*parts, known], 1, dtype=np.float32), state)
            recent[:, longest + h] = self._draw(outputs, rng, scale)
        return recent[:, longest:].reshape(batch, number, horizon)

    def _input(self, windows: Windows, values: Array, t: int, known: Array) -> Array:
        """What is read at step t of the context, (B, step_size)."""
        shape, now = self.shape, self.shape.reach - self.shape.context + t
        parts = [values[:, now - lag, None] for lag in (1, *shape.lags)]
        if shape.gaps:
            parts.append(windows.observed[:, now - 1, None])
        if shape.future:
            parts.append(windows.future[:, t])
        return np.concatenate([*parts, known], 1, dtype=np.float32)

    def _draw(self, outputs: Array, rng: np.random.Generator, scale: Array) -> Array:
        if self.shape.distribution == "implicit-quantile":
            return self._implicit(outputs[:, None], rng.random((len(outputs), 1, 1), np.float32))[:, 0, 0]
        return distributions.draw(self.shape.distribution, self._head(outputs), rng, scale)

    def told(self, windows: Windows) -> Array:
        """The numbers of each distribution ahead (B, steps, numbers), as `ForecastNetwork` of elman.nn gives them.

        Of a direct network all steps ahead; of an autoregressive one the first.
        """
        if self.shape.autoregressive:
            known = self._of_series(windows)
            inputs = np.stack([self._input(windows, windows.values, t, known) for t in range(self.shape.context + 1)])
            return self._head(self._stack.run(inputs, self._start(len(known)), last=True)[0][0])[:, None]
        rows, location = self._rows(windows)
        return self._raised(self._head(rows).reshape(len(rows), -1, self.shape.numbers), location)

    # Segment by segment ------------------------------------------------------------------------------------

    def _rows(self, windows: Windows) -> tuple[Array, Array | None]:
        """Outputs for each segment ahead (B, segments, features), and what is added to every step (B, horizon)."""
        shape, values, location = self.shape, windows.values.astype(np.float32, copy=False), None
        if shape.seasons:
            values, location = self._smoothed(values, windows.series)
        if shape.linear:
            line = self._linear(values)
            location = line if location is None else location + line
        channels = [values[..., None]]
        if shape.gaps:
            channels.append(windows.observed[..., None])
        if shape.past:
            channels.append(windows.past)
        if shape.future:
            channels.append(windows.future[:, : shape.context])
        steps = np.concatenate(channels, 2, dtype=np.float32)
        batch, (before, after) = len(values), shape.segments
        steps = np.pad(steps, ((0, 0), (before * shape.segment - shape.context, 0), (0, 0)))
        read = np.maximum(self._segment(steps.reshape(batch, before, -1)), 0)
        _, state = self._stack.run(np.ascontiguousarray(read.swapaxes(0, 1)), self._start(batch), last=True)
        ahead = np.broadcast_to(self._tensors["position.weight"], (batch, after, shape.hidden_sizes[0]))
        if shape.known_size:
            ahead = ahead + self._known(self._ahead(windows))
        state = {name: np.repeat(value, after, 0) for name, value in state.items()}
        outputs, _ = self._stack.step(np.ascontiguousarray(ahead.reshape(batch * after, -1)), state)
        return outputs.reshape(batch, after, -1), location

    def _ahead(self, windows: Windows) -> Array:
        """What is known of each segment ahead, (B, segments, known_size)."""
        shape, parts = self.shape, []
        segments = shape.segments[1]
        if shape.future:
            ahead = windows.future[:, shape.context : shape.context + shape.horizon]
            ahead = np.pad(ahead, ((0, 0), (0, segments * shape.segment - shape.horizon), (0, 0)))
            parts.append(ahead.reshape(len(ahead), segments, -1))
        known = self._of_series(windows)
        parts.append(np.broadcast_to(known[:, None], (len(known), segments, known.shape[1])))
        return np.concatenate(parts, 2, dtype=np.float32)

    def _quantiles(self, windows: Windows, levels: Sequence[float]) -> Array:
        shape = self.shape
        rows, location = self._rows(windows)
        if shape.distribution == "implicit-quantile":
            wanted = np.broadcast_to(np.asarray(levels, np.float32), (*rows.shape[:2], len(levels)))
            return np.sort(self._raised(self._implicit(rows, wanted), location), -1)
        told = self._raised(self._head(rows).reshape(len(rows), -1, shape.numbers), location)
        if shape.distribution == "quantiles":
            return between(np.sort(told, -1), shape.quantiles, levels)
        return distributions.quantiles(shape.distribution, told, levels, windows.scale[:, None])

    def _marginals(self, windows: Windows, number: int, rng: np.random.Generator) -> Array:
        """Each step drawn by itself."""
        shape = self.shape
        if shape.distribution in ("quantiles", "implicit-quantile"):
            grid = (np.arange(99) + 1) / 100
            found = self._quantiles(windows, [float(level) for level in grid])
            drawn = rng.random((len(found), number, shape.horizon)) * 98
            low = drawn.astype(int)
            rows, steps = np.arange(len(found))[:, None, None], np.arange(shape.horizon)
            share = drawn - low
            return np.asarray(found[rows, steps, low] * (1 - share) + found[rows, steps, low + 1] * share, np.float32)
        told = np.repeat(self.told(windows)[:, None], number, 1)
        return distributions.draw(shape.distribution, told, rng, windows.scale[:, None, None])

    def _raised(self, told: Array, location: Array | None) -> Array:
        """What is told of the horizon (B, horizon, numbers), with ``location`` (B, horizon) in it."""
        told = told[:, : self.shape.horizon]
        if location is None:
            return told
        if self.shape.distribution in ("quantiles", "implicit-quantile"):
            return told + location[..., None]
        return np.concatenate([told[..., :1] + location[..., None], told[..., 1:]], -1)

    # What both need ----------------------------------------------------------------------------------------

    def _implicit(self, rows: Array, levels: Array) -> Array:
        """Quantiles (B, n * steps, K) at levels (B, n, K) after rows (B, n, features)."""
        cosines = np.cos(levels[..., None] * np.float32(math.pi) * np.arange(COSINES, dtype=np.float32))
        known = np.maximum(self._level(cosines), 0)
        found = self._head(rows[..., None, :] * known)  # (B, n, K, steps)
        return found.swapaxes(-1, -2).reshape(len(rows), -1, levels.shape[-1])

    def _of_series(self, windows: Windows) -> Array:
        """What belongs to the series, (B, static + embedding)."""
        parts = [np.zeros((len(windows.values), 0), np.float32)]
        if self.shape.static:
            parts.append(windows.static)
        if self.shape.embedding:
            parts.append(self._tensors["series.weight"][windows.series])
        return np.concatenate(parts, 1, dtype=np.float32)

    def _smoothed(self, values: Array, series: NDArray[Any] | None) -> tuple[Array, Array]:
        """What smoothing leaves of values (B, context), and what it carries on, see `elman.nn.forecast.Smoothing`."""
        shape, time = self.shape, values.shape[1]
        alpha, *gammas = (self._coefficient(name, series) for name in shape.smoothed)
        level, patterns = _first_patterns(values, shape.seasons, time)
        left = np.empty_like(values)
        for t in range(time):
            season = sum(pattern[t] for pattern in patterns)
            level = level + alpha * (values[:, t] - season - level)
            rest = values[:, t] - level - season
            for pattern, gamma, length in zip(patterns, gammas, shape.seasons, strict=True):
                pattern[t + length] = pattern[t] + gamma * rest
            left[:, t] = values[:, t] - season
        steps = np.arange(shape.horizon)
        ahead = level + sum(
            pattern[time + steps % length] for pattern, length in zip(patterns, shape.seasons, strict=True)
        )
        return left - level[:, None], np.asarray(ahead.T, np.float32)

    def _coefficient(self, name: str, series: NDArray[Any] | None) -> Array:
        logits = self._tensors[f"smoothing.{name}"]
        own = 0.0 if series is None else np.where(series > 0, logits[series], 0)
        return np.asarray(1 / (1 + np.exp(-(logits[0] + own))), np.float32)

    def _start(self, batch: int) -> State:
        return {name: np.zeros((batch, size), np.float32) for name, size in self._states.items()}


def between(found: NDArray[Any], known: Sequence[float], levels: Sequence[float]) -> NDArray[Any]:
    """Quantiles at ``levels`` of those at ``known`` levels, rising along the last axis of ``found``.

    In z-scores of the levels they lie on straight lines between the known ones and beyond: a normal distribution stays
    one.

    >>> between(np.array([[-1.0, 0.0, 1.0]]), (0.1, 0.5, 0.9), (0.5, 0.9)).tolist()
    [[0.0, 1.0]]
    """
    from scipy import special

    if tuple(levels) == tuple(known):
        return found
    here, there = special.ndtri(np.asarray(known)), special.ndtri(np.asarray(levels))
    if len(here) == 1:
        return np.repeat(found, len(there), -1)
    right = np.clip(np.searchsorted(here, there), 1, len(here) - 1)
    share = (there - here[right - 1]) / (here[right] - here[right - 1])
    return np.asarray(found[..., right - 1] * (1 - share) + found[..., right] * share, found.dtype)


def _first_patterns(values: Array, seasons: Sequence[int], time: int) -> tuple[Array, list[Array]]:
    """The first level (B,), and for each season its pattern (length + time, B), of which the first season is there."""
    level = values[:, : max(seasons)].mean(1)
    rest = values - level[:, None]
    patterns = []
    for length in seasons:
        whole = min(3, time // length)
        first = rest[:, : whole * length].reshape(len(values), whole, length).mean(1)
        first = first - first.mean(1, keepdims=True)
        pattern = np.empty((length + time, len(values)), np.float32)
        pattern[:length] = first.T
        patterns.append(pattern)
        rest = rest - np.tile(first, -(-time // length))[:, :time]
    return level, patterns
