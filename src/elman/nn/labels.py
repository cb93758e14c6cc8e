"""The network from sequences to labels: encoder, recurrent layers, pooling over time, head."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, final

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from elman.cells.cell import ELAPSED
from elman.errors import DataError, SettingsError
from elman.nn.dropout import LockedDropout, checked
from elman.nn.heads import CRFHead, CTCHead
from elman.nn.normed import NormedConv1d
from elman.nn.padding import valid_steps, without_padding
from elman.nn.planes import plane_layers, through_planes
from elman.nn.pooling import AttentionPool
from elman.nn.recurrent import Recurrent
from elman.shapes import ATTENTION_SIZE, Convolution, LabelShape

#: Symbols from which an embedding begins small: most are rare, and what little is learnt of each should count.
MANY_SYMBOLS = 256

#: Standard deviation of the first embedding of one of many symbols.
SMALL_EMBEDDING = 0.1


class Sequences(Protocol):
    """What the network is called with: `elman.data.SequenceBatch`, which says what the parts are."""

    @property
    def inputs(self) -> Tensor:
        """Symbols (B, T, fields), or frames (B, T, ...)."""

    @property
    def lengths(self) -> Tensor | None:
        """Valid steps of each row."""

    @property
    def elapsed(self) -> Tensor | None:
        """The time since the step before, (B, T)."""

    @property
    def targets(self) -> Tensor | None:
        """What is to be learnt; see `LabelNetwork.loss`."""

    @property
    def weights(self) -> Tensor | None:
        """How much a row counts, (B,)."""

    @property
    def static(self) -> Tensor | None:
        """The bag of features, (B, bag), dense or sparse."""


@final
class LabelNetwork(nn.Module):
    """Scores of a whole sequence, or of its every step, as `elman.shapes.LabelShape` describes.

    Args:
        shape: What it is made of.
        dropout: Share dropped between the layers and before the head, in training.
        dropout_input: Share of the features dropped, for all steps of a sequence, that the first layer reads.
        dropout_words: Share of the steps that are hidden, in training.
        weight_drop: Share of the recurrent weights dropped per call.
        initial: Scheme for the recurrent weights, see `elman.cells.initialise`.
        memory: Expected length of dependencies in steps; 0 leaves it open.
        normed: Whether planes and convolutions are normalised while they learn, see `elman.nn.normed`.
        backend: ``auto``, ``compiled``, ``torch`` or ``reference``; see `elman.nn.choose`.
        encoder: A module of one's own that makes ``shape.encoder`` features (n, features) of frames: (n, channels,
            height, width), or (n, features) where they are no pixels. It is trained along unless its parameters need
            no gradients.

    Parameters have the names of `LabelShape.parameter_shapes`.

    First weights: embeddings normal, of deviation 1 for few symbols and `SMALL_EMBEDDING` for many; those of the
    bag zero; all else as its layer draws it.

    >>> from elman.data import SequenceBatch
    >>> shape = LabelShape("softmax", 3, "gru", (8,), symbols=(20,), embedding_sizes=(4,), pooling=("mean", "last"))
    >>> batch = SequenceBatch(inputs=torch.zeros(2, 7, 1, dtype=torch.int64), lengths=torch.tensor([7, 3]))
    >>> LabelNetwork(shape)(batch).shape
    torch.Size([2, 3])
    """

    def __init__(
        self,
        shape: LabelShape,
        *,
        dropout: float = 0.0,
        dropout_input: float = 0.0,
        dropout_words: float = 0.0,
        weight_drop: float = 0.0,
        initial: str = "memory",
        memory: int = 0,
        normed: bool = False,
        backend: str = "auto",
        encoder: nn.Module | None = None,
    ) -> None:
        super().__init__()
        if bool(shape.encoder) != (encoder is not None):
            raise SettingsError(
                f"The shape of the network has {shape.encoder} features of an encoder of one's own: "
                f"{'give it as encoder' if shape.encoder else 'leave encoder out'}."
            )
        self.shape = shape
        self.encoder = encoder
        self.dropout_words = checked("dropout_words", dropout_words)
        sizes = zip(shape.symbols, shape.embedding_sizes, strict=True)
        self.embedding = nn.ModuleList(nn.Embedding(symbols, size) for symbols, size in sizes)
        self.frames = nn.ModuleList()
        channels = shape.frame[-1] if shape.frame else 0
        for each in shape.frame_convolutions:
            self.frames.append(nn.Conv2d(channels, each.channels, each.width, each.stride, each.width // 2))
            channels = each.channels
        self.planes = plane_layers(shape.planes, normed)
        self.convolutions = nn.ModuleList()
        channels = shape.step_size
        for each in shape.convolutions:
            kind = NormedConv1d if normed else nn.Conv1d
            self.convolutions.append(kind(channels, each.channels, each.width, each.stride))
            channels = each.channels
        self.input_dropout = LockedDropout(dropout_input)
        self.recurrent = Recurrent(
            shape.cell,
            channels,
            shape.hidden_sizes,
            bidirectional=shape.bidirectional,
            dropout=dropout,
            locked_dropout=True,
            weight_drop=weight_drop,
            initial=initial,
            memory=memory,
            backend=backend,
        )
        self.output_dropout = LockedDropout(dropout) if not shape.pooling else nn.Dropout(checked("dropout", dropout))
        if "attention" in shape.pooling:
            self.attention = AttentionPool(shape.features, ATTENTION_SIZE)
        features = shape.features * max(1, len(shape.pooling))
        self.head = _head(shape, features)
        self.bag = nn.Linear(shape.bag, shape.outputs) if shape.bag else None
        self._first_weights()

    def _first_weights(self) -> None:
        for embedding in self.embedding:
            if isinstance(embedding, nn.Embedding) and embedding.num_embeddings > MANY_SYMBOLS:
                nn.init.normal_(embedding.weight, std=SMALL_EMBEDDING)
        if self.bag is not None:
            nn.init.zeros_(self.bag.weight)
            nn.init.zeros_(self.bag.bias)

    def forward(self, batch: Sequences, bags: Tensor | None = None) -> Tensor:
        """Scores (B, outputs) of sequences, or (B, T, outputs) of their steps where nothing is pooled.

        Of the head ``ctc`` they are ln p, of the steps that the convolutions leave, see `kept`. What stands beyond a
        row's length changes nothing. ``bags`` (B, bag), dense or sparse, is ``batch.static`` where it is left out.
        Raises `DataError` for what does not fit.
        """
        scores = self.recurrent_alone(batch)
        if self.bag is None:
            return scores
        bags = batch.static if bags is None else bags
        if bags is None:
            raise DataError(f"The network takes a bag of {self.shape.bag} features beside each sequence, found none.")
        weight = self.bag.weight.T
        return scores + (torch.sparse.mm(bags, weight) if bags.is_sparse else bags @ weight) + self.bag.bias

    def kept(self, lengths: Tensor) -> Tensor:
        """How many of so many steps the convolutions over time leave."""
        return (lengths - 1) // self.shape.stride + 1

    def recurrent_alone(self, batch: Sequences) -> Tensor:
        """The scores that the recurrent part gives without the bag."""
        inputs, lengths, elapsed = batch.inputs, batch.lengths, batch.elapsed
        if not self.shape.two_strands:
            return self._scores(inputs, lengths, elapsed)
        here = self._scores(inputs, lengths, elapsed)
        there = self._scores(self._other_strand(inputs, lengths), lengths, None)
        return (here + (there if self.shape.pooling else _backwards(there, lengths))) / 2

    def loss(
        self, scores: Tensor, batch: Sequences, *, weights: Tensor | None = None, smoothing: float = 0.0
    ) -> Tensor:
        """The mean loss of scores as `forward` gives them, in nats, or squared for the head ``linear``.

        Args:
            scores: Of this batch.
            batch: With ``targets``: classes (B,) or tags (B, T) int64, negative where unknown; for the head
                ``sigmoid`` 0 or 1 and for ``linear`` numbers, (B, outputs) or (B, T, outputs), NaN where unknown; for
                ``ctc`` symbols (B, symbols of the longest transcript) int64, negative behind the end.
            weights: Of each class, (outputs,); for ``sigmoid`` of its presence.
            smoothing: Share of the target that is spread over all classes.
        """
        targets = batch.targets
        if targets is None:
            raise DataError("A loss needs targets, found none in the batch.")
        scores = scores.float()
        if isinstance(self.head, CTCHead):
            lengths = None if batch.lengths is None else self.kept(batch.lengths)
            return self.head.loss_of(scores, targets, (targets >= 0).sum(1), lengths)
        if isinstance(self.head, CRFHead):
            return self.head.loss_of(scores, targets, batch.lengths)
        if self.shape.head == "softmax":
            each = F.cross_entropy(
                scores.movedim(-1, 1), targets, weights, reduction="none", ignore_index=-1, label_smoothing=smoothing
            )
            known = targets >= 0
            counts = known.float() if weights is None else weights[targets.clamp(min=0)] * known
        else:
            known = ~targets.isnan()
            goal = targets.where(known, 0)
            each = self._loss_of_each(scores, goal, weights, smoothing).where(known, 0)
            counts = known.float()
        if not self.shape.pooling:
            inside = valid_steps(scores, batch.lengths)
            if inside is not None:
                inside = inside.reshape(*inside.shape, *[1] * (each.dim() - 2))
                each, counts = each * inside, counts * inside
        if batch.weights is not None:
            of_row = batch.weights.reshape(-1, *[1] * (each.dim() - 1))
            each, counts = each * of_row, counts * of_row
        return each.sum() / counts.sum().clamp_min(torch.finfo(each.dtype).tiny)

    def _loss_of_each(self, scores: Tensor, goal: Tensor, weights: Tensor | None, smoothing: float) -> Tensor:
        if self.shape.head == "linear":
            return (scores - goal) ** 2
        return F.binary_cross_entropy_with_logits(
            scores, goal * (1 - smoothing) + smoothing / 2, reduction="none", pos_weight=weights
        )

    def _scores(self, inputs: Tensor, lengths: Tensor | None, elapsed: Tensor | None) -> Tensor:
        features, lengths, elapsed = self.encoded(inputs, lengths, elapsed)
        times = {"elapsed": elapsed} if elapsed is not None and self._takes_elapsed else {}
        outputs, state, *_ = self.recurrent(features, lengths=lengths, **times)
        scores: Tensor = self.head(self.output_dropout(self._pooled(outputs, state, lengths)))
        return scores

    @property
    def _takes_elapsed(self) -> bool:
        return any(ELAPSED in cell.extras for cell in self.recurrent.cells)

    def encoded(
        self, inputs: Tensor, lengths: Tensor | None, elapsed: Tensor | None
    ) -> tuple[Tensor, Tensor | None, Tensor | None]:
        """What the recurrent layers read (B, T, features), the lengths of it, and the time between its steps."""
        if self.shape.planes:
            inputs, lengths = through_planes(self.planes, self.shape.planes, inputs, lengths, self.shape.bidirectional)
            for each in self.shape.planes:
                elapsed = None if elapsed is None else _strided(elapsed, each.pool_steps)
        valid = valid_steps(inputs, lengths)
        features = self._embedded(inputs) if self.shape.symbols else self._pixels(inputs, valid)
        if self.training and self.dropout_words:
            # Steps that are seen keep their size: a network is to read the same words, only fewer.
            drawn = torch.rand(features.shape[1], features.shape[0], 1, device=features.device).transpose(0, 1)
            features = features * (drawn >= self.dropout_words)
        for layer, convolution in zip(self.convolutions, self.shape.convolutions, strict=True):
            around = _around(convolution, self.shape.bidirectional)
            padded = F.pad(without_padding(features, valid).movedim(2, 1), around)
            if convolution.stride > 1:
                lengths = None if lengths is None else (lengths - 1) // convolution.stride + 1
                elapsed = None if elapsed is None else _strided(elapsed, convolution.stride)
                valid = valid_steps(features[:, :: convolution.stride], lengths)
            made = layer(padded, valid) if isinstance(layer, NormedConv1d) else layer(padded)
            features = F.relu(made).movedim(1, 2)
        return self.input_dropout(features), lengths, elapsed

    def _embedded(self, symbols: Tensor) -> Tensor:
        # Laid out time by time, as the recurrent kernels want it.
        fields = [embedding(symbols[..., field].T) for field, embedding in enumerate(self.embedding)]
        return (fields[0] if len(fields) == 1 else torch.cat(fields, 2)).transpose(0, 1)

    def _pixels(self, frames: Tensor, valid: Tensor | None) -> Tensor:
        """Frames (B, T, ...) as rows of numbers; only valid ones go through convolutions or encoder."""
        if not self.shape.frame_convolutions and self.encoder is None:
            return frames.flatten(2)
        batch, time = frames.shape[:2]
        seen = frames.flatten(0, 1) if valid is None else frames[valid]
        seen = seen.movedim(-1, 1)
        if self.encoder is not None:
            rows = _features(self.encoder, seen, self.shape.encoder)
        else:
            for layer in self.frames:
                seen = F.relu(layer(seen))
            rows = seen.movedim(1, -1).flatten(1)
        if valid is None:
            return rows.reshape(batch, time, -1)
        return rows.new_zeros(batch, time, rows.shape[1]).masked_scatter(valid[..., None], rows)

    def _pooled(self, outputs: Tensor, state: Mapping[str, Tensor], lengths: Tensor | None) -> Tensor:
        """The outputs of the recurrent layers, zero beyond the lengths, pooled as the shape says."""
        parts = []
        for pool in self.shape.pooling:
            if pool == "last":
                top = f"{next(iter(self.recurrent.cells[-1].state_sizes))}_l{len(self.recurrent.cells) - 1}"
                parts.append(torch.cat([state[top + direction] for direction in self.shape.directions], 1))
            elif pool == "mean":
                steps = outputs.shape[1] if lengths is None else lengths.to(outputs)[:, None]
                parts.append(outputs.sum(1) / steps)
            elif pool == "max":
                valid = valid_steps(outputs, lengths)
                within = outputs if valid is None else outputs.masked_fill(~valid[..., None], -torch.inf)
                parts.append(within.amax(1))
            else:
                parts.append(self.attention(outputs, lengths=lengths)[0])
        return torch.cat(parts, 1) if parts else outputs

    def _other_strand(self, inputs: Tensor, lengths: Tensor | None) -> Tensor:
        other = torch.tensor(self.shape.two_strands, device=inputs.device)
        backwards = _backwards(inputs, lengths)
        return other[backwards] if self.shape.symbols else backwards[..., other]


def _head(shape: LabelShape, features: int) -> nn.Linear | CRFHead | CTCHead:
    if shape.head == "crf":
        return CRFHead(features, shape.outputs)
    return CTCHead(features, shape.outputs - 1) if shape.head == "ctc" else nn.Linear(features, shape.outputs)


def _features(encoder: nn.Module, frames: Tensor, size: int) -> Tensor:
    rows: Tensor = encoder(frames)
    if rows.shape != (len(frames), size):
        raise DataError(
            f"The encoder must make (n, {size}) of frames {tuple(frames.shape)}, n of them, found {tuple(rows.shape)}."
        )
    return rows


def _around(convolution: Convolution, centred: bool) -> tuple[int, int]:
    """Zeros before and after the steps, see `LabelShape`."""
    after = convolution.width // 2 if centred else 0
    return convolution.width - 1 - after, after


def _strided(elapsed: Tensor, stride: int) -> Tensor:
    """The time between steps (B, T) where only every ``stride``-th is left."""
    times = elapsed.double().cumsum(1)[:, ::stride]
    return torch.cat([times[:, :1], times.diff(dim=1)], 1).to(elapsed)


def _backwards(rows: Tensor, lengths: Tensor | None) -> Tensor:
    """Rows (B, T, ...) from their last valid step to the first; what stands in the padding does not matter."""
    if lengths is None:
        return rows.flip(1)
    steps = torch.arange(rows.shape[1], device=rows.device)
    places = (lengths.to(rows.device)[:, None] - 1 - steps).clamp(min=0)
    return rows.gather(1, places.reshape(*places.shape, *[1] * (rows.dim() - 2)).expand_as(rows))
