"""Every option of Elman, each a documented field of a frozen dataclass, and the only place of options.

The command line, YAML files and Python keyword arguments all come from here: a field's name is the
keyword and (with dashes) the flag, its ``help`` is the text of ``--help``, its annotation is the parser.
Names are unique across the sections of one settings class, so ``hidden_size`` needs no prefix anywhere.
"""

from __future__ import annotations

import dataclasses
import math
import re
import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar

import yaml

from elman.errors import SettingsError, nearest

Auto = Literal["auto"]
AUTO: Auto = "auto"

Settings = TypeVar("Settings")


class Duration(float):
    """A length of time in seconds, written ``90``, ``90s``, ``20m``, ``1h30m`` or ``2d``.

    >>> Duration.parse("1h30m")
    Duration('1h30m')
    >>> float(Duration.parse("20m"))
    1200.0
    """

    _UNITS: typing.ClassVar = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}

    @classmethod
    def parse(cls, text: str | float) -> Duration:
        """Read a duration; a bare number counts seconds. Raises ``ValueError`` on anything else."""
        if isinstance(text, (int, float)):
            return cls(text)
        parts = re.findall(r"(\d+(?:\.\d+)?)([dhms]?)", text.strip().lower())
        if not parts or "".join(n + u for n, u in parts) != text.strip().lower():
            raise ValueError(f"a duration such as 90s, 20m or 1h30m, not {text!r}")
        return cls(sum(float(number) * cls._UNITS[unit or "s"] for number, unit in parts))

    def __str__(self) -> str:
        rest, text = round(float(self)), ""
        if float(rest) != float(self) or not rest:
            return f"{float(self):g}s"
        for unit, seconds in self._UNITS.items():
            count, rest = divmod(rest, seconds)
            text += f"{count}{unit}" if count else ""
        return text

    def __repr__(self) -> str:
        return f"Duration('{self}')"


def option(default: Any, help: str) -> Any:
    """Declare a field of a settings dataclass with its one-sentence documentation."""
    return field(default=default, metadata={"help": help})


@dataclass(frozen=True, kw_only=True)
class TextSettings:
    """How raw text becomes symbols, and which part of it is held out."""

    codec: Literal["characters", "bytes", "words", "bpe"] = option(
        "characters", "What one symbol is: a character, a UTF-8 byte, a word between white space, or a learnt piece."
    )
    vocabulary_size: int = option(10_000, "Words or BPE pieces to keep; ignored for characters and bytes.")
    encoding: str = option("utf-8", "Encoding of the text files.")
    valid: Path | None = option(None, "File of held-out text; without it the end of the training text is held out.")
    test: Path | None = option(None, "File of test text, scored once, after training.")
    held_out: float = option(0.1, "Share of the text, taken from its end, that is held out when --valid is not given.")
    lowercase: bool = option(False, "Turn all text to lower case first.")


@dataclass(frozen=True, kw_only=True)
class NetworkSettings:
    """The recurrent network: embedding, a stack of cells, and a softmax over the symbols."""

    cell: str = option("lstm", "Recurrent cell by name, such as rnn, lstm, gru or lstm_layer_norm; the docs list all.")
    hidden_size: int | Auto = option(AUTO, "Units per recurrent layer; auto chooses by data and time.")
    num_layers: int | Auto = option(AUTO, "Recurrent layers; auto chooses by data and time.")
    embedding_size: int | Auto = option(
        AUTO, "Features per symbol; auto takes the hidden size, where symbols are few at most 256."
    )
    tie_weights: bool | Auto = option(AUTO, "Share the embedding with the softmax; auto ties for words and BPE.")
    dropout: float | Auto = option(AUTO, "Locked dropout between layers and before the softmax; auto chooses.")
    dropout_input: float | Auto = option(
        AUTO,
        "Locked dropout on the embedded input; auto takes the value of dropout, for few symbols its excess over 0.25.",
    )
    dropout_words: float = option(0.0, "Share of the vocabulary whose embedding is dropped per window.")
    weight_drop: float = option(0.0, "DropConnect on the recurrent weights, one mask per window (Merity et al. 2017).")
    learn_initial_state: bool = option(False, "Learn the state before the first symbol instead of zeros.")
    memory: int = option(0, "Expected length of dependencies; 2 or more selects chrono initialisation.")
    backend: Literal["auto", "compiled", "torch", "reference"] = option(
        "auto", "What runs the recurrence: machine code made of its equations, torch's kernels, or a plain loop."
    )


