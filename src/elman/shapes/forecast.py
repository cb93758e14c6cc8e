"""What a network that forecasts is made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from elman import cells
from elman.errors import BundleError, SettingsError, nearest

NETWORKS = ("autoregressive", "direct", "hybrid")

#: Distribution of one value to the numbers that the network tells of it; a quantile of it each, or one for any.
DISTRIBUTIONS = {"normal": 2, "student-t": 3, "negative-binomial": 2, "implicit-quantile": 1, "quantiles": 0}

#: Cosines by which an implicit quantile network reads the level of a quantile (Dabney et al. 2018, equation 4).
COSINES = 64


@dataclass(frozen=True)
class ForecastShape:
    """What a network that forecasts is made of: enough to build it again in any backend.

    It reads ``context`` values of a series and tells the distribution of each of the ``horizon`` values after them.

    - ``autoregressive`` (DeepAR, Salinas et al. 2020): at each step a stack of ``cell`` reads the value before, those
      ``lags`` steps back, and the covariates known of the step itself; a linear layer over it gives the distribution of
      the step. What lies ahead is drawn value by value.
    - ``direct`` (SegRNN, Lin et al. 2023): the context is cut into segments of ``segment`` steps, each made features by
      a linear layer with ReLU; the stack reads them. From its last state it makes one further step for each segment of
      the horizon, all side by side, with the place of the segment and what is known of it as input; a linear layer over
      each gives the distributions of its steps. With ``linear`` a linear map of the whole context is added.
    - ``hybrid`` (ES-RNN, Smyl 2020): exponential smoothing with one level and a ``seasons`` pattern each, whose
      coefficients belong to the series; a direct network reads what it leaves, and its answer is put upon level and
      patterns carried on.

    Attributes:
        network: One of `NETWORKS`.
        distribution: One of `DISTRIBUTIONS`.
        cell: Of the recurrent layers, see `elman.cells.CELLS`.
        hidden_sizes: Units of every layer.
        context: Steps that are read.
        horizon: Steps that are told.
        quantiles: Levels of the quantiles that are told, for the distribution ``quantiles``.
        past: Covariates that are known up to now only.
        future: Covariates that are known of what lies ahead too.
        static: Numbers that belong to a series.
        series: Series that have a vector of their own; 0 for none.
        embedding: Features of that vector.
        gaps: Whether the network is shown which values are there.
        lags: Steps back, beside 1, of the values that an autoregressive network reads.
        segment: Steps of a segment.
        seasons: Lengths of the patterns of a hybrid network, in steps.
        linear: Whether a linear map of the context is added to a direct network.

    Raises `SettingsError` for what does not fit together. `parameter_shapes` names the weights.
    """

    network: str
    distribution: str
    cell: str
    hidden_sizes: tuple[int, ...]
    context: int
    horizon: int
    quantiles: tuple[float, ...] = ()
    past: int = 0
    future: int = 0
    static: int = 0
    series: int = 0
    embedding: int = 0
    gaps: bool = False
    lags: tuple[int, ...] = ()
    segment: int = 1
    seasons: tuple[int, ...] = ()
    linear: bool = False

    def __post_init__(self) -> None:
        for name in ("hidden_sizes", "quantiles", "lags", "seasons"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        for name, known in (("network", NETWORKS), ("distribution", tuple(DISTRIBUTIONS))):
            value = getattr(self, name)
            if value not in known:
                raise SettingsError(
                    f"There is no {name} '{value}' of forecasts, only {', '.join(known)}.{nearest(value, known)}"
                )
        if min(self.context, self.horizon, self.segment) < 1 or not self.hidden_sizes:
            raise SettingsError("A forecast needs a context, a horizon and a segment of at least 1, and a layer.")
        if self.autoregressive:
            self._check_autoregressive()
        elif self.lags:
            raise SettingsError("Lags belong to autoregressive networks; a direct one reads the whole context.")
        if (self.distribution == "quantiles") != bool(self.quantiles) or list(self.quantiles) != sorted(
            {level for level in self.quantiles if 0 < level < 1}
        ):
            raise SettingsError(f"The distribution 'quantiles' needs rising levels in 0 to 1, not {self.quantiles}.")
        if (self.network == "hybrid") != bool(self.seasons) or min(self.seasons, default=2) < 2:
            raise SettingsError(f"A hybrid network, and no other, needs seasons of 2 steps or more: {self.seasons}.")
        if self.seasons and max(self.seasons) > self.context:
            raise SettingsError(f"A context of {self.context} steps holds no season of {max(self.seasons)}.")
        if self.seasons and self.distribution == "negative-binomial":
            raise SettingsError("Counts (negative-binomial) are not what is left after smoothing: take direct.")

    def _check_autoregressive(self) -> None:
        if self.distribution == "quantiles":
            raise SettingsError("An autoregressive network draws values: take normal, student-t or implicit-quantile.")
        if self.past:
            raise SettingsError(
                "An autoregressive network needs to know covariates of every step ahead; for those known up to now "
                "only take the network direct, or leave them out."
            )
        if min(self.lags, default=2) < 2:
            raise SettingsError(f"Lags are steps back from 2 on (1 is always read), not {self.lags}.")
        if self.linear or self.segment != 1:
            raise SettingsError("Segments and a linear map of the context belong to direct networks.")

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> ForecastShape:
        """Read what `to_dict` wrote. Raises `BundleError` for what does not describe a network."""
        try:
            return cls(**values)
        except (TypeError, KeyError, ValueError, SettingsError) as error:
            raise BundleError(f"config.json: 'network' does not describe a network ({error}).") from None

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}

    @property
    def autoregressive(self) -> bool:
        """Whether what lies ahead is drawn value by value."""
        return self.network == "autoregressive"

    @property
    def reach(self) -> int:
        """Values before a forecast that it goes by: the context, and the farthest lag before it."""
        return self.context + max((1, *self.lags)) if self.autoregressive else self.context

    @property
    def numbers(self) -> int:
        """What the network tells of one value: numbers of its distribution, or its quantiles."""
        return DISTRIBUTIONS[self.distribution] or len(self.quantiles)

    @property
    def segments(self) -> tuple[int, int]:
        """Segments of the context and of the horizon, the first and the last of them maybe not full."""
        return -(-self.context // self.segment), -(-self.horizon // self.segment)

    @property
    def told(self) -> int:
        """Steps of which one output of the recurrent layers tells."""
        return 1 if self.autoregressive else self.segment

    @property
    def step_size(self) -> int:
        """Numbers of one step that the network reads: of a step, or of a segment of an encoder."""
        if self.autoregressive:
            return 1 + len(self.lags) + self.gaps + self.future + self.static + self.embedding
        return self.segment * (1 + self.gaps + self.past + self.future)

    @property
    def known_size(self) -> int:
        """Numbers that are known of a segment of the horizon."""
        return self.segment * self.future + self.static + self.embedding

    @property
    def features(self) -> int:
        """Outputs of the recurrent layers at one step."""
        return self.layers()[-1].output_size

    def layers(self) -> list[cells.Cell]:
        """The cells of the stack, bottom first."""
        size = self.step_size if self.autoregressive else self.hidden_sizes[0]
        stack = []
        for hidden_size in self.hidden_sizes:
            stack.append(cells.make(self.cell, size, hidden_size))
            size = stack[-1].output_size
        return stack

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        """Name and shape of every tensor of the network, as ``model.safetensors`` holds them.

        ``series.weight`` (series + 1, embedding), whose row 0 is for series that training had not;
        ``segment.weight`` (features, numbers of a segment) and ``.bias``; ``recurrent.<name>_l<layer>`` as in torch.nn;
        ``position.weight`` (segments of the horizon, features); ``known.weight`` (features, numbers known of a
        segment); ``head.weight`` (steps * numbers, features) and ``.bias``; for implicit quantiles
        ``head.level.weight`` (features, cosines) and ``.bias`` too; ``linear.weight`` (horizon, context);
        ``smoothing.level`` and ``smoothing.season<i>``, (series + 1,).
        """
        shapes: dict[str, tuple[int, ...]] = {}
        if self.embedding:
            shapes["series.weight"] = (self.series + 1, self.embedding)
        layers = self.layers()
        if not self.autoregressive:
            shapes["segment.weight"] = (self.hidden_sizes[0], self.step_size)
            shapes["segment.bias"] = (self.hidden_sizes[0],)
            shapes["position.weight"] = (self.segments[1], self.hidden_sizes[0])
            if self.known_size:
                shapes["known.weight"] = (self.hidden_sizes[0], self.known_size)
            if self.linear:
                shapes["linear.weight"] = (self.horizon, self.context)
        for number, cell in enumerate(layers):
            shapes |= {f"recurrent.{name}_l{number}": each.shape for name, each in cell.parameters().items()}
        features = layers[-1].output_size
        shapes["head.weight"] = (self.told * self.numbers, features)
        shapes["head.bias"] = (self.told * self.numbers,)
        if self.distribution == "implicit-quantile":
            shapes["head.level.weight"] = (features, COSINES)
            shapes["head.level.bias"] = (features,)
        for name in self.smoothed:
            shapes[f"smoothing.{name}"] = (self.series + 1,)
        return shapes

    @property
    def smoothed(self) -> tuple[str, ...]:
        """What the coefficients of smoothing are called: of the level, and of each pattern."""
        return ("level", *(f"season{i}" for i in range(len(self.seasons)))) if self.seasons else ()
