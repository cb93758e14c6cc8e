"""The transducer: an encoder of frames, a prediction network of symbols, and the joint network over both."""

from __future__ import annotations

from typing import Any, final

import torch
from torch import Tensor, nn

from elman.errors import DataError
from elman.nn.dropout import LockedDropout
from elman.nn.heads import TransducerHead
from elman.nn.labels import LabelNetwork, Sequences
from elman.nn.recurrent import Recurrent
from elman.shapes import TransducerShape


@final
class TransducerNetwork(nn.Module):
    """A recurrent neural network transducer, as `elman.shapes.TransducerShape` describes.

    Args:
        shape: What it is made of.
        dropout: Share dropped between the layers of the encoder and before the joint network, in training.
        dropout_symbols: Share of the features of the symbols said so far, dropped for all steps of a transcript, and of
            what the prediction network gives.
        backend: ``auto``, ``compiled``, ``torch`` or ``reference``; see `elman.nn.choose`.
        **encoder: Other options of the encoder, see `elman.nn.labels.LabelNetwork`.

    Parameters have the names of `TransducerShape.parameter_shapes`.

    >>> from elman.data import SequenceBatch
    >>> from elman.shapes import LabelShape
    >>> encoder = LabelShape("features", 6, "gru", (8,), frame=(4,))
    >>> network = TransducerNetwork(TransducerShape(encoder, 3, 5, "gru", (7,)))
    >>> batch = SequenceBatch(inputs=torch.zeros(2, 9, 4), targets=torch.tensor([[0, 2], [1, -1]]))
    >>> frames = network(batch)
    >>> frames.shape, network.loss(frames, batch).shape
    (torch.Size([2, 9, 6]), torch.Size([]))
    """

    def __init__(
        self,
        shape: TransducerShape,
        *,
        dropout: float = 0.0,
        dropout_symbols: float = 0.0,
        backend: str = "auto",
        **encoder: Any,
    ) -> None:
        super().__init__()
        self.shape = shape
        self.encoder = LabelNetwork(shape.encoder, dropout=dropout, backend=backend, **encoder)
        self.prediction = _Prediction(shape, dropout_symbols, backend)
        self.joint = TransducerHead(shape.encoder.outputs, self.prediction.recurrent.output_size, shape.symbols)

    def forward(self, batch: Sequences) -> Tensor:
        """The frames of the encoder, (B, frames, joint)."""
        frames: Tensor = self.encoder(batch)
        return frames

    def log_probabilities(self, frames: Tensor, batch: Sequences) -> Tensor:
        """The ln p of symbols and blank, (B, frames, U + 1, symbols + 1), where ``targets`` were said; see `loss`."""
        targets, _ = self._targets(batch)
        found: Tensor = self.joint(frames, self.prediction(targets))
        return found

    def loss(self, frames: Tensor, batch: Sequences) -> Tensor:
        """-ln p(transcript), in nats, of all rows, divided by the number of their symbols.

        Args:
            frames: Of this batch, as `forward` gives them.
            batch: With ``targets``: symbols (B, symbols of the longest transcript) int64, negative behind the end. What
                stands beyond a row's lengths changes nothing.
        """
        targets, counts = self._targets(batch)
        lengths = None if batch.lengths is None else self.encoder.kept(batch.lengths)
        return self.joint.loss(frames, self.prediction(targets), targets, counts, lengths)

    def _targets(self, batch: Sequences) -> tuple[Tensor, Tensor]:
        """The transcripts, 0 behind their end, and how many symbols they have."""
        if batch.targets is None:
            raise DataError("A transducer needs the transcripts as targets, found none in the batch.")
        return batch.targets.clamp(min=0), (batch.targets >= 0).sum(1)


@final
class _Prediction(nn.Module):
    """Reads the symbols that were said, and a start before them."""

    def __init__(self, shape: TransducerShape, dropout: float, backend: str) -> None:
        super().__init__()
        self.embedding = nn.Embedding(shape.symbols + 1, shape.embedding_size)
        self.recurrent = Recurrent(
            shape.cell, shape.embedding_size, shape.hidden_sizes, dropout=dropout, locked_dropout=True, backend=backend
        )
        self.dropout = LockedDropout(dropout)

    def forward(self, symbols: Tensor) -> Tensor:
        """Features (B, U + 1, predicted), before any of the symbols (B, U) and after each."""
        start = symbols.new_full((len(symbols), 1), self.embedding.num_embeddings - 1)
        # Laid out time by time, as the recurrent kernels want it.
        read = self.embedding(torch.cat([start, symbols], 1).T).transpose(0, 1)
        outputs, *_ = self.recurrent(self.dropout(read))
        features: Tensor = self.dropout(outputs)
        return features
