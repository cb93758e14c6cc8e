"""What a recurrent cell is: sizes, named states, named parameters, and one time step."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from elman.cells.ops import Array, Ops
from elman.errors import SettingsError, UsageError

#: What a parameter does; the initialisation schemes go by it. Parameters of the kind "own" are drawn by `Cell.initial`.
Kind: TypeAlias = Literal[
    "input", "recurrent", "projection", "input_bias", "recurrent_bias", "gain", "shift", "mean", "variance", "own"
]

#: The kinds that are measured, not learnt: what batch normalisation stores.
STATISTICS = ("mean", "variance")

#: The extra by which a cell is told how much time has passed since the step before, in any unit, one number a row.
#: Whoever runs a cell gives 1 where nothing else is known.
ELAPSED = "elapsed"

#: How exact compiled code computes sigmoid, tanh and exp: to a few units of the last place, or faster.
Activations: TypeAlias = Literal["exact", "fast"]


@dataclass(frozen=True)
class Parameter:
    """One weight array of a cell: equal ``blocks``, one per name, stacked along the first axis.

    A matrix with several ``heads`` multiplies as many blocks of features, see `elman.cells.Ops.linear`.
    """

    shape: tuple[int, ...]
    blocks: tuple[str, ...]
    kind: Kind
    heads: int = 1


@dataclass(frozen=True)
class Cell(ABC):
    """A recurrence, as data: what it remembers, what it learns, and how one step goes.

    Subclasses add their own sizes and switches as fields and are final. A cell holds no weights and no
    state, so one object may serve any number of layers and streams.

    Attributes:
        input_size: Features of the input at one step.
        hidden_size: Units.
        bias: Whether the gates have biases.
        name: The cell's name in `elman.cells.CELLS`.
        gates: The order of the gate blocks within weights and biases.
        memory_gates: The gates whose bias decides how long the state is kept: +1 where a larger bias
            keeps it longer, -1 where a larger bias overwrites it sooner.
        initial_takes_memory: Whether `initial` spreads the cell's time scales over the memory it is given.
        activations: How exact compiled code computes sigmoid, tanh and exp, see `elman.cells.modifiers`.
    """

    name: ClassVar[str]
    gates: ClassVar[tuple[str, ...]]
    memory_gates: ClassVar[Mapping[str, int]] = {}
    initial_takes_memory: ClassVar[bool] = False
    activations: ClassVar[Activations] = "exact"

    input_size: int
    hidden_size: int
    bias: bool = True

    def __post_init__(self) -> None:
        if not isinstance(getattr(self, "name", None), str) or not isinstance(getattr(self, "gates", None), tuple):
            raise UsageError(
                f"The class {type(self).__name__} needs a name, a text, and gates, a tuple of texts, such as "
                'name = "leaky" and gates = ("pace", "new"); with one gate the comma stays, gates = ("new",).'
            )
        for field in ("input_size", "hidden_size"):
            value = getattr(self, field)
            if not isinstance(value, int) or value < 1:
                raise SettingsError(f"Cell {self.name}: {field} must be a whole number of at least 1, not {value!r}.")

    @property
    def state_sizes(self) -> dict[str, int]:
        """The states and their features; the first one is the cell's output."""
        return {"hidden": self.hidden_size}

    @property
    def output_size(self) -> int:
        """Features of the output at one step."""
        return next(iter(self.state_sizes.values()))

    def parameters(self) -> dict[str, Parameter]:
        """The parameters in torch.nn's names, layouts and order.

        ``weight_ih`` (gates * hidden, input), ``weight_hh`` (gates * hidden, output) and, with biases,
        ``bias_ih`` and ``bias_hh`` (gates * hidden).
        """
        rows = len(self.gates) * self.hidden_size
        parameters = {
            "weight_ih": Parameter((rows, self.input_size), self.gates, "input"),
            "weight_hh": Parameter((rows, self.output_size), self.gates, "recurrent"),
        }
        if self.bias:
            parameters["bias_ih"] = Parameter((rows,), self.gates, "input_bias")
            parameters["bias_hh"] = Parameter((rows,), self.gates, "recurrent_bias")
        return parameters

    def initial(self, rng: np.random.Generator, memory: int) -> dict[str, NDArray[np.float64]]:
        """First values of some parameters, as the paper of the cell has them; they win over every scheme.

        `elman.cells.initialise` draws all other parameters by their kind. ``memory`` is the expected length of
        dependencies in steps, 0 when unknown.
        """
        return {}

    @property
    def extras(self) -> dict[str, int]:
        """What else a step is given, by name, and the features of each; it gets no gradient.

        Values of one step, such as a random mask or the time since the step before (`ELAPSED`): `step` finds them in
        ``params`` under these names.
        """
        return {}

    @abstractmethod
    def step(self, ops: Ops, x: Array, state: Mapping[str, Array], params: Mapping[str, Array]) -> dict[str, Array]:
        """One time step: input x (..., input_size) and the states before it give the states after it.

        Uses nothing but ``ops`` and the arrays' own ``+ - * /``, so that the same lines run on NumPy and
        torch and can be traced with symbols. ``params`` holds the parameters and the `extras` of this step.
        """
