"""Optimisers: AdamW, SGD and AdaGrad from torch, and the weight average that makes NT-ASGD of SGD."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from elman.settings import AUTO, TrainingSettings

#: Peak learning rate that ``auto`` takes.
LEARNING_RATES = {"adamw": 2e-3, "sgd": 1.0, "adagrad": 0.05, "nt-asgd": 10.0}

#: Weight decay that ``auto`` takes; that of NT-ASGD is the one of Merity et al. 2017.
WEIGHT_DECAYS = {"adamw": 0.01, "sgd": 0.0, "adagrad": 0.0, "nt-asgd": 1.2e-6}


def learning_rate(settings: TrainingSettings) -> float:
    """Peak learning rate of a run.

    >>> learning_rate(TrainingSettings(optimizer="sgd"))
    1.0
    """
    return LEARNING_RATES[settings.optimizer] if settings.learning_rate == AUTO else float(settings.learning_rate)


def weight_decay(settings: TrainingSettings) -> float:
    """Weight decay of a run.

    >>> weight_decay(TrainingSettings(optimizer="adamw"))
    0.01
    """
    return WEIGHT_DECAYS[settings.optimizer] if settings.weight_decay == AUTO else float(settings.weight_decay)


def parameter_groups(module: nn.Module, decay: float) -> list[dict[str, Any]]:
    """Parameters of ``module`` that learn, those that decay apart from those that do not.

    Matrices decay. Biases, gains and initial states do not: they are few, and zero is no better a value for
    them than another. Embeddings do not either: rows of rare symbols would shrink whenever they are absent.
    An embedding tied to the softmax counts as an embedding.
    """
    tables = (nn.Embedding, nn.EmbeddingBag)
    embeddings = {id(p) for part in module.modules() if isinstance(part, tables) for p in part.parameters()}
    learning = [parameter for parameter in module.parameters() if parameter.requires_grad]
    decaying = [p for p in learning if p.ndim >= 2 and id(p) not in embeddings]
    chosen = {id(p) for p in decaying}
    rest = [p for p in learning if id(p) not in chosen]
    groups = [{"params": decaying, "weight_decay": decay}, {"params": rest, "weight_decay": 0.0}]
    return [group for group in groups if group["params"]]


def make_optimizer(module: nn.Module, settings: TrainingSettings, *, fused: bool = True) -> torch.optim.Optimizer:
    """Return the optimiser of ``settings`` over the parameters of ``module``.

    AdamW (Loshchilov & Hutter 2019) decays as in `parameter_groups`; SGD and AdaGrad add ``weight_decay``
    times the weight to every gradient, as the papers that use them do. NT-ASGD is plain SGD here; the average
    belongs to `WeightAverage`. ``fused`` runs one kernel per step where torch has one; float16 scaling needs
    False.
    """
    rate, decay = learning_rate(settings), weight_decay(settings)
    if settings.optimizer == "adamw":
        return torch.optim.AdamW(parameter_groups(module, decay), lr=rate, fused=fused)
    learning = [parameter for parameter in module.parameters() if parameter.requires_grad]
    if settings.optimizer == "adagrad":
        on_cpu = all(parameter.device.type == "cpu" for parameter in learning)  # torch fuses AdaGrad there only
        return torch.optim.Adagrad(learning, lr=rate, weight_decay=decay, fused=fused and on_cpu)
    return torch.optim.SGD(learning, lr=rate, momentum=settings.momentum, weight_decay=decay, fused=fused)


def averaging_starts(scores: Sequence[float], interval: int = 5) -> bool:
    """Whether NT-ASGD begins to average after the last of ``scores`` (Merity et al. 2017, algorithm 1).

    It does once the last score is worse than the best of those ``interval`` or more scores before it. The
    rule is not monotone: a short rise does not start it.

    >>> averaging_starts([4, 3, 3.1, 3.2, 3.1, 3.2, 3.1, 3.2]), averaging_starts([4, 3, 3.1, 3.2, 3.1])
    (True, False)
    """
    *earlier, last = scores
    return len(earlier) > interval and last > min(earlier[:-interval])


class WeightAverage:
    """Running mean of parameters over steps: n updates after `start`, it is (w_1 + ... + w_n) / n."""

    def __init__(self, module: nn.Module) -> None:
        self._parameters: list[Tensor] = [parameter for parameter in module.parameters() if parameter.requires_grad]
        self._averages: list[Tensor] = []
        self._count = 0
        self._started = False

    @property
    def started(self) -> bool:
        """Whether `start` was called."""
        return self._started

    def start(self) -> None:
        """Let every later `update` count."""
        self._started = True

    @torch.no_grad()
    def update(self) -> None:
        """Take in the parameters as they are now; before `start` do nothing."""
        if not self._started:
            return
        self._count += 1
        if self._count == 1:
            self._averages = [parameter.detach().clone() for parameter in self._parameters]
        else:
            torch._foreach_lerp_(self._averages, self._parameters, 1 / self._count)

    @contextlib.contextmanager
    def applied(self) -> Iterator[None]:
        """Put the average in the place of the parameters inside the block; without an average do nothing."""
        self._swap()
        try:
            yield
        finally:
            self._swap()

    @torch.no_grad()
    def keep(self) -> None:
        """Put the average in the place of the parameters for good; without an average do nothing."""
        for parameter, average in zip(self._parameters, self._averages, strict=False):
            parameter.copy_(average)

    @torch.no_grad()
    def _swap(self) -> None:
        for parameter, average in zip(self._parameters, self._averages, strict=False):
            kept = parameter.detach().clone()
            parameter.copy_(average)
            average.copy_(kept)

    def state_dict(self) -> dict[str, Any]:
        """Everything that `load_state_dict` needs to go on."""
        return {"started": self._started, "count": self._count, "averages": self._averages}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from what `state_dict` returned."""
        self._started, self._count = state["started"], state["count"]
        pairs = zip(state["averages"], self._parameters, strict=False)
        self._averages = [average.to(parameter.device) for average, parameter in pairs]
