"""Options of the tasks that learn labels of sequences: their data, what a step is, the network, and each task's own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from elman.settings.machinery import AUTO, Auto, option
from elman.settings.training import TrainingSettings


@dataclass(frozen=True, kw_only=True)
class DataSettings:
    """What the files hold, and which part of the sequences is held out."""

    kind: Literal["auto", "text", "words", "dna", "audio", "series", "ink", "frames", "images"] = option(
        AUTO, "What the sequences are; auto looks at the files."
    )
    input_column: tuple[str, ...] = option((), "Column of the sequence, or of what is measured; may be repeated.")
    target: tuple[str, ...] = option((), "Column of what is to be learnt; may be repeated.")
    id_column: str | None = option(
        None, "Column that says which rows of a long table are one sequence; names of two are joined by +."
    )
    time_column: str | None = option(None, "Column of the time of a row, or by which --split time goes.")
    group: str | None = option(
        None, "Column, or pattern over file names, of who or what a sequence belongs to; a group is never split."
    )
    separator: str = option("|", "What stands between several labels of one sequence in a field of a table.")
    encoding: str = option(AUTO, "Encoding of text files; auto takes UTF-8, or cp1252 for what is not UTF-8.")
    valid: Path | None = option(None, "File or folder of held-out sequences; without it some of the training data.")
    test: Path | None = option(None, "File or folder of test sequences, scored once, after training.")
    held_out: float = option(0.1, "Share that is held out when --valid is not given.", at_least=0, at_most=0.9)
    test_share: float = option(
        0.0, "Share that is kept for the test when --test is not given.", at_least=0, at_most=0.9
    )
    split: Literal["auto", "ratio", "group", "time"] = option(
        AUTO, "How sequences are divided: by ratio, whole groups, or the latest held out; auto goes by what is known."
    )

    @property
    def named_columns(self) -> tuple[str, ...]:
        """Every column of a table that is named here."""
        one = (self.id_column, self.time_column, self.group)
        return (*self.input_column, *self.target, *(name for name in one if name is not None))


@dataclass(frozen=True, kw_only=True)
class SignalSettings:
    """What one step of a signal is; each option is for the kinds of sequence that it names."""

    differences: bool | Auto = option(AUTO, "Series and frames: show beside each value how much it changed.")
    features: Literal["auto", "log-mel", "mfcc"] = option(AUTO, "Sound: what one step is; auto takes log-mel.")
    rate: int | Auto = option(
        AUTO, "Sound: samples a second that all is brought to; auto takes the commonest in the data.", at_least=1_000
    )
    mels: int | Auto = option(
        AUTO,
        "Sound: mel bands; auto takes 40, of sound with less than 12,000 samples a second 24.",
        at_least=4,
        at_most=256,
    )
    loudness: Literal["auto", "relative", "kept"] = option(
        AUTO, "Sound: levels under that of the loudest so far, or as they are; auto takes relative ones."
    )
    frame_size: int | Auto = option(
        AUTO, "Frames: pixels of the longer side; auto takes that of the frames, at most 32.", at_least=4, at_most=64
    )
    frame_rate: float | Auto = option(
        AUTO,
        "Frames: frames a second that all is brought to; auto takes the commonest in the data, 0 leaves all as it is.",
        at_least=0,
    )
    line_height: int | Auto = option(
        AUTO,
        "Lines of writing: pixels of the height that all are brought to; auto takes theirs, at most 40.",
        at_least=8,
        at_most=128,
    )
    augment: str = option(
        AUTO,
        "Vary training sequences in ways that keep what is to be learnt: none, or what the kind of sequence has, such "
        "as warp,jitter=0.1 for series; auto does as is usual.",
    )


@dataclass(frozen=True, kw_only=True)
class InputSettings(SignalSettings):
    """What one step of a sequence is; each option is for the kinds of sequence that it names."""

    units: Literal["auto", "words", "characters", "bytes", "bpe", "symbols"] = option(
        AUTO,
        "Text: what one step is, symbols being all that stands between white space; auto takes words for sentences and "
        "characters for single words.",
    )
    lowercase: bool | Auto = option(AUTO, "Text: turn all to lower case first; auto does so where words are the steps.")
    vocabulary_size: int = option(20_000, "Text: words or BPE pieces to keep.", at_least=2)
    fields: tuple[str, ...] = option(
        (), "Text in words: what a word shows, of word, prefix, suffix, shape; may be repeated, none takes them all."
    )
    k: int = option(1, "DNA: letters of one step; 1 takes each letter alone.", at_least=1, at_most=8)
    two_strands: bool = option(False, "DNA: read both strands with one and the same network.")


@dataclass(frozen=True, kw_only=True)
class LabelNetworkSettings:
    """The network: embedding or encoder, a stack of recurrent layers, pooling over time, and the head."""

    cell: str = option(
        AUTO,
        "Recurrent cell by name, such as rnn, lstm, gru or lstm_layer_norm, the docs list all; "
        "auto takes lstm for text and gru for all else.",
    )
    hidden_size: int | Auto = option(AUTO, "Units per layer and direction; auto chooses by the data.", at_least=1)
    num_layers: int | Auto = option(AUTO, "Recurrent layers; auto chooses by the data.", at_least=1)
    bidirectional: bool | Auto = option(AUTO, "Read the sequence in both directions; auto does, except for streams.")
    pooling: str = option(
        AUTO, "How the steps become one summary: mean, max, last, attention, or several such as mean+max; auto chooses."
    )
    convolutions: str = option(
        AUTO,
        "Convolutions over time before the recurrence, as channels x width / stride, such as 64x5/2,64x3; none; "
        "auto chooses by the kind of sequence.",
    )
    embedding_size: int | Auto = option(AUTO, "Features per symbol; auto chooses by the vocabulary.", at_least=1)
    dropout: float | Auto = option(
        AUTO, "Dropout between layers and before the head; auto chooses by the data.", at_least=0, at_most=0.95
    )
    dropout_input: float | Auto = option(
        AUTO, "Dropout on what the first layer reads; auto chooses by the data.", at_least=0, at_most=0.95
    )
    dropout_words: float | Auto = option(
        AUTO, "Share of the steps that are hidden in training; auto chooses by the data.", at_least=0, at_most=0.95
    )
    weight_drop: float = option(
        0.0, "DropConnect on the recurrent weights, one mask per step of training.", at_least=0, at_most=0.95
    )
    normed: bool = option(False, "Normalise what convolutions give over a batch while they learn.")
    bag: bool | Auto = option(
        AUTO, "Give the head a bag of features of the whole sequence beside the recurrent summary; auto chooses."
    )
    memory: int = option(0, "Expected length of dependencies; 2 or more selects chrono initialisation.", at_least=0)
    backend: Literal["auto", "compiled", "torch", "reference"] = option(
        "auto", "What runs the recurrence: machine code made of its equations, torch's kernels, or a plain loop."
    )


@dataclass(frozen=True, kw_only=True)
class LabelSettings:
    """What every task of labels can be told."""

    data: DataSettings = DataSettings()
    input: InputSettings = InputSettings()
    network: LabelNetworkSettings = LabelNetworkSettings()
    training: TrainingSettings = TrainingSettings()


@dataclass(frozen=True, kw_only=True)
class ClassifierSettings(LabelSettings):
    """Everything that `elman train classify` can be told."""

    multi_label: bool | Auto = option(
        AUTO, "A sequence may have several labels, or none; auto says so where the data hold lists of labels."
    )
    class_weights: Literal["auto", "none", "balanced"] = option(
        AUTO,
        "Weight of each class in the loss: none, or the rarer the more; auto balances where classes are very uneven.",
    )
    label_smoothing: float = option(
        0.0, "Share of the target that is spread over all classes.", at_least=0, at_most=0.9
    )


@dataclass(frozen=True, kw_only=True)
class TaggerSettings(LabelSettings):
    """Everything that `elman train tag` can be told."""

    crf: bool = option(False, "Score whole sequences of tags, with learnt transitions (a conditional random field).")


@dataclass(frozen=True, kw_only=True)
class RegressorSettings(LabelSettings):
    """Everything that `elman train regress` can be told."""
