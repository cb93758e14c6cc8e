"""What a transducer is made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from elman import cells
from elman.errors import BundleError, SettingsError
from elman.shapes.labels import LabelShape

#: What the dictionary of a transducer has as its ``head``.
HEAD = "transducer"


@dataclass(frozen=True)
class TransducerShape:
    """What a recurrent neural network transducer is made of: enough to build it again in any backend.

    - ``encoder``: reads the frames; the outputs of its head ``features`` are the hidden units of the joint network.
    - the prediction network reads the symbols that were said, and first of all one that stands for the start, number
      ``symbols``: an embedding, and a stack of ``cell`` with ``hidden_sizes`` units.
    - the joint network: at each frame, after each number of symbols, tanh of the encoder's features and a linear layer
      of the prediction network's, and then a linear layer and softmax over the symbols and, last, the blank.

    Attributes:
        symbols: How many there are, without the blank.
        embedding_size: Features of a symbol.

    Raises `SettingsError` for what does not fit together. `parameter_shapes` names the weights.

    Source: Graves, "Sequence transduction with recurrent neural networks", arXiv 1211.3711, 2012.
    """

    encoder: LabelShape
    symbols: int
    embedding_size: int
    cell: str
    hidden_sizes: tuple[int, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "hidden_sizes", tuple(self.hidden_sizes))
        if self.encoder.head != "features":
            raise SettingsError(f"The encoder of a transducer needs the head 'features', not '{self.encoder.head}'.")
        if self.symbols < 1 or self.embedding_size < 1 or not self.hidden_sizes:
            raise SettingsError(
                "A transducer needs at least one symbol, one feature of it, and one layer of its prediction network."
            )

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> TransducerShape:
        """Read what `to_dict` wrote. Raises `BundleError` for what does not describe a transducer."""
        try:
            own = {name: value for name, value in values.items() if name != "head"}
            return cls(**{**own, "encoder": LabelShape.from_dict(values["encoder"])})
        except (TypeError, KeyError, ValueError, SettingsError) as error:
            raise BundleError(f"config.json: 'network' does not describe a transducer ({error}).") from None

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON, in which ``head`` says that it is a transducer."""
        return {
            "head": HEAD,
            "encoder": self.encoder.to_dict(),
            "symbols": self.symbols,
            "embedding_size": self.embedding_size,
            "cell": self.cell,
            "hidden_sizes": list(self.hidden_sizes),
        }

    @property
    def lookahead(self) -> int | None:
        """As that of the encoder: 0, or None where it needs the whole sequence."""
        return self.encoder.lookahead

    def kept(self, steps: int) -> int:
        """How many frames the encoder makes of ``steps``, see `LabelShape.kept`."""
        return self.encoder.kept(steps)

    def layers(self) -> list[cells.Cell]:
        """The cells of the prediction network, bottom first."""
        size, stack = self.embedding_size, []
        for hidden_size in self.hidden_sizes:
            stack.append(cells.make(self.cell, size, hidden_size))
            size = stack[-1].output_size
        return stack

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        """Name and shape of every tensor, as ``model.safetensors`` holds them.

        Those of the encoder, as ``encoder.<name>``; ``prediction.embedding.weight`` (symbols + 1, features), the start
        last; ``prediction.recurrent.<name>_l<layer>`` as in torch.nn; ``joint.prediction.weight`` (joint, predicted);
        ``joint.output.weight`` (symbols + 1, joint) and ``joint.output.bias``, the blank last.
        """
        shapes = {f"encoder.{name}": size for name, size in self.encoder.parameter_shapes().items()}
        shapes["prediction.embedding.weight"] = (self.symbols + 1, self.embedding_size)
        layers = self.layers()
        for number, cell in enumerate(layers):
            for name, parameter in cell.parameters().items():
                shapes[f"prediction.recurrent.{name}_l{number}"] = parameter.shape
        shapes["joint.prediction.weight"] = (self.encoder.outputs, layers[-1].output_size)
        shapes["joint.output.weight"] = (self.symbols + 1, self.encoder.outputs)
        shapes["joint.output.bias"] = (self.symbols + 1,)
        return shapes
