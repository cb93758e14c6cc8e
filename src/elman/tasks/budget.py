"""Turns every 'auto' of the settings into a number, from the amount of data, the time and the machine.

The rules are few and written down so that they can be argued with; the results page shows what they reach.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from elman.settings import AUTO, LanguageModelSettings, flat, update
from elman.training.probe import Machine

#: Without any limit a run reads about so many symbols: minutes on two cores.
DEFAULT_SYMBOLS = 12_000_000

#: Weights worth training per root of the arithmetic (FLOP) there is for them. That the best size grows with the root
#: of the arithmetic is from transformers (Hoffmann et al. 2022); the constant is from LSTM runs of 1 to 20 minutes.
WEIGHTS_PER_ROOT_FLOP = 0.107

#: AdamW's best peak learning rate falls as layers grow: 0.006 at 256 units, 0.003 at 512.
LEARNING_RATE_TIMES_UNITS = 1.5
LARGEST_LEARNING_RATE = 0.008

#: Training costs about so many FLOP per weight and symbol: 2 forward, 4 backward.
FLOP_PER_WEIGHT = 6

#: Symbols are few (characters, bytes) or many (words, pieces): the softmax is a trifle or most of the work.
MANY_SYMBOLS = 1_000


@dataclass(frozen=True)
class Task:
    """What the rules go by.

    Attributes:
        symbols: In the training text.
        vocabulary: Distinct symbols.
        machine: Threads, precision and speed that were measured.
    """

    symbols: int
    vocabulary: int
    machine: Machine

    @property
    def many(self) -> bool:
        """Whether there are many distinct symbols."""
        return self.vocabulary > MANY_SYMBOLS


def resolve(settings: LanguageModelSettings, task: Task) -> LanguageModelSettings:
    """Return ``settings`` with every 'auto' replaced; what was given stays as it is."""
    chosen = flat(settings)
    if chosen["epochs"] is None and chosen["steps"] is None and chosen["max_time"] is None:
        chosen["epochs"] = max(1, min(40, round(DEFAULT_SYMBOLS / task.symbols)))
    chosen |= {"threads": task.machine.threads, "precision": task.machine.precision}
    _fill(chosen, batch_size=min(32, max(1, task.symbols // 2_000)), window=35 if task.many else 64)
    _fill(chosen, tie_weights=task.many, num_layers=2 if task.many else 1)
    _fill(chosen, hidden_size=_hidden_size(_arithmetic(chosen, task), chosen["num_layers"], task))
    _fill(chosen, embedding_size=chosen["hidden_size"] if task.many else min(chosen["hidden_size"], 256))
    if chosen["optimizer"] == "adamw":
        _fill(chosen, learning_rate=min(LARGEST_LEARNING_RATE, LEARNING_RATE_TIMES_UNITS / chosen["hidden_size"]))
    _fill(chosen, dropout=_dropout(_passes(chosen, task), task))
    _fill(chosen, dropout_input=chosen["dropout"] if task.many else _dropout_input(chosen["dropout"]))
    return update(settings, {name: value for name, value in chosen.items() if value is not None}, "budget")


def _fill(chosen: dict[str, Any], **values: Any) -> None:
    chosen |= {name: value for name, value in values.items() if chosen[name] == AUTO}


def _symbols_read(chosen: dict[str, Any], task: Task) -> float:
    """Symbols that the run may read before it reaches its limit of epochs or steps; infinite without one."""
    by_epochs = math.inf if chosen["epochs"] is None else float(chosen["epochs"] * task.symbols)
    by_steps = math.inf if chosen["steps"] is None else float(chosen["steps"] * chosen["batch_size"] * chosen["window"])
    return min(by_epochs, by_steps)


def _arithmetic(chosen: dict[str, Any], task: Task) -> float:
    """FLOP that the run may spend: what the machine does in its time, or what suits the symbols it will read."""
    # Weights in proportion to the root of FLOP_PER_WEIGHT * weights * symbols, solved for the FLOP.
    by_symbols = (FLOP_PER_WEIGHT * WEIGHTS_PER_ROOT_FLOP * _symbols_read(chosen, task)) ** 2
    by_time = math.inf if chosen["max_time"] is None else task.machine.flops * float(chosen["max_time"])
    return min(by_symbols, by_time)


def _hidden_size(flop: float, layers: int, task: Task) -> int:
    """Units, a multiple of 64, that make the weights the arithmetic is worth: 8 h^2 a layer, and a large softmax.

    A word's own row of the softmax is seldom trained, so those rows count half.
    """
    weights = WEIGHTS_PER_ROOT_FLOP * math.sqrt(flop)
    a, b = 8 * layers, task.vocabulary / 2 if task.many else 0
    units = (-b + math.sqrt(b * b + 4 * a * weights)) / (2 * a)
    return int(min(1024, max(64, 64 * round(units / 64))))


def _passes(chosen: dict[str, Any], task: Task) -> float:
    """How often the run will read the training text."""
    hidden = int(chosen["hidden_size"])
    weights = 8 * hidden**2 * int(chosen["num_layers"]) + task.vocabulary * hidden
    by_time = _arithmetic({**chosen, "epochs": None, "steps": None}, task) / (FLOP_PER_WEIGHT * weights)
    return min(_symbols_read(chosen, task), by_time) / task.symbols


def _dropout(passes: float, task: Task) -> float:
    """None where the text is read a few times; the more often it is read, the more.

    With few symbols a fifth for every doubling beyond 7.5 passes, so a half from 42 on. Zaremba et al. (2014) come to
    much the same: none for 13 passes over a text of a million words, 0.5 for 39, 0.65 for 55.
    """
    if task.many:
        return round(min(0.5, max(0.0, 0.2 + 0.1 * math.log2(max(passes, 1) / 2))), 2)
    return round(min(0.5, max(0.0, 0.2 * math.log2(max(passes, 1) / 7.5))), 2)


def _dropout_input(dropout: float) -> float:
    """For few symbols: what goes beyond a quarter.

    In 38 passes over 200,000 characters of Shakespeare, 256 units came to 1.574 nats with 0.5 and 0.2 at the input, to
    1.591 with 0.5 alone and to 1.599 with 0.28 alone (one seed).
    """
    return round(max(0.0, dropout - 0.25), 2)
