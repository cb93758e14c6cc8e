"""The network from a sequence to another one: an encoder, and a decoder that looks at what the encoder has made."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import NamedTuple, Protocol, final

import torch
from torch import Tensor, nn

from elman.cells.cell import ELAPSED
from elman.errors import DataError
from elman.nn.attention.base import masked_softmax
from elman.nn.call import State
from elman.nn.cross_entropy import linear_cross_entropy
from elman.nn.dropout import LockedDropout, checked
from elman.nn.loops import Looks, LoopOps, Products
from elman.nn.padding import valid_steps, without_padding
from elman.nn.recurrent import Recurrent
from elman.shapes.pairs import DecoderShape, EncoderShape, PairShape

#: Standard deviation of the first embeddings: most symbols are rare, and what little is learnt of each should count.
SMALL_EMBEDDING = 0.1


class Pairs(Protocol):
    """What the network is called with: `elman.data.SequenceBatch`, which says what the parts are."""

    @property
    def inputs(self) -> Tensor:
        """Symbols of the sources, (B, S)."""

    @property
    def lengths(self) -> Tensor | None:
        """Symbols of each source, (B,)."""

    @property
    def targets(self) -> Tensor | None:
        """Symbols of the targets, each ended by the end symbol, (B, T); negative beyond it."""


class Written(NamedTuple):
    """What a decoder makes of targets that it is told.

    Attributes:
        features: From which each symbol is told, (B, T, output_size).
        attention: Where it looked for it, (B, T, S).
    """

    features: Tensor
    attention: Tensor


@final
class Encoder(nn.Module):
    """Symbols to a memory, as `elman.shapes.EncoderShape` describes.

    Args:
        shape: What it is made of.
        shared: Whether the embedding is that of another part, which is given at every call.
        dropout: Share of the features dropped of symbols, between layers and of the memory, in training, for all steps
            of a sequence.
        dropout_words: Share of the symbols that are hidden, in training.
        initial: Scheme for the recurrent weights, see `elman.cells.initialise`.
        backend: ``auto``, ``compiled``, ``torch`` or ``reference``; see `elman.nn.choose`.
    """

    def __init__(
        self,
        shape: EncoderShape,
        *,
        shared: bool = False,
        dropout: float = 0.0,
        dropout_words: float = 0.0,
        initial: str = "memory",
        backend: str = "auto",
    ) -> None:
        super().__init__()
        self.shape = shape
        self.dropout_words = checked("dropout_words", dropout_words)
        if not shared:
            self.embedding = _embedding(shape.symbols, shape.embedding_size)
        self.dropout = LockedDropout(dropout)
        self.recurrent = Recurrent(
            shape.cell,
            shape.embedding_size,
            shape.hidden_sizes,
            bidirectional=shape.bidirectional,
            dropout=dropout,
            locked_dropout=True,
            initial=initial,
            backend=backend,
        )

    def forward(self, symbols: Tensor, lengths: Tensor | None = None, embedding: Tensor | None = None) -> Tensor:
        """The memory (B, S, features) of symbols (B, S); ``embedding`` is the table that is shared."""
        table = self.embedding.weight if embedding is None else embedding
        embedded = _hide(nn.functional.embedding(symbols.T, table), self.dropout_words, self.training)
        outputs, _ = _run(self.recurrent, self.dropout(embedded.transpose(0, 1)), lengths=lengths)
        memory: Tensor = self.dropout(outputs)
        return memory


@final
class Decoder(nn.Module):
    """Writes symbols while it looks at any memory, as `elman.shapes.DecoderShape` describes.

    Args:
        shape: What it is made of.
        dropout: Share of the features dropped of symbols, between layers and of what a symbol is told from, in
            training, for all steps of a sequence.
        dropout_words: Share of the symbols it reads that are hidden, in training.
        initial: Scheme for the recurrent weights, see `elman.cells.initialise`.
        backend: ``auto``, ``compiled``, ``torch`` or ``reference``; see `elman.nn.choose`. With input feeding or
            coverage the lowest layer runs in torch, as it waits for the attention at every step.

    Parameters have the names of `DecoderShape.parameter_shapes`.
    """

    def __init__(
        self,
        shape: DecoderShape,
        *,
        dropout: float = 0.0,
        dropout_words: float = 0.0,
        initial: str = "memory",
        backend: str = "auto",
    ) -> None:
        super().__init__()
        self.shape = shape
        self.dropout_words = checked("dropout_words", dropout_words)
        self.dropout = LockedDropout(dropout)
        self.embedding = _embedding(shape.symbols, shape.embedding_size)
        asking, *upper = shape.layers()
        self.asking = Recurrent(shape.cell, asking.input_size, asking.hidden_size, initial=initial, backend=backend)
        self.upper = None
        if upper:
            self.upper = Recurrent(
                shape.cell,
                shape.attentional_size,
                shape.hidden_sizes[1:],
                dropout=dropout,
                locked_dropout=True,
                initial=initial,
                backend=backend,
            )
        self.first = nn.Linear(shape.memory, sum(shape.first_states.values()))
        self.attention = _Score(shape, asking.output_size)
        self.attentional = nn.Linear(asking.output_size + shape.memory, shape.attentional_size)
        self.output = _Output(shape)

    def forward(self, memory: Tensor, lengths: Tensor | None, targets: Tensor, *, sampling: float = 0.0) -> Written:
        """Read the targets, each symbol after it was told.

        Args:
            memory: (B, S, ``shape.memory``).
            lengths: Valid entries of the memory, (B,), from 1 to S; None: all.
            targets: (B, T) symbols, negative where there is none.
            sampling: Share of the symbols for which the decoder reads what it has drawn itself, in training (scheduled
                sampling: Bengio et al., NIPS 2015). All steps are then taken one by one.

        Raises `DataError` for lengths that do not fit.
        """
        valid = valid_steps(memory, lengths)
        memory = without_padding(memory, valid)
        read = torch.cat([targets.new_full((len(targets), 1), self.shape.end), targets[:, :-1].clamp(min=0)], 1)
        first = self.first_state(memory, lengths)
        drawn = sampling if self.training else 0.0
        if self.shape.step_by_step or drawn:
            return self._step_by_step(memory, valid, read, first, drawn)
        return self._at_once(memory, valid, read, first)

    def loss(self, written: Written, targets: Tensor, *, smoothing: float = 0.0) -> Tensor:
        """The mean cross-entropy of a symbol in nats; ``smoothing`` is spread over all symbols, negative ones not."""
        known = targets >= 0
        return linear_cross_entropy(
            written.features[known], self.table, self.output.bias, targets[known], smoothing=smoothing
        )

    def scores(self, features: Tensor) -> Tensor:
        """Of every symbol, (..., symbols), before softmax."""
        return nn.functional.linear(features, self.table, self.output.bias)

    @property
    def table(self) -> Tensor:
        """The weight of the output layer, (symbols, output_size)."""
        table: Tensor = self.embedding.weight if self.output.weight is None else self.output.weight
        return table

    def first_state(self, memory: Tensor, lengths: Tensor | None) -> State:
        """The state of the lowest layer before the first symbol, of a memory without anything in its padding."""
        entries = memory.shape[1] if lengths is None else lengths.to(memory)[:, None]
        # In the type of the memory, under autocast too: what is added up over the steps keeps it.
        began = torch.tanh(self.first(memory.sum(1) / entries)).to(memory.dtype)
        values = began.chunk(len(self.shape.first_states), 1)
        zeros = {name: memory.new_zeros(len(memory), size) for name, size in self.asking.cells[0].state_sizes.items()}
        return zeros | dict(zip(self.shape.first_states, values, strict=True))

    def _embedded(self, symbols: Tensor) -> Tensor:
        """What is read at each step, (B, T, features), of symbols (B, T)."""
        embedded = _hide(self.embedding(symbols.T), self.dropout_words, self.training)
        dropped: Tensor = self.dropout(embedded.transpose(0, 1))
        return dropped

    def _at_once(self, memory: Tensor, valid: Tensor | None, read: Tensor, first: State) -> Written:
        hidden, _ = _run(self.asking, self._embedded(read), {f"{name}_l0": value for name, value in first.items()})
        keys = self.attention.keys(memory)
        weights = masked_softmax(self.attention.of_all(hidden, keys), valid)
        found = torch.cat([hidden, torch.bmm(weights, memory)], 2)
        features = self.dropout(torch.tanh(self.attentional(found)))
        if self.upper is not None:
            features = self.dropout(_run(self.upper, features)[0])
        return Written(features, weights)

    def _step_by_step(
        self, memory: Tensor, valid: Tensor | None, read: Tensor, state: State, sampling: float
    ) -> Written:
        looks = Looks(self.attention.keys(memory), memory, None if valid is None else ~valid, self.attention.vector)
        cell, params = self.asking.cells[0], _parameters(self.asking)
        output, ops = next(iter(cell.state_sizes)), LoopOps(value for value in params.values() if value.dim() == 2)
        attentional = Products(self.attentional.weight, self.attentional.bias)
        fed = memory.new_zeros(len(memory), self.shape.attentional_size)
        mask = nn.functional.dropout(torch.ones_like(fed), self.dropout.p, self.training)
        seen = memory.new_zeros(memory.shape[:2]) if self.shape.coverage else None
        upper: State | None = None
        features: list[Tensor] = []
        attention: list[Tensor] = []
        for step, x in enumerate(self._embedded(read).unbind(1)):
            if step and sampling:
                x = self._drawn(x, features[-1], sampling)
            x = torch.cat([x, fed], 1) if self.shape.input_feeding else x
            state = cell.step(ops, x, state, params)
            context, weights = looks(self.attention.query_of(state[output]), self.attention.bias_of(seen))
            fed = mask * torch.tanh(attentional(torch.cat([state[output], context], 1)))
            seen = None if seen is None else seen + weights
            attention.append(weights)
            features.append(fed)
            if sampling and self.upper is not None:
                found, upper = _run(self.upper, fed[:, None], upper)
                features[-1] = found[:, 0]
        found = torch.stack(features, 1)
        if self.upper is not None:
            found = self.dropout(found if sampling else _run(self.upper, found)[0])
        return Written(found, torch.stack(attention, 1))

    @torch.no_grad()
    def _drawn(self, x: Tensor, features: Tensor, share: float) -> Tensor:
        """The embedded symbols with some of them drawn from what the decoder would say."""
        drawn = torch.multinomial(self.scores(features).float().softmax(1), 1)[:, 0]
        chosen = torch.rand(len(x), device=x.device) < share
        with torch.enable_grad():
            return torch.where(chosen[:, None], self.embedding(drawn), x)


@final
class PairNetwork(nn.Module):
    """Encoder and decoder, as `elman.shapes.PairShape` describes.

    Args:
        shape: What it is made of.
        dropout: Share of the features dropped, see `Encoder` and `Decoder`.
        dropout_words: Share of the symbols hidden, on both sides.
        initial: Scheme for the recurrent weights, see `elman.cells.initialise`.
        backend: ``auto``, ``compiled``, ``torch`` or ``reference``; see `elman.nn.choose`.

    Parameters have the names of `PairShape.parameter_shapes`.

    First weights: embeddings normal with deviation `SMALL_EMBEDDING`; the weight of coverage zero; all else as its
    layer draws it.

    >>> from elman.data import SequenceBatch
    >>> encoder = EncoderShape(symbols=20, embedding_size=4, cell="gru", hidden_sizes=(8,))
    >>> decoder = DecoderShape(30, 4, "gru", (8,), memory=encoder.features, attentional_size=8)
    >>> batch = SequenceBatch(inputs=torch.zeros(2, 7, dtype=torch.int64), lengths=torch.tensor([7, 3]),
    ...                       targets=torch.tensor([[3, 4, 29], [5, 29, -1]]))
    >>> network = PairNetwork(PairShape(encoder, decoder))
    >>> written = network(batch)
    >>> written.features.shape, written.attention.shape, network.loss(written, batch).shape
    (torch.Size([2, 3, 8]), torch.Size([2, 3, 7]), torch.Size([]))
    """

    def __init__(
        self,
        shape: PairShape,
        *,
        dropout: float = 0.0,
        dropout_words: float = 0.0,
        initial: str = "memory",
        backend: str = "auto",
    ) -> None:
        super().__init__()
        self.shape = shape
        self.decoder = Decoder(
            shape.decoder, dropout=dropout, dropout_words=dropout_words, initial=initial, backend=backend
        )
        self.encoder = Encoder(
            shape.encoder,
            shared=shape.shared,
            dropout=dropout,
            dropout_words=dropout_words,
            initial=initial,
            backend=backend,
        )

    def forward(self, batch: Pairs, *, sampling: float = 0.0) -> Written:
        """What the decoder makes of the targets of a batch; ``sampling`` as for `Decoder.forward`."""
        table = self.decoder.embedding.weight if self.shape.shared else None
        memory = self.encoder(batch.inputs, batch.lengths, table)
        written: Written = self.decoder(memory, batch.lengths, _targets(batch), sampling=sampling)
        return written

    def loss(self, written: Written, batch: Pairs, *, smoothing: float = 0.0) -> Tensor:
        """The mean cross-entropy of a symbol of the targets, in nats; see `Decoder.loss`."""
        return self.decoder.loss(written, _targets(batch), smoothing=smoothing)


class _Score(nn.Module):
    """What the score of `elman.shapes.DecoderShape` learns."""

    def __init__(self, shape: DecoderShape, hidden: int) -> None:
        super().__init__()
        additive = shape.attention == "additive"
        self.key = None if shape.attention == "dot" else nn.Linear(shape.memory, hidden, bias=additive)
        self.query = nn.Linear(hidden, hidden, bias=False) if additive else None
        self.score = nn.Linear(hidden, 1, bias=False) if additive else None
        self.coverage = nn.Parameter(torch.zeros(1)) if shape.coverage else None

    def keys(self, memory: Tensor) -> Tensor:
        """What queries are compared with."""
        return memory if self.key is None else self.key(memory)

    def query_of(self, hidden: Tensor) -> Tensor:
        """What is compared with keys."""
        return hidden if self.query is None else self.query(hidden)

    def bias_of(self, seen: Tensor | None) -> Tensor | None:
        """What is added to the scores for how much was looked at before."""
        return None if seen is None or self.coverage is None else seen * self.coverage

    @property
    def vector(self) -> Tensor | None:
        """Of the additive score."""
        return None if self.score is None else self.score.weight[0]

    def of_all(self, hidden: Tensor, keys: Tensor) -> Tensor:
        """Scores (B, T, S) of h (B, T, ...), without coverage."""
        query = self.query_of(hidden)
        if self.vector is None:
            return torch.bmm(query, keys.transpose(1, 2))
        return torch.tanh(query[:, :, None] + keys[:, None]) @ self.vector


class _Output(nn.Module):
    """The weights of the output layer."""

    weight: nn.Parameter | None

    def __init__(self, shape: DecoderShape) -> None:
        super().__init__()
        bound = shape.output_size**-0.5
        weight = None
        if not shape.tied:
            weight = nn.Parameter(torch.empty(shape.symbols, shape.output_size).uniform_(-bound, bound))
        self.register_parameter("weight", weight)
        self.bias = nn.Parameter(torch.zeros(shape.symbols))


def _embedding(symbols: int, size: int) -> nn.Embedding:
    embedding = nn.Embedding(symbols, size)
    nn.init.normal_(embedding.weight, std=SMALL_EMBEDDING)
    return embedding


def _hide(embedded: Tensor, share: float, training: bool) -> Tensor:
    """Hide a share of the symbols (T, B, features); those that are seen keep their size."""
    if not (training and share):
        return embedded
    return embedded * (torch.rand(*embedded.shape[:2], 1, device=embedded.device) >= share)


def _run(
    layer: Recurrent, inputs: Tensor, state: Mapping[str, Tensor] | None = None, *, lengths: Tensor | None = None
) -> tuple[Tensor, State]:
    """Outputs and state of recurrent layers, on a CPU in the type of their weights.

    Autocast would take torch's kernels, whose gradients in bfloat16 are slower there than machine code in float32.
    """
    cpu = inputs.device.type == "cpu"
    if cpu and torch.is_autocast_enabled("cpu"):
        weight = next(layer.parameters())
        inputs = inputs.to(weight.dtype)
        state = None if state is None else {name: value.to(weight.dtype) for name, value in state.items()}
    with torch.autocast(inputs.device.type, enabled=False) if cpu else contextlib.nullcontext():
        outputs, after, *_ = layer(inputs, state, lengths=lengths)
    return outputs, after


def _parameters(layer: Recurrent) -> Mapping[str, Tensor]:
    """Parameters of a layer's only cell as `Cell.step` takes them, and the time between steps."""
    params = {name: getattr(layer, f"{name}_l0") for name in layer.cells[0].parameters()}
    if ELAPSED in layer.cells[0].extras:
        params[ELAPSED] = next(iter(params.values())).new_ones(1, 1)
    return params


def _targets(batch: Pairs) -> Tensor:
    if batch.targets is None:
        raise DataError("A decoder learns from targets, found none in the batch.")
    return batch.targets