@dataclass(frozen=True, kw_only=True)
class TrainingSettings:
    """How a network is trained; the same for every task."""

    epochs: int | None = option(None, "Passes over the training data.")
    steps: int | None = option(None, "Optimiser steps; the run ends at the first limit that it reaches.")
    max_time: Duration | None = option(None, "Time to train, such as 90s or 20m; schedules end with it.")
    batch_size: int | Auto = option(AUTO, "Sequences, or parallel streams of text, per step; auto chooses.")
    window: int | Auto = option(AUTO, "Steps of truncated backpropagation through time; auto chooses.")
    optimizer: Literal["adamw", "sgd", "adagrad", "nt-asgd"] = option("adamw", "Optimiser.")
    learning_rate: float | Auto = option(AUTO, "Peak learning rate; auto takes the optimiser's own.")
    schedule: Literal["cosine", "one-cycle", "plateau", "constant"] = option(
        "cosine", "Course of the learning rate: warm-up then cosine, one-cycle, halved on a plateau, or constant."
    )
    warmup: float = option(0.05, "Share of the run in which the learning rate rises.")
    final_learning_rate: float = option(0.01, "Learning rate at the end, as a share of the peak.")
    weight_decay: float | Auto = option(
        AUTO, "Weight decay (decoupled for AdamW); auto takes 0.01 for AdamW, 1.2e-6 for NT-ASGD and else 0."
    )
    momentum: float = option(0.0, "Momentum of SGD.")
    clip_norm: float = option(1.0, "Largest norm of the whole gradient; 0 leaves it alone.")
    activation_regularisation: float = option(0.0, "AR: weight of the mean squared output of the last layer.")
    temporal_regularisation: float = option(0.0, "TAR: weight of the mean squared change of that output per step.")
    patience: int = option(0, "Stop after so many held-out scores without a better one; 0 never stops early.")
    evaluate_every: int | None = option(None, "Steps between held-out scores, besides one an epoch.")
    checkpoint_every: Duration = option(Duration(300), "Longest time between two checkpoints.")
    precision: Literal["auto", "32", "bf16", "fp16"] = option(
        "auto", "Arithmetic of training: float32, or mixed with bfloat16 or float16; auto measures what is faster."
    )
    seed: int = option(0, "Seed of everything random.")
    device: str = option("cpu", "Where to train: cpu, cuda, cuda:1, mps or auto.")
    threads: int | Auto = option(AUTO, "CPU threads; auto chooses by a one-second probe.")


@dataclass(frozen=True, kw_only=True)
class LanguageModelSettings:
    """Everything that `elman train language-model` can be told."""

    text: TextSettings = TextSettings()
    network: NetworkSettings = NetworkSettings()
    training: TrainingSettings = TrainingSettings()
    samples: int = option(0, "Symbols to write at the start, the middle and the end of training; 0 writes none.")


@dataclass(frozen=True, kw_only=True)
class GenerationSettings:
    """Everything that `elman generate` can be told about the text to write."""

    prompt: str = option("", "Text to continue.")
    length: int = option(500, "Symbols to write at most.")
    temperature: float = option(0.8, "0 always takes the likeliest symbol, 1 draws as the model believes.")
    top_k: int = option(0, "Draw only from so many of the likeliest symbols; 0 draws from all.")
    top_p: float = option(1.0, "Draw only from the fewest likeliest symbols that hold this share.")
    stop: tuple[str, ...] = option((), "Text that ends the writing before it comes up; may be repeated.")
    seed: int = option(0, "The same seed writes the same text.")


@dataclass(frozen=True, kw_only=True)
class PredictionSettings:
    """Everything that `elman predict` can be told."""

    prompt: str = option("", "Text to read first.")
    top: int = option(10, "How many of the likeliest symbols to show.")


