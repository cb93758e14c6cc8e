"""How a network is trained; the same for every task."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from elman.settings.machinery import AUTO, Auto, Duration, option

LARGEST_SEED = 2**63 - 1


@dataclass(frozen=True, kw_only=True)
class TrainingSettings:
    """How a network is trained; the same for every task."""

    epochs: int | None = option(None, "Passes over the training data.", at_least=1)
    steps: int | None = option(None, "Optimiser steps; the run ends at the first limit that it reaches.", at_least=1)
    max_time: Duration | None = option(None, "Time to train, such as 90s or 20m; schedules end with it.", at_least=1)
    batch_size: int | Auto = option(AUTO, "Sequences, or parallel streams of text, per step; auto chooses.", at_least=1)
    window: int | Auto = option(
        AUTO,
        "Steps of truncated backpropagation through time; of sequences with labels, of the random piece of each that "
        "a pass reads; auto chooses.",
        at_least=1,
    )
    optimizer: Literal["adamw", "sgd", "adagrad", "nt-asgd"] = option("adamw", "Optimiser.")
    learning_rate: float | Auto = option(AUTO, "Peak learning rate; auto takes the optimiser's own.", at_least=0)
    schedule: Literal["cosine", "one-cycle", "plateau", "constant"] = option(
        "cosine", "Course of the learning rate: warm-up then cosine, one-cycle, halved on a plateau, or constant."
    )
    warmup: float = option(0.05, "Share of the run in which the learning rate rises.", at_least=0, at_most=1)
    final_learning_rate: float = option(
        0.01, "Learning rate at the end, as a share of the peak.", at_least=0, at_most=1
    )
    weight_decay: float | Auto = option(
        AUTO,
        "Weight decay (decoupled for AdamW); auto takes 0.01 for AdamW, 1.2e-6 for NT-ASGD and else 0.",
        at_least=0,
    )
    momentum: float = option(0.0, "Momentum of SGD.", at_least=0, at_most=0.9999)
    clip_norm: float = option(1.0, "Largest norm of the whole gradient; 0 leaves it alone.", at_least=0)
    activation_regularisation: float = option(
        0.0, "AR: weight of the mean squared output of the last layer.", at_least=0
    )
    temporal_regularisation: float = option(
        0.0, "TAR: weight of the mean squared change of that output per step.", at_least=0
    )
    patience: int = option(
        0, "Stop after so many held-out scores without a better one; 0 never stops early.", at_least=0
    )
    evaluate_every: int | None = option(None, "Steps between held-out scores, besides one an epoch.", at_least=1)
    checkpoint_every: Duration = option(Duration(300), "Longest time between two checkpoints.", at_least=0)
    precision: Literal["auto", "32", "bf16", "fp16"] = option(
        "auto", "Arithmetic of training: float32, or mixed with bfloat16 or float16; auto measures what is faster."
    )
    seed: int = option(0, "Seed of everything random.", at_least=0, at_most=LARGEST_SEED)
    device: str = option("cpu", "Where to train: cpu, cuda, cuda:1, mps or auto.")
    threads: int | Auto = option(AUTO, "CPU threads; auto chooses by a one-second probe.", at_least=1, at_most=1024)
