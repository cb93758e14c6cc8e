"""The network of a language model: embedding, recurrent layers, softmax over the symbols."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, final

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from elman.errors import SettingsError
from elman.nn.call import State
from elman.nn.cross_entropy import linear_cross_entropy
from elman.nn.dropout import LockedDropout, checked, drop_words
from elman.nn.recurrent import Recurrent


class Features(NamedTuple):
    """What the network makes of a window, before the softmax.

    Attributes:
        state: The recurrent state after the window.
        raw: Outputs of the last layer before dropout, (batch, time, features), for TAR.
        dropped: The same after dropout, for AR.
    """

    state: State
    raw: Tensor
    dropped: Tensor


class Output(NamedTuple):
    """What the network says about a window: `Features` and, before them, the scores of every symbol.

    Attributes:
        logits: Unnormalised log-probabilities of the next symbol, (batch, time, vocabulary).
        state: As in `Features`.
        raw: As in `Features`.
        dropped: As in `Features`.
    """

    logits: Tensor
    state: State
    raw: Tensor
    dropped: Tensor


@final
class LanguageModelNetwork(nn.Module):
    """Predict the next symbol at every step: embed, recur, score.

    Args:
        vocabulary: Number of symbols.
        cell: Name of the recurrent cell.
        embedding_size: Features per symbol.
        hidden_sizes: Units of every recurrent layer.
        tie_weights: Score with the embedding itself (Press & Wolf, EACL 2017; Inan et al., ICLR 2017); there
            is no projection between, so the last layer's output must have ``embedding_size`` features.
        dropout: Locked dropout between layers and before the softmax.
        dropout_input: Locked dropout on the embedded input.
        dropout_words: Share of the vocabulary whose embedding is dropped per call.
        weight_drop: Share of the recurrent weights dropped per call.
        learn_initial_state: Learn the state before the first symbol.
        initial: Scheme for the recurrent weights, see `elman.cells.initialise`.
        memory: Expected length of dependencies in symbols; 0 leaves it open.
        backend: ``auto``, ``compiled``, ``torch`` or ``reference``; see `elman.nn.choose`.

    Parameters: ``embedding.weight`` (vocabulary, embedding_size); ``recurrent.*`` as in `Recurrent`;
    ``softmax.weight`` (vocabulary, features), absent when tied; ``softmax.bias`` (vocabulary,).

    First weights: the recurrent ones by ``initial`` (orthogonal, with an open forget gate). The embedding is
    standard normal, which puts the gates' inputs at unit variance; a tied one is uniform in (-0.1, 0.1), as the
    softmax needs small logits to begin with (Merity, Keskar & Socher, ICLR 2018). The softmax is uniform in
    (-1/sqrt(F), 1/sqrt(F)) over F features, its bias zero, so that the first guess is near uniform.

    Raises `SettingsError` when the sizes of tied weights differ.
    """

    def __init__(
        self,
        vocabulary: int,
        *,
        cell: str = "lstm",
        embedding_size: int,
        hidden_sizes: Sequence[int],
        tie_weights: bool = False,
        dropout: float = 0.0,
        dropout_input: float = 0.0,
        dropout_words: float = 0.0,
        weight_drop: float = 0.0,
        learn_initial_state: bool = False,
        initial: str = "memory",
        memory: int = 0,
        backend: str = "auto",
    ) -> None:
        super().__init__()
        self.dropout_words = checked("dropout_words", dropout_words)
        self.embedding = nn.Embedding(vocabulary, embedding_size)
        self.input_dropout = LockedDropout(dropout_input)
        self.recurrent = Recurrent(
            cell,
            embedding_size,
            hidden_sizes,
            dropout=dropout,
            locked_dropout=True,
            weight_drop=weight_drop,
            learn_initial_state=learn_initial_state,
            initial=initial,
            memory=memory,
            backend=backend,
        )
        if tie_weights and self.recurrent.output_size != embedding_size:
            raise SettingsError(
                f"tie_weights needs a last layer of embedding_size {embedding_size}, not {self.recurrent.output_size}: "
                "make the two equal or leave the weights untied."
            )
        self.output_dropout = LockedDropout(dropout)
        self.softmax = Softmax(self.recurrent.output_size, vocabulary, own_weight=not tie_weights)
        if tie_weights:
            nn.init.uniform_(self.embedding.weight, -0.1, 0.1)

    def forward(
        self, ids: Tensor, state: Mapping[str, Tensor] | None = None, *, resets: Tensor | None = None
    ) -> Output:
        """Score the symbol after each of ``ids`` (batch, time) int64.

        ``state`` is what an earlier window returned; ``resets`` (batch, time) bool marks the first symbols of
        documents, where the state goes back to the initial one. Raises `DataError` for shapes that do not fit.
        """
        features = self.read(ids, state, resets=resets)
        return Output(self.softmax(features.dropped, self.embedding.weight), *features)

    def read(self, ids: Tensor, state: Mapping[str, Tensor] | None = None, *, resets: Tensor | None = None) -> Features:
        """Everything before the softmax; arguments as for `forward`."""
        # Laid out time by time, as the recurrent kernels want it: nothing is copied on the way to them and back.
        embedded = self.embedding(ids.T).transpose(0, 1)
        embedded = drop_words(embedded, ids, self.embedding.num_embeddings, self.dropout_words, self.training)
        raw, after = self.recurrent(self.input_dropout(embedded), state, resets=resets)
        return Features(after, raw, self.output_dropout(raw))

    def loss(self, features: Features, targets: Tensor) -> Tensor:
        """Mean cross-entropy, in nats, of ``targets`` (batch, time) after what was read; negative ones do not count."""
        return self.softmax.loss(features.dropped, self.embedding.weight, targets)


@final
class Softmax(nn.Module):
    """Scores of every symbol: ``features @ weight.T + bias``, with its own weight or a tied one."""

    weight: nn.Parameter | None

    def __init__(self, features: int, vocabulary: int, *, own_weight: bool) -> None:
        super().__init__()
        bound = features**-0.5
        weight = nn.Parameter(torch.empty(vocabulary, features).uniform_(-bound, bound)) if own_weight else None
        self.register_parameter("weight", weight)
        self.bias = nn.Parameter(torch.zeros(vocabulary))

    def forward(self, features: Tensor, tied: Tensor) -> Tensor:
        """Logits (..., vocabulary); ``tied`` stands in where there is no weight of its own."""
        # Contiguous features let the product and the bias go in one pass over the logits.
        return F.linear(features.contiguous(), tied if self.weight is None else self.weight, self.bias)

    def loss(self, features: Tensor, tied: Tensor, targets: Tensor) -> Tensor:
        """Mean cross-entropy of ``targets`` (B, T) after ``features`` (B, T, F); negative targets do not count."""
        weight = tied if self.weight is None else self.weight
        rows = features.transpose(0, 1).flatten(0, 1)
        return linear_cross_entropy(rows, weight, self.bias, targets.T.flatten())