@dataclass(frozen=True, kw_only=True)
class DemoSettings:
    """Everything that `elman demo` can be told."""

    max_time: Duration = option(Duration(90), "Time to train, the same for network and rival.")
    seed: int = option(0, "Seed of everything random.")


def fields_of(settings: type[Any] | Any) -> Iterator[tuple[str | None, dataclasses.Field[Any], Any]]:
    """Yield ``(section, field, annotation)`` for every option of a settings class, sections opened."""
    cls = settings if isinstance(settings, type) else type(settings)
    hints = typing.get_type_hints(cls)
    for item in dataclasses.fields(cls):
        annotation = hints[item.name]
        if dataclasses.is_dataclass(annotation):
            inner = typing.get_type_hints(annotation)
            yield from ((item.name, leaf, inner[leaf.name]) for leaf in dataclasses.fields(annotation))
        else:
            yield None, item, annotation


def update(settings: Settings, values: Mapping[str, Any], source: str = "the call") -> Settings:
    """Return a copy with the named options replaced.

    ``values`` maps option names to values or to their text form; sections may be given as nested
    mappings or as dotted names (``{"hidden_size": 64}``, ``{"network": {"hidden_size": "64"}}`` and
    ``{"network.hidden_size": 64}`` mean the same). Raises `SettingsError` that names ``source``, the
    option, what it takes and, for an unknown name, the nearest known one.
    """
    if not isinstance(values, Mapping):
        raise SettingsError(f"{source}: expected options by name, found {values!r}.")
    known = {leaf.name: (section, annotation) for section, leaf, annotation in fields_of(settings)}
    sections = {section for section, _ in known.values() if section}
    changes: dict[str | None, dict[str, Any]] = {}
    for name, value in _flatten(values, sections):
        if name in sections:
            raise SettingsError(f"{source}: {name} is a group of options, not one; give its options by name.")
        section_given, _, leaf_name = name.rpartition(".")
        leaf_name = leaf_name.replace("-", "_")
        section, annotation = known.get(leaf_name, (None, None))
        if annotation is None or (section_given and section_given != section):
            raise SettingsError(f"{source}: there is no option '{name}'.{nearest(leaf_name, known)}")
        changes.setdefault(section, {})[leaf_name] = parse(leaf_name, value, annotation, source)
    replaced: dict[str, Any] = changes.pop(None, {})
    for section, inner in changes.items():
        assert section is not None
        replaced[section] = dataclasses.replace(getattr(settings, section), **inner)
    result = dataclasses.replace(settings, **replaced)  # type: ignore[type-var]
    _validate(result, source)
    return result


def _flatten(values: Mapping[str, Any], sections: set[str]) -> Iterator[tuple[str, Any]]:
    for name, value in ((str(name), value) for name, value in values.items()):
        if isinstance(value, Mapping) and name in sections:
            yield from ((f"{name}.{inner}", v) for inner, v in value.items())
        else:
            yield name, value


def parse(name: str, value: Any, annotation: Any, source: str) -> Any:
    """Turn ``value``, or its text form, into what ``annotation`` asks for, or raise `SettingsError`."""
    for kind in alternatives(annotation):
        try:
            return _convert(value, kind)
        except (ValueError, TypeError):
            continue
    raise SettingsError(f"{source}: {name} takes {describe(annotation)}, not {value!r}.")


def describe(annotation: Any) -> str:
    """Say in words what an annotation accepts.

    >>> describe(int | Literal["auto"])
    "a whole number or 'auto'"
    """
    words = {int: "a whole number", float: "a number", bool: "true or false", str: "a text", Path: "a path"}
    words |= {tuple[str, ...]: "texts", Duration: "a time such as 20m", type(None): "none"}
    parts = []
    for kind in alternatives(annotation):
        if typing.get_origin(kind) is Literal:
            parts += [repr(choice) for choice in typing.get_args(kind)]
        else:
            parts.append(words[kind])
    return parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + " or " + parts[-1]


def alternatives(annotation: Any) -> tuple[Any, ...]:
    """The kinds of value that an annotation accepts, in the order in which they are tried."""
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return typing.get_args(annotation)
    return (annotation,)


