"""Options of `elman train translate`, and of writing with what was learnt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from elman.settings.labels import DataSettings
from elman.settings.machinery import AUTO, Auto, option
from elman.settings.training import TrainingSettings

#: What a symbol of a text may be.
Units = Literal["auto", "bpe", "characters", "words", "symbols", "bytes"]


@dataclass(frozen=True, kw_only=True)
class PairTextSettings:
    """What one symbol of a source and of a target is."""

    source_units: Units = option(
        AUTO,
        "What one symbol of a source is; symbols are what stands between white space, such as phonemes; auto takes bpe "
        "for sentences, characters for single words and for scripts without spaces.",
    )
    target_units: Units = option(AUTO, "What one symbol of a target is; auto as for sources, symbols where few recur.")
    shared_vocabulary: bool | Auto = option(
        AUTO, "One vocabulary, and one embedding, for both sides; auto shares BPE where the languages share words."
    )
    vocabulary_size: int | Auto = option(AUTO, "Words or BPE pieces of a side; auto goes by the data.", at_least=3)
    lowercase_source: bool = option(False, "Turn sources to lower case first.")
    lowercase_target: bool = option(False, "Turn targets to lower case first: case is then not learnt.")


@dataclass(frozen=True, kw_only=True)
class PairNetworkSettings:
    """The network: an encoder, and a decoder that looks at all of what the encoder has made."""

    cell: str = option(AUTO, "Recurrent cell by name, such as gru or lstm, the docs list all; auto takes gru.")
    hidden_size: int | Auto = option(
        AUTO, "Units of the decoder, and of the encoder in both directions together; auto chooses by the data.",
        at_least=2,
    )  # fmt: skip
    num_layers: int | Auto = option(AUTO, "Layers of the encoder, and of the decoder; auto takes 1.", at_least=1)
    embedding_size: int | Auto = option(AUTO, "Features per symbol; auto chooses by the data.", at_least=1)
    attention: Literal["general", "additive", "dot"] = option(
        "general", "How the decoder compares itself with what it looks at."
    )
    input_feeding: bool | Auto = option(
        AUTO, "Show the decoder at each step what it found at the one before; auto does for sentences."
    )
    coverage: bool = option(False, "Show the attention how much of each place was looked at before.")
    tie_weights: bool | Auto = option(
        AUTO, "Share the decoder's embedding with its softmax; auto does for many symbols."
    )
    dropout: float | Auto = option(
        AUTO, "Dropout on symbols, between layers and before the softmax; auto chooses.", at_least=0, at_most=0.95
    )
    dropout_words: float | Auto = option(
        AUTO, "Share of the symbols that are hidden in training, on both sides; auto chooses.", at_least=0, at_most=0.95
    )
    backend: Literal["auto", "compiled", "torch", "reference"] = option(
        "auto", "What runs the recurrence: machine code made of its equations, torch's kernels, or a plain loop."
    )


@dataclass(frozen=True, kw_only=True)
class ObjectiveSettings:
    """What is learnt of pairs."""

    batch_tokens: int | Auto = option(
        AUTO, "Symbols of a batch on the longer side, padding included; auto chooses by the data.", at_least=1
    )
    label_smoothing: float = option(
        0.1, "Share of each target symbol that is spread over all symbols.", at_least=0, at_most=0.9
    )
    scheduled_sampling: float = option(
        0.0, "Share of the symbols for which the decoder reads what it has drawn itself.", at_least=0, at_most=1
    )


@dataclass(frozen=True, kw_only=True)
class PenaltySettings:
    """How targets are compared that are looked for at the same time."""

    length_penalty: float | Auto = option(
        AUTO,
        "Translations: how strongly longer outputs are favoured, 0 not at all, 1 compares the mean per symbol; auto "
        "takes what writes held-out data best.",
        at_least=0,
    )
    coverage_penalty: float | Auto = option(
        AUTO, "Translations: how strongly outputs are held back that leave places out; auto takes 0.", at_least=0
    )
    replace_unknown: bool | Auto = option(
        AUTO,
        "Translations: put in place of an unknown symbol that of the source which was looked at most; auto does.",
    )


@dataclass(frozen=True, kw_only=True)
class WritingSettings(PenaltySettings):
    """How the best target is looked for; what is left open is chosen on held-out data after training."""

    beam: int | Auto = option(
        AUTO, "Hypotheses that go on; 1 always takes the likeliest symbol; auto takes what writes held-out data best.",
        at_least=1,
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class TranslatorSettings:
    """Everything that `elman train translate` can be told."""

    data: DataSettings = DataSettings()
    text: PairTextSettings = PairTextSettings()
    network: PairNetworkSettings = PairNetworkSettings()
    objective: ObjectiveSettings = ObjectiveSettings()
    writing: WritingSettings = WritingSettings()
    training: TrainingSettings = TrainingSettings()
    keep: int = option(1, "Best checkpoints of the run to keep, for an ensemble of them.", at_least=1, at_most=16)
