"""Options of `elman train transcribe`, and of looking for a transcript with what was learnt."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
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
        "words where there are few that are all often said, as of commands, and else characters.",
    )
    lowercase: bool = option(False, "Turn transcripts to lower case first.")
    vocabulary_size: int = option(500, "Words or BPE pieces to keep.", at_least=3)
    impossible: Literal["refuse", "drop"] = option(
        "refuse", "Training sequences with fewer frames than their transcript needs: name them and stop, or leave out."
    )


@dataclass(frozen=True, kw_only=True)
class TranscriberNetworkSettings:
    """The network: convolutions over time that may leave steps out, a stack of recurrent layers, and the head."""

    head: Literal["ctc", "transducer"] = option(
        "ctc",
        "How symbols are told: each by itself at its frames (ctc), or after those before it (transducer), which also "
        "learns what follows what.",
    )
    cell: str = option(AUTO, "Recurrent cell by name, such as lstm or gru, the docs list all; auto takes lstm.")
    hidden_size: int | Auto = option(AUTO, "Units per layer and direction; auto chooses by the data.", at_least=1)
    num_layers: int | Auto = option(AUTO, "Recurrent layers; auto chooses by the data.", at_least=1)
    bidirectional: bool | Auto = option(
        AUTO, "Read the sequence in both directions; auto does with ctc. Streams need false."
    )
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
    normed: bool = option(True, "Normalise what convolutions give over a batch while they learn.")
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
    training: TrainingSettings = TrainingSettings(warmup=0.02)


@dataclass(frozen=True, kw_only=True)
class DecodingSettings:
    """How `elman predict` and `elman evaluate` look for a transcript."""

    beam: int | Auto = option(
        AUTO,
        "Hypotheses of a beam search; 1 takes the likeliest symbol of every frame; auto does so without anything that "
        "is known of the language, and else takes 32; of translations what was chosen after training.",
        at_least=1,
    )
    language_model: str | None = option(
        None,
        "What is known of the language: the folder of a language model of characters or words, a text file, of whose "
        "lines an n-gram is made, or transcripts, an n-gram of those that the model learnt from.",
    )
    order: int | Auto = option(
        AUTO, "Symbols that an n-gram counts; auto takes 6 for characters, 3 for words.", at_least=1, at_most=12
    )
    language_weight: float | Auto = option(
        AUTO, "Weight of the language model; auto takes 0.5, of transcripts what was best on held-out data.", at_least=0
    )
    bonus: float | Auto = option(
        AUTO, "Added for each symbol, or for each word of a language model of words; auto goes as for the weight."
    )
    words: Path | None = option(None, "File with the words that are expected: one a line, or a dictionary.")
    other_words: float | Auto = option(AUTO, "What a word costs that is not expected; auto takes 8.", at_least=0)
    tune_on: Path | None = option(
        None, "File or folder of sequences with transcripts, none of the test, that choose weight and bonus."
    )
