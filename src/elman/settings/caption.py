"""Options of `elman train caption`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from elman.settings.labels import DataSettings
from elman.settings.machinery import AUTO, Auto, option
from elman.settings.training import TrainingSettings
from elman.settings.translate import WritingSettings


@dataclass(frozen=True, kw_only=True)
class CaptionInputSettings:
    """What is read of a picture, and what one symbol of a caption is."""

    picture_size: int | Auto = option(
        AUTO, "Pixels of the longer side; auto takes that of the pictures, at most 64.", at_least=8, at_most=512
    )
    augment: str = option(
        AUTO,
        "Vary training pictures: none, or shift, contrast, brightness, zoom=0.4, and flip=0.5 where captions do not "
        "tell left from right; auto takes the first three, and zoom where captions have many words.",
    )
    units: Literal["words", "characters", "bpe"] = option("words", "What one symbol of a caption is.")
    lowercase: bool = option(True, "Turn captions to lower case first.")
    vocabulary_size: int | Auto = option(
        AUTO, "Words or pieces to keep; auto keeps words that occur at least twice.", at_least=3
    )


@dataclass(frozen=True, kw_only=True)
class CaptionNetworkSettings:
    """The network: convolutions over the picture, and a decoder that looks at its regions."""

    convolutions: str = option(
        AUTO, "Convolutions over pixels, as channels x width / stride, such as 32x3/2,64x3/2; auto goes by the size."
    )
    cell: str = option(AUTO, "Recurrent cell by name, such as lstm or gru, the docs list all; auto takes lstm.")
    hidden_size: int | Auto = option(AUTO, "Units of the decoder; auto chooses by the data.", at_least=2)
    embedding_size: int | Auto = option(AUTO, "Features per symbol; auto chooses by the data.", at_least=1)
    attention: Literal["general", "additive"] = option(
        "additive", "How the decoder compares itself with what it looks at."
    )
    input_feeding: bool = option(True, "Show the decoder at each step what it found at the one before.")
    dropout: float | Auto = option(
        AUTO, "Dropout on regions, symbols and before the softmax; auto chooses.", at_least=0, at_most=0.95
    )
    dropout_words: float | Auto = option(
        AUTO, "Share of the symbols that are hidden in training; auto hides some of captions in many words.",
        at_least=0, at_most=0.95,
    )  # fmt: skip
    backend: Literal["auto", "compiled", "torch", "reference"] = option(
        "auto", "What runs the recurrence: machine code made of its equations, torch's kernels, or a plain loop."
    )


@dataclass(frozen=True, kw_only=True)
class CaptionObjectiveSettings:
    """What is learnt of captions."""

    label_smoothing: float = option(
        0.0, "Share of each symbol that is spread over all symbols.", at_least=0, at_most=0.9
    )
    scheduled_sampling: float = option(
        0.0, "Share of the symbols for which the decoder reads what it has drawn itself.", at_least=0, at_most=1
    )


@dataclass(frozen=True, kw_only=True)
class CaptionerSettings:
    """Everything that `elman train caption` can be told."""

    data: DataSettings = DataSettings()
    input: CaptionInputSettings = CaptionInputSettings()
    network: CaptionNetworkSettings = CaptionNetworkSettings()
    objective: CaptionObjectiveSettings = CaptionObjectiveSettings()
    writing: WritingSettings = WritingSettings()
    training: TrainingSettings = TrainingSettings()
