"""A language model as the start of a network of labels: its symbols, its embedding and its recurrent layers.

What was learnt of a text by guessing what comes next helps to say what it is about, where labels are few. The layers
read in one direction, as they have learnt to; pooling and head begin anew.

Source: Dai & Le, "Semi-supervised sequence learning", NeurIPS 2015.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar, final

from elman.codecs.text_steps import TextSteps
from elman.runtime.backends import Array
from elman.runtime.bundle import Bundle
from elman.runtime.text_model import TextModel
from elman.settings import LabelSettings
from elman.shapes import LabelShape
from elman.tasks.run_folder import as_in

SomeSettings = TypeVar("SomeSettings", bound=LabelSettings)


@final
@dataclass(frozen=True)
class Start:
    """A language model to start from."""

    model: TextModel

    @classmethod
    def read(cls, folder: str | Path) -> Start:
        """Raises `BundleError` where ``folder`` is no language model."""
        return cls(Bundle.read(folder, TextModel).model)

    @property
    def codec(self) -> TextSteps:
        """Its symbols as steps."""
        return TextSteps(self.model.codec)

    def settings(self, asked: SomeSettings) -> SomeSettings:
        """The settings with symbols and sizes of the model; `UsageError` where others are asked for."""
        shape, codec = self.model.shape, self.model.codec
        own = {
            "units": codec.kind,
            "lowercase": codec.lowercase,
            "cell": shape.cell,
            "hidden_size": shape.hidden_sizes[0],
            "num_layers": len(shape.hidden_sizes),
            "embedding_size": shape.embedding_size,
            "bidirectional": False,
            "convolutions": "none",
        }
        return as_in(asked, own)

    def shape(self, shape: LabelShape) -> LabelShape:
        """The network of labels with the layers of the model, whose last one may have another size."""
        own = self.model.shape
        return replace(shape, hidden_sizes=own.hidden_sizes, embedding_sizes=(own.embedding_size,))

    def tensors(self, fresh: Mapping[str, Array]) -> dict[str, Array]:
        """``fresh`` weights of a network of labels, with those of the model in place of what it has too."""
        names = {"embedding.weight": "embedding.0.weight"}
        own = {names.get(name, name): value for name, value in self.model.tensors.items()}
        return {name: own.get(name, value) for name, value in fresh.items()}
