"""Networks that forecast: autoregressive, direct, and direct after exponential smoothing."""

from __future__ import annotations

from typing import NamedTuple, final

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from elman.codecs.forecast_windows import Windows
from elman.nn.dropout import LockedDropout, checked
from elman.nn.heads.distributions import DistributionHead, raised
from elman.nn.recurrent import Recurrent
from elman.shapes.forecast import ForecastShape

#: Share of the rows that read the vector of unknown series in training, so that it is learnt.
UNKNOWN_SERIES = 0.1

#: Logits with which smoothing begins: a fifth of every value goes into the level, a quarter into its pattern.
FIRST_LEVEL, FIRST_SEASON = -1.4, -1.1


class Features(NamedTuple):
    """What a network makes of windows.

    Attributes:
        rows: Of the recurrent layers, (B, n, features), each of which tells of some steps.
        location: What is added to the mean of every step ahead, (B, horizon); None for nothing.
    """

    rows: Tensor
    location: Tensor | None


@final
class ForecastNetwork(nn.Module):
    """Windows to the distributions of what follows, as `elman.shapes.forecast.ForecastShape` describes.

    Args:
        shape: What it is made of.
        dropout: Share dropped between the layers and before the head, in training.
        initial: Scheme for the recurrent weights, see `elman.cells.initialise`.
        memory: Expected length of dependencies in steps; 0 leaves it open.
        backend: ``auto``, ``compiled``, ``torch`` or ``reference``; see `elman.nn.choose`.
        season: Steps of a season: the linear map of a direct network begins as the mean of the values that lie whole
            seasons before; 0 or 1 begins at zero, which is the last value.

    Parameters have the names of `ForecastShape.parameter_shapes`. The autoregressive network has teacher forcing: it
    reads the true values of what it is to tell.

    >>> shape = ForecastShape("direct", "normal", "gru", (8,), context=12, horizon=5, segment=4)
    >>> empty = dict.fromkeys(Windows._fields)
    >>> windows = Windows(**{**empty, "values": torch.zeros(3, 12), "targets": torch.zeros(3, 5)})
    >>> ForecastNetwork(shape).loss(windows).shape
    torch.Size([])
    """

    def __init__(
        self,
        shape: ForecastShape,
        *,
        dropout: float = 0.0,
        initial: str = "memory",
        memory: int = 0,
        backend: str = "auto",
        season: int = 0,
    ) -> None:
        super().__init__()
        self.shape = shape
        if shape.embedding:
            self.series = nn.Embedding(shape.series + 1, shape.embedding)
            nn.init.normal_(self.series.weight, std=0.1)
        if not shape.autoregressive:
            units = shape.hidden_sizes[0]
            self.segment = nn.Linear(shape.step_size, units)
            self.position = nn.Embedding(shape.segments[1], units)
            if shape.known_size:
                self.known = nn.Linear(shape.known_size, units, bias=False)
            if shape.linear:
                self.linear = nn.Linear(shape.context, shape.horizon, bias=False)
                with torch.no_grad():
                    self.linear.weight.copy_(seasons_before(shape.context, shape.horizon, season))
        size = shape.step_size if shape.autoregressive else shape.hidden_sizes[0]
        self.recurrent = Recurrent(
            shape.cell, size, shape.hidden_sizes, dropout=dropout, locked_dropout=True,
            initial=initial, memory=memory, backend=backend,
        )  # fmt: skip
        self.output_dropout = (
            LockedDropout(dropout) if shape.autoregressive else nn.Dropout(checked("dropout", dropout))
        )
        self.head = DistributionHead(shape.distribution, shape.features, shape.told, shape.quantiles)
        if shape.seasons:
            self.smoothing = Smoothing(shape.series, shape.seasons)

    def forward(self, windows: Windows, levels: Tensor | None = None) -> Tensor:
        """What is told of each step, (B, steps, numbers): see `DistributionHead`, whose ``levels`` these are.

        Steps are those ahead, ``horizon`` of them; of an autoregressive network those of the context too, each after
        the true values before it, and without ``targets`` only the first one ahead.
        """
        features = self.features(windows)
        told: Tensor = self.head(features.rows, levels)
        if not self.shape.autoregressive:
            told = told[:, : self.shape.horizon]
        return told if features.location is None else raised(told, features.location, self.shape.distribution)

    def loss(self, windows: Windows) -> Tensor:
        """The mean loss of the targets that are there, see `DistributionHead.loss`.

        In training the autoregressive network learns from the values of the context as well.
        """
        features, targets = self.features(windows), windows.targets
        known = ~targets.isnan()
        if self.shape.autoregressive:
            context = self.shape.context
            targets = torch.cat([windows.values[:, -context:], targets], 1)
            seen = windows.observed[:, -context:] > 0 if windows.observed is not None else None
            seen = torch.ones_like(targets[:, :context], dtype=torch.bool) if seen is None else seen
            known = torch.cat([seen & self.training, known], 1)
        each = self.head.loss(features.rows, targets.where(known, 0), windows.scale, features.location)
        mean: Tensor = each.where(known, 0).sum() / known.sum().clamp_min(1)
        return mean

    def features(self, windows: Windows) -> Features:
        """What the recurrent layers make of windows."""
        return self._of_steps(windows) if self.shape.autoregressive else self._of_segments(windows)

    # Value by value ----------------------------------------------------------------------------------------

    def _of_steps(self, windows: Windows) -> Features:
        outputs = self.recurrent(self.step_inputs(windows))[0]
        return Features(self.output_dropout(outputs), None)

    def step_inputs(self, windows: Windows) -> Tensor:
        """What the layers of an autoregressive network read, (B, steps, step_size), see `forward` for the steps."""
        shape, values, ahead = self.shape, windows.values, 1
        if windows.targets is not None:
            values, ahead = torch.cat([values, windows.targets.nan_to_num(0.0)], 1), shape.horizon
        begin, steps = shape.reach - shape.context, shape.context + ahead
        parts = [values[:, begin - lag : begin - lag + steps, None] for lag in (1, *shape.lags)]
        if shape.gaps:
            seen = windows.observed
            if windows.targets is not None:
                seen = torch.cat([seen, (~windows.targets.isnan()).to(seen)], 1)
            parts.append(seen[:, begin - 1 : begin - 1 + steps, None])
        if shape.future:
            parts.append(windows.future[:, :steps])
        parts += [row[:, None].expand(-1, steps, -1) for row in self._of_series(windows)]
        return torch.cat(parts, 2)

    def _of_series(self, windows: Windows) -> list[Tensor]:
        """What belongs to the series, (B, static) and (B, embedding)."""
        found = [windows.static] if self.shape.static else []
        if self.shape.embedding:
            numbers = windows.series
            if self.training:
                numbers = numbers.where(torch.rand(numbers.shape, device=numbers.device) >= UNKNOWN_SERIES, 0)
            found.append(self.series(numbers))
        return found

    # Segment by segment ------------------------------------------------------------------------------------

    def _of_segments(self, windows: Windows) -> Features:
        read, location = self.segment_inputs(windows)
        _, state = self.recurrent(read)
        batch, after = len(read), self.shape.segments[1]
        ahead = self.position.weight.expand(batch, -1, -1)
        if self.shape.known_size:
            ahead = ahead + self.known(self._known(windows, after))
        # Every segment ahead is one step of its own from the same state.
        state = {name: value.repeat_interleave(after, 0) for name, value in state.items()}
        outputs = self.recurrent(ahead.reshape(batch * after, 1, -1), state)[0]
        return Features(self.output_dropout(outputs).view(batch, after, -1), location)

    def segment_inputs(self, windows: Windows) -> tuple[Tensor, Tensor | None]:
        """What the layers of a direct network read, (B, segments, units), and what is added to each step ahead."""
        shape = self.shape
        values, location = windows.values, None
        if shape.seasons:
            values, location = self.smoothing(values, windows.series, shape.horizon)
        if shape.linear:
            ahead = self.linear(values)
            location = ahead if location is None else location + ahead
        channels = [values[..., None]]
        if shape.gaps:
            channels.append(windows.observed[..., None])
        if shape.past:
            channels.append(windows.past)
        if shape.future:
            channels.append(windows.future[:, : shape.context])
        steps = torch.cat(channels, 2)
        before = shape.segments[0]
        steps = F.pad(steps, (0, 0, before * shape.segment - shape.context, 0))
        return F.relu(self.segment(steps.reshape(len(values), before, -1))), location

    def _known(self, windows: Windows, segments: int) -> Tensor:
        """What is known of each segment ahead, (B, segments, known_size)."""
        shape, parts = self.shape, []
        if shape.future:
            ahead = F.pad(windows.future[:, shape.context :], (0, 0, 0, segments * shape.segment - shape.horizon))
            parts.append(ahead.reshape(len(ahead), segments, -1))
        parts += [row[:, None].expand(-1, segments, -1) for row in self._of_series(windows)]
        return torch.cat(parts, 2)


