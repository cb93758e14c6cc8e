"""Feed-forward language model over a fixed window of symbols (Bengio et al. 2003), in torch."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from elman.errors import DataError, SettingsError

# Chosen, with the sizes below, on characters of tinyshakespeare for the best held-out score after half a minute.
BATCH = 512
PEAK_LEARNING_RATE = 1e-2
WEIGHT_DECAY = 0.1


@final
class WindowNetwork(nn.Module):
    """The ``context`` symbols before, embedded side by side, a hidden layer, a softmax over the next symbol.

        logits = W relu(H [e(x_{t-1}), ..., e(x_{t-context})] + b) + c

    All it can know lies in the window: what came earlier is forgotten. Before the start of a document stands
    a special symbol. Over ids ``0 .. vocabulary - 1``.
    """

    def __init__(self, vocabulary: int, context: int = 6, embedding_size: int = 32, hidden_size: int = 1024) -> None:
        super().__init__()
        self.vocabulary = vocabulary
        self.context = context
        self.embedding = nn.Embedding(vocabulary + 1, embedding_size)
        self.hidden = nn.Linear(context * embedding_size, hidden_size)
        self.softmax = nn.Linear(hidden_size, vocabulary)

    def forward(self, before: Tensor) -> Tensor:
        """Return the logits (B, vocabulary) after windows (B, context) of ids, the newest first."""
        logits: Tensor = self.softmax(torch.relu(self.hidden(self.embedding(before).flatten(1))))
        return logits

    def fit(
        self,
        documents: Sequence[NDArray[Any]],
        *,
        seconds: float | None = None,
        steps: int | None = None,
        seed: int = 0,
    ) -> WindowNetwork:
        """Train from fresh weights for so many seconds or steps, whichever ends first, and return the network itself.

        AdamW on windows drawn at random, the learning rate falling linearly to zero. With ``steps`` alone the result
        depends on ``seed`` only.
        """
        if seconds is None and steps is None:
            raise SettingsError("the window network needs seconds or steps to know how long to train.")
        text, here = self._with_boundaries(documents)
        generator = torch.Generator().manual_seed(seed)
        self._initialise(generator)
        optimizer = torch.optim.AdamW(self.parameters(), betas=(0.9, 0.99), weight_decay=WEIGHT_DECAY)
        began, step, progress = time.monotonic(), 0, 0.0
        while progress < 1:
            places = here[torch.randint(len(here), (BATCH,), generator=generator)]
            loss = nn.functional.cross_entropy(self(self._windows(text, places)), text[places])
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.param_groups[0]["lr"] = PEAK_LEARNING_RATE * (1 - progress)
            optimizer.step()
            step += 1
            by_time = (time.monotonic() - began) / seconds if seconds else 0.0
            progress = max(by_time, step / steps if steps else 0.0)
        return self

    @torch.no_grad()
    def nats(self, documents: Sequence[NDArray[Any]]) -> tuple[float, int]:
        """Return the sum of -ln p over every symbol but the first of each document, and how many these are."""
        text, here = self._with_boundaries(documents)
        here = here[text[here - 1] != self.vocabulary]
        total = 0.0
        for places in torch.split(here, 4096):
            logits = self(self._windows(text, places))
            total += float(nn.functional.cross_entropy(logits.double(), text[places], reduction="sum"))
        return total, len(here)

    def _initialise(self, generator: torch.Generator) -> None:
        nn.init.normal_(self.embedding.weight, generator=generator)
        for layer in (self.hidden, self.softmax):
            nn.init.kaiming_uniform_(layer.weight, nonlinearity="relu", generator=generator)
            nn.init.zeros_(layer.bias)

    def _with_boundaries(self, documents: Sequence[NDArray[Any]]) -> tuple[Tensor, Tensor]:
        """Return the documents, special symbols before each, and the places of their own symbols."""
        boundary = np.full(self.context, self.vocabulary, dtype=np.int64)
        pieces = [piece for document in documents for piece in (boundary, np.asarray(document, dtype=np.int64))]
        text = torch.from_numpy(np.concatenate(pieces or [boundary]))
        here = (text != self.vocabulary).nonzero().flatten()
        if not len(here):
            raise DataError("expected a text for the window network, found no symbol. Give more text.")
        return text, here

    def _windows(self, text: Tensor, places: Tensor) -> Tensor:
        return text[places[:, None] - torch.arange(1, self.context + 1)]
