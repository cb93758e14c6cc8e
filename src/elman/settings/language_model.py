"""Options of language models: their text, their network, and what is written with them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from elman.settings.machinery import AUTO, Auto, Duration, option
from elman.settings.training import LARGEST_SEED, TrainingSettings
from elman.settings.transcribe import DecodingSettings
from elman.settings.translate import PenaltySettings


@dataclass(frozen=True, kw_only=True)
class TextSettings:
    """How raw text becomes symbols, and which part of it is held out."""

    codec: Literal["characters", "bytes", "words", "bpe"] = option(
        "characters", "What one symbol is: a character, a UTF-8 byte, a word between white space, or a learnt piece."
    )
    vocabulary_size: int = option(10_000, "Words or BPE pieces to keep; ignored for characters and bytes.", at_least=2)
    encoding: str = option("utf-8", "Encoding of the text files.")
    valid: Path | None = option(None, "File of held-out text; without it the end of the training text is held out.")
    test: Path | None = option(None, "File of test text, scored once, after training.")
    held_out: float = option(
        0.1,
        "Share of the text, taken from its end, that is held out when --valid is not given.",
        at_least=0,
        at_most=0.9,
    )
    lowercase: bool = option(False, "Turn all text to lower case first.")


@dataclass(frozen=True, kw_only=True)
class NetworkSettings:
    """The recurrent network: embedding, a stack of cells, and a softmax over the symbols."""

    cell: str = option("lstm", "Recurrent cell by name, such as rnn, lstm, gru or lstm_layer_norm; the docs list all.")
    hidden_size: int | Auto = option(AUTO, "Units per recurrent layer; auto chooses by data and time.", at_least=1)
    num_layers: int | Auto = option(AUTO, "Recurrent layers; auto chooses by data and time.", at_least=1)
    embedding_size: int | Auto = option(
        AUTO, "Features per symbol; auto takes the hidden size, where symbols are few at most 256.", at_least=1
    )
    tie_weights: bool | Auto = option(AUTO, "Share the embedding with the softmax; auto ties for words and BPE.")
    dropout: float | Auto = option(
        AUTO, "Locked dropout between layers and before the softmax; auto chooses.", at_least=0, at_most=0.95
    )
    dropout_input: float | Auto = option(
        AUTO,
        "Locked dropout on the embedded input; auto takes the value of dropout, for few symbols its excess over 0.25.",
        at_least=0,
        at_most=0.95,
    )
    dropout_words: float = option(
        0.0, "Share of the vocabulary whose embedding is dropped per window.", at_least=0, at_most=0.95
    )
    weight_drop: float = option(
        0.0, "DropConnect on the recurrent weights, one mask per window (Merity et al. 2017).", at_least=0, at_most=0.95
    )
    learn_initial_state: bool = option(False, "Learn the state before the first symbol instead of zeros.")
    memory: int = option(0, "Expected length of dependencies; 2 or more selects chrono initialisation.", at_least=0)
    backend: Literal["auto", "compiled", "torch", "reference"] = option(
        "auto", "What runs the recurrence: machine code made of its equations, torch's kernels, or a plain loop."
    )


@dataclass(frozen=True, kw_only=True)
class LanguageModelSettings:
    """Everything that `elman train language-model` can be told."""

    text: TextSettings = TextSettings()
    network: NetworkSettings = NetworkSettings()
    training: TrainingSettings = TrainingSettings()
    samples: int = option(
        0, "Symbols to write at the start, the middle and the end of training; 0 writes none.", at_least=0
    )


@dataclass(frozen=True, kw_only=True)
class GenerationSettings:
    """Everything that `elman generate` can be told about the text to write."""

    prompt: str = option("", "Text to continue.")
    length: int = option(500, "Symbols to write at most.", at_least=0)
    temperature: float = option(0.8, "0 always takes the likeliest symbol, 1 draws as the model believes.", at_least=0)
    top_k: int = option(0, "Draw only from so many of the likeliest symbols; 0 draws from all.", at_least=0)
    top_p: float = option(
        1.0, "Draw only from the fewest likeliest symbols that hold this share.", at_least=0, at_most=1
    )
    stop: tuple[str, ...] = option((), "Text that ends the writing before it comes up; may be repeated.")
    seed: int = option(0, "The same seed writes the same text.", at_least=0, at_most=LARGEST_SEED)


@dataclass(frozen=True, kw_only=True)
class PredictionSettings:
    """Everything that `elman predict` can be told."""

    prompt: str = option(
        "", "Text to read first; for other models than language models a sequence to say something of."
    )
    top: int | Auto = option(
        AUTO,
        "How many of the likeliest symbols, labels, transcripts or targets to show; auto shows 10 symbols, else 1.",
        at_least=1,
    )
    decoding: DecodingSettings = DecodingSettings()
    writing: PenaltySettings = PenaltySettings()


@dataclass(frozen=True, kw_only=True)
class ScoringSettings:
    """Everything that `elman evaluate` can be told."""

    decoding: DecodingSettings = DecodingSettings()
    writing: PenaltySettings = PenaltySettings()


@dataclass(frozen=True, kw_only=True)
class DemoSettings:
    """Everything that `elman demo` can be told."""

    max_time: Duration = option(Duration(90), "Time to train, the same for network and rival.", at_least=1)
    seed: int = option(0, "Seed of everything random.", at_least=0, at_most=LARGEST_SEED)