def _convert(value: Any, kind: Any) -> Any:
    if kind is type(None):
        if value is None or (isinstance(value, str) and value.lower() in ("none", "")):
            return None
        raise ValueError
    if value is None:
        raise ValueError
    if typing.get_origin(kind) is Literal:
        if str(value) in typing.get_args(kind):
            return str(value)
        raise ValueError
    if kind == tuple[str, ...]:
        return (value,) if isinstance(value, str) else tuple(str(item) for item in value)
    if kind is bool:
        word = str(value).lower()
        if word in ("true", "yes", "on", "1"):
            return True
        return False if word in ("false", "no", "off", "0") else _reject()
    if isinstance(value, bool):
        raise ValueError
    if kind is int:
        if isinstance(value, str):
            return int(value.replace("_", ""))
        return int(value) if value == int(value) else _reject()
    if kind is Duration:
        return Duration.parse(value)
    return kind(value)


def _reject() -> Any:
    raise ValueError


#: Options with a range, as (smallest, largest); None leaves a side open.
RANGES: dict[str, tuple[float | None, float | None]] = {
    "vocabulary_size": (2, None), "held_out": (0, 0.9), "hidden_size": (1, None), "num_layers": (1, None),
    "embedding_size": (1, None), "dropout": (0, 0.95), "dropout_input": (0, 0.95), "dropout_words": (0, 0.95),
    "weight_drop": (0, 0.95), "memory": (0, None), "epochs": (1, None), "steps": (1, None), "max_time": (1, None),
    "batch_size": (1, None), "window": (1, None), "learning_rate": (0, None), "warmup": (0, 1),
    "final_learning_rate": (0, 1), "weight_decay": (0, None), "momentum": (0, 0.9999), "clip_norm": (0, None),
    "activation_regularisation": (0, None), "temporal_regularisation": (0, None), "patience": (0, None),
    "evaluate_every": (1, None), "checkpoint_every": (0, None), "threads": (1, 1024), "samples": (0, None),
    "seed": (0, 2**63 - 1), "length": (0, None), "temperature": (0, None), "top_k": (0, None), "top_p": (0, 1),
    "top": (1, None),
}  # fmt: skip


def _validate(settings: Any, source: str) -> None:
    for name, value in flat(settings).items():
        low, high = RANGES.get(name, (None, None))
        if not isinstance(value, (int, float)) or isinstance(value, bool):
            continue
        # Written so that NaN, which compares as false with everything, is out of every range.
        if not ((low is None or value >= low) and (high is None or value <= high)) or value == math.inf:
            limits = f"at least {low}" if high is None else f"between {low} and {high}"
            raise SettingsError(f"{source}: {name} must be {limits}, not {value}.")


def flat(settings: Any) -> dict[str, Any]:
    """All options of ``settings`` as one mapping from name to value, sections opened."""
    return {
        leaf.name: getattr(getattr(settings, section) if section else settings, leaf.name)
        for section, leaf, _ in fields_of(settings)
    }


def to_dict(settings: Any) -> dict[str, Any]:
    """``settings`` as nested plain values for JSON or YAML; `update` reads it back."""
    plain: dict[str, Any] = {}
    for section, leaf, _ in fields_of(settings):
        value = getattr(getattr(settings, section) if section else settings, leaf.name)
        value = str(value) if isinstance(value, (Path, Duration)) else value
        value = list(value) if isinstance(value, tuple) else value
        (plain.setdefault(section, {}) if section else plain)[leaf.name] = value
    return plain


def read_yaml(path: Path) -> dict[str, Any]:
    """Read options from a YAML file; raises `SettingsError` with file and line where it is malformed."""
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read ({error.strerror}).") from None
    except UnicodeDecodeError:
        raise SettingsError(f"{path}: is not UTF-8 text.") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        raise SettingsError(f"{path}{line}: is not valid YAML ({getattr(error, 'problem', error)}).") from None
    if values is None:  # an empty file, or one of comments alone
        return {}
    if not isinstance(values, dict):
        raise SettingsError(f"{path}: expected lines such as 'hidden_size: 256', found {type(values).__name__}.")
    return values
