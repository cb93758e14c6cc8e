"""Options of `elman train transcribe`, and of looking for a transcript with what was learnt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from elman.settings.labels import DataSettings, SignalSettings
from elman.settings.machinery import AUTO, Auto, option
from elman.settings.training import TrainingSettings


@dataclass(frozen=True, kw_only=True)
class TranscriptSettings:
    """What one symbol of a transcript is."""

    units: Literal["auto", "characters", "bpe", "words", "bytes", "symbols"] = option(
        AUTO,
        "What one symbol of a transcript is; symbols are what stands between white space, such as phonemes; auto takes "
        "characters.",
    )
    lowercase: bool = option(False, "Turn transcripts to lower case first.")
    vocabulary_size: int = option(500, "Words or BPE pieces to keep.", at_least=3)
    impossible: Literal["refuse", "drop"] = option(
        "refuse", "Training sequences with fewer frames than their transcript needs: name them and stop, or leave out."
    )


@dataclass(frozen=True, kw_only=True)
class TranscriberNetworkSettings:
    """The network: convolutions over time that may leave steps out, a stack of recurrent layers, and the head."""

    cell: str = option(AUTO, "Recurrent cell by name, such as lstm or gru, the docs list all; auto takes lstm.")
    hidden_size: int | Auto = option(AUTO, "Units per layer and direction; auto chooses by the data.", at_least=1)
    num_layers: int | Auto = option(AUTO, "Recurrent layers; auto chooses by the data.", at_least=1)
    bidirectional: bool | Auto = option(AUTO, "Read the sequence in both directions; auto does. Streams need false.")
    planes: str = option(
        AUTO,
        "Convolutions over time and across the features of a frame, as channels x steps x features / pooled steps x "
        "pooled features, such as 16x3x3/2x2,32x3x3; none; auto takes them for lines of writing.",
    )
    convolutions: str = option(
        AUTO,
        "Convolutions over time before the recurrence, as channels x width / stride, such as 64x5/2,64x3; none; "
        "auto chooses by the kind of sequence, and no larger stride than the transcripts allow.",
    )
    dropout: float | Auto = option(
        AUTO, "Dropout between layers and before the head; auto chooses by the data.", at_least=0, at_most=0.95
    )
    dropout_input: float | Auto = option(
        AUTO, "Dropout on what the first layer reads; auto chooses by the data.", at_least=0, at_most=0.95
    )
    weight_drop: float = option(
        0.0, "DropConnect on the recurrent weights, one mask per step of training.", at_least=0, at_most=0.95
    )
    memory: int = option(0, "Expected length of dependencies; 2 or more selects chrono initialisation.", at_least=0)
    backend: Literal["auto", "compiled", "torch", "reference"] = option(
        "auto", "What runs the recurrence: machine code made of its equations, torch's kernels, or a plain loop."
    )


@dataclass(frozen=True, kw_only=True)
class TranscriberSettings:
    """Everything that `elman train transcribe` can be told."""

    data: DataSettings = DataSettings()
    input: SignalSettings = SignalSettings()
    transcript: TranscriptSettings = TranscriptSettings()
    network: TranscriberNetworkSettings = TranscriberNetworkSettings()
    training: TrainingSettings = TrainingSettings()


@dataclass(frozen=True, kw_only=True)
class DecodingSettings:
    """How `elman predict` and `elman evaluate` look for a transcript."""

    beam: int | Auto = option(
        AUTO,
        "Hypotheses of a beam search; 1 takes the likeliest symbol of every frame; auto does so without anything that "
        "is known of the language, and else takes 32.",
        at_least=1,
    )
