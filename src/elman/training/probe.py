"""A short measurement of the machine, for ``--threads auto`` and ``--precision auto``.

More threads are not always faster: beside one busy process two threads can take three times as long as
one, because each waits for the other at every step. Nor is bfloat16: it trains an LSTM several times
faster on processors with matrix units for it, and slower on others. So both are measured.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

from elman.settings import AUTO, Auto
from elman.system import available_cores, physical_cores
from elman.timing import interleaved
from elman.training.checkpoint import own_random_numbers
from elman.training.device import check_precision

#: The measured step: an LSTM of this batch size, window and number of features and units.
_BATCH, _WINDOW, _UNITS = 32, 32, 256

#: Floating-point operations of that step: two per multiply-add; backward costs twice forward.
_FLOPS = 2 * 3 * _BATCH * _WINDOW * 4 * _UNITS * (2 * _UNITS)

#: How much faster more threads, or bfloat16, must be to be chosen.
_CLEARLY_FASTER_THREADS, _CLEARLY_FASTER_PRECISION = 1.15, 1.3

_MOST_ROUNDS = 15


@dataclass(frozen=True, slots=True)
class Machine:
    """What a run computes with, and how fast that was on a small LSTM training step.

    Attributes:
        threads: CPU threads.
        precision: "32" or "bf16" (or "fp16", when asked for by name).
        flops: Floating-point operations per second reached (a multiply-add counts two).
        sentences: What was chosen and why, for the reader.
    """

    threads: int
    precision: str
    flops: float
    sentences: tuple[str, ...]


def measure(
    device: torch.device, *, threads: int | Auto = AUTO, precision: str = AUTO, seconds: float = 1.0
) -> Machine:
    """Choose what is left open of ``threads`` and ``precision``, and measure the speed of the result.

    Takes about ``seconds`` for the threads and again for the precision. Sets torch's number of threads;
    leaves its random numbers alone. Raises `SettingsError` for a precision that ``device`` does not have.
    """
    check_precision(device, precision)
    sentences = []
    if threads == AUTO:
        threads, sentence = choose_threads(seconds) if device.type == "cpu" else _threads_beside(device)
        sentences.append(sentence)
    torch.set_num_threads(int(threads))
    if precision == AUTO:
        precision, sentence = choose_precision(device, seconds)
        sentences.append(sentence)
    times = interleaved({precision: _step_on(device, precision)}, seconds / 4, most=_MOST_ROUNDS)
    return Machine(int(threads), precision, _FLOPS / times[precision], tuple(sentences))


def choose_threads(seconds: float = 1.0) -> tuple[int, str]:
    """Time a small LSTM training step with 1, 2, 4, ... threads in turn; return the choice and its reason.

    Fewer threads win unless more are at least 1.15 times as fast. Sets torch's number of threads.
    """
    cores = available_cores()
    counts = sorted({2**power for power in range(cores.bit_length())} | {physical_cores(), cores})
    if len(counts) == 1:
        torch.set_num_threads(1)
        return 1, "Using 1 thread: there is one core to use."
    step = _step_on(torch.device("cpu"), "32")

    def with_threads(count: int) -> Callable[[], None]:
        def run() -> None:
            torch.set_num_threads(count)
            step()

        return run

    durations = interleaved({count: with_threads(count) for count in counts}, seconds, most=_MOST_ROUNDS)
    chosen = _fewest_fast(durations)
    torch.set_num_threads(chosen)
    others = ", ".join(f"{count}: {durations[1] / durations[count]:.2f}x" for count in counts[1:])
    return chosen, f"Using {chosen} thread{'s' * (chosen > 1)} (speed against one thread here and now: {others})."


def _fewest_fast(durations: dict[int, float]) -> int:
    """Return the fewest threads that no larger number beats clearly.

    >>> _fewest_fast({1: 1.0, 2: 0.6, 4: 0.55}), _fewest_fast({1: 1.0, 2: 3.0})
    (2, 1)
    """
    return min(
        count
        for count, duration in durations.items()
        if all(duration < _CLEARLY_FASTER_THREADS * other for more, other in durations.items() if more > count)
    )


def _threads_beside(device: torch.device) -> tuple[int, str]:
    threads = torch.get_num_threads()
    return threads, f"Using {threads} CPU threads beside {device}."


def choose_precision(device: torch.device, seconds: float = 1.0) -> tuple[str, str]:
    """Choose float32 or mixed bfloat16 for ``device``; return ("32" or "bf16", reason).

    A CUDA GPU with bfloat16 takes it. A CPU takes it where an LSTM training step, timed in turn in both, is
    at least 1.3 times as fast with the threads that are set.
    """
    if device.type == "cuda":
        if torch.cuda.is_bf16_supported(including_emulation=False):
            return "bf16", "Using mixed bfloat16, which this GPU has."
        return "32", "Using float32: this GPU has no bfloat16."
    if device.type != "cpu":
        return "32", f"Using float32 on {device}."
    steps = {name: _step_on(device, name) for name in ("32", "bf16")}
    times = interleaved(steps, seconds, most=_MOST_ROUNDS)
    gain = f"{times['32'] / times['bf16']:.1f} times the speed of float32"
    if times["32"] >= _CLEARLY_FASTER_PRECISION * times["bf16"]:
        return "bf16", f"Using mixed bfloat16: it trains at {gain} here."
    return "32", f"Using float32: bfloat16 would train at {gain} here."


def _step_on(device: torch.device, precision: str) -> Callable[[], None]:
    """Return a function that runs one LSTM training step (without an optimiser) and waits for it."""
    types = {"bf16": torch.bfloat16, "fp16": torch.float16}
    with own_random_numbers():
        layer = nn.LSTM(_UNITS, _UNITS, batch_first=True).to(device)
        inputs = torch.randn(_BATCH, _WINDOW, _UNITS, device=device)

    def run() -> None:
        mixed = precision in types
        with torch.autocast(device.type, dtype=types[precision]) if mixed else contextlib.nullcontext():
            outputs, _ = layer(inputs)
        outputs.float().sum().backward()
        layer.zero_grad()
        if device.type == "cuda":
            torch.cuda.synchronize(device)

    return run