@final
class Smoothing(nn.Module):
    r"""Exponential smoothing with a level and several seasonal patterns (Holt 1957, Winters 1960), additive.

    .. math::
        l_t &= l_{t-1} + \alpha (y_t - \sum_i s^i_t - l_{t-1}) \\
        s^i_{t+m_i} &= s^i_t + \gamma_i (y_t - l_t - \sum_j s^j_t)

    for seasons of :math:`m_i` steps. Of logarithms it is the multiplicative form. A pattern begins as what the mean
    over its first whole seasons leaves, up to three of them; the level as the mean of the first season. Coefficients
    are sigmoids, of a logit that all series share (row 0) plus one of each series.

    Source: Smyl, International Journal of Forecasting 36, 2020, whose first patterns are learnt as well.
    """

    def __init__(self, series: int, seasons: tuple[int, ...]) -> None:
        super().__init__()
        self.seasons = seasons
        for name, first in (("level", FIRST_LEVEL), *((f"season{i}", FIRST_SEASON) for i in range(len(seasons)))):
            logits = torch.zeros(series + 1)
            logits[0] = first
            self.register_parameter(name, nn.Parameter(logits))

    def forward(self, values: Tensor, series: Tensor | None, horizon: int) -> tuple[Tensor, Tensor]:
        """Values (B, T) to what is left without patterns and the last level, and level and patterns ahead (B, horizon).

        ``series`` (B,) are numbers of series from 1 on, 0 for unknown ones, as all are without it.
        """
        batch, time = values.shape
        alpha, *gammas = (self._coefficient(name, series).expand(batch)[:, None] for name in self._parameters)
        level, first = first_patterns(values, self.seasons)
        # Patterns are known one season ahead, so that steps within the shortest one are computed side by side.
        block = min(self.seasons)
        decay = _decays(1 - alpha[:, 0], block)
        patterns, left = [[each] for each in first], []
        for begin in range(0, time, block):
            now = values[:, begin : begin + block]
            size = now.shape[1]
            own = [_part(pattern, length, begin, size) for pattern, length in zip(patterns, self.seasons, strict=True)]
            season = torch.stack(own).sum(0)
            left.append(now - season)
            levels = decay[:, :size, 0] * (1 - alpha) * level[:, None]
            levels = levels + alpha * (decay[:, :size, :size] @ left[-1][..., None])[..., 0]
            rest = left[-1] - levels
            for pattern, each, gamma in zip(patterns, own, gammas, strict=True):
                pattern.append(each + gamma * rest)
            level = levels[:, -1]
        steps = torch.arange(horizon, device=values.device)
        ahead = [torch.cat(p, 1)[:, time + steps % length] for p, length in zip(patterns, self.seasons, strict=True)]
        return torch.cat(left, 1) - level[:, None], level[:, None] + torch.stack(ahead).sum(0)

    def _coefficient(self, name: str, series: Tensor | None) -> Tensor:
        logits: Tensor = self.get_parameter(name)
        own = 0.0 if series is None else logits[series] * (series > 0)
        return torch.sigmoid(logits[0] + own)


def first_patterns(values: Tensor, seasons: tuple[int, ...]) -> tuple[Tensor, list[Tensor]]:
    """The first level (B,) of values (B, T), and for each season its first pattern (B, season)."""
    level = values[:, : max(seasons)].mean(1)
    rest = values - level[:, None]
    patterns = []
    for length in seasons:
        whole = min(3, values.shape[1] // length)
        pattern = rest[:, : whole * length].view(len(values), whole, length).mean(1)
        patterns.append(pattern - pattern.mean(1, keepdim=True))
        rest = rest - patterns[-1].repeat(1, -(-values.shape[1] // length))[:, : values.shape[1]]
    return level, patterns


def _part(pattern: list[Tensor], length: int, begin: int, size: int) -> Tensor:
    """Steps ``begin`` to ``begin + size`` of a pattern: the first ``length`` of them, then one block after another."""
    first, *blocks = pattern
    if begin + size <= length:
        return first[:, begin : begin + size]
    block = blocks[0].shape[1]
    number, offset = divmod(max(begin - length, 0), block)
    parts = [first[:, begin:]] if begin < length else []
    parts += blocks[number : number + 2 + (offset + size - 1) // block]
    skipped = 0 if begin < length else offset
    return torch.cat(parts, 1)[:, skipped : skipped + size]


def _decays(share: Tensor, size: int) -> Tensor:
    """share^(i - j) for j <= i, else 0, of each share (B,): (B, size, size)."""
    steps = torch.arange(size, device=share.device)
    apart = steps[:, None] - steps
    return torch.where(apart >= 0, share[:, None, None] ** apart.clamp_min(0), 0.0)


def seasons_before(context: int, horizon: int, season: int) -> Tensor:
    """A linear map (horizon, context) that is the mean of up to three values whole seasons before each step ahead."""
    weight = torch.zeros(horizon, context)
    if season < 2 or season > context:
        return weight
    for step in range(horizon):
        first = context - season + step % season
        places = [place for place in range(first, max(-1, first - 3 * season), -season) if place >= 0]
        weight[step, places] = 1 / len(places)
    return weight
