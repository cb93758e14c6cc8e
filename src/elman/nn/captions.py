"""The network from a picture to a text: convolutions make regions, and a decoder looks at them while it writes."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from elman.errors import DataError, SettingsError
from elman.nn.dropout import checked
from elman.nn.normed import NormedConv2d
from elman.nn.pairs import Decoder, Pairs, Written
from elman.shapes.captions import CaptionShape, RegionShape


@final
class RegionEncoder(nn.Module):
    """Pictures, or regions that come ready, to a memory, as `elman.shapes.RegionShape` describes.

    Args:
        shape: What it is made of.
        dropout: Share of the regions' features that are dropped, in training.
        normed: Whether convolutions are normalised while they learn, see `elman.nn.normed`.
        own: A module of one's own that makes ``shape.own``, as (n, features, rows, columns), of pictures (n, channels,
            height, width). It is trained along unless its parameters need no gradients.

    Parameters have the names of `RegionShape.parameter_shapes`, beside them those of norms and ``own``. First weights:
    those of convolutions by He et al. (2015), places normal with deviation 1, as large as what normed convolutions see
    there.
    """

    def __init__(
        self, shape: RegionShape, *, dropout: float = 0.0, normed: bool = False, own: nn.Module | None = None
    ) -> None:
        super().__init__()
        if bool(shape.own) != (own is not None):
            raise SettingsError(
                f"The shape of the network says that an encoder of one's own makes {shape.own or 'nothing'}: "
                f"{'give it' if shape.own else 'leave it out'}."
            )
        self.shape, self.own = shape, own
        self.dropout = nn.Dropout(checked("dropout", dropout))
        self.convolutions = nn.ModuleList()
        channels = shape.frame[-1]
        for each in shape.convolutions:
            kind = NormedConv2d if normed else nn.Conv2d
            layer = kind(channels, each.channels, each.width, each.stride, each.width // 2)
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            nn.init.zeros_(layer.get_parameter("bias"))
            self.convolutions.append(layer)
            channels = each.channels
        if not shape.convolutions:
            self.project = nn.Linear((shape.own or shape.frame)[-1], shape.memory)
        if shape.of_pictures:
            rows, columns = shape.grid
            self.place = nn.Parameter(torch.randn(rows * columns, shape.memory))

    def forward(self, pictures: Tensor) -> Tensor:
        """Pictures (B, height, width, channels), or regions (B, regions, features), to (B, regions, memory)."""
        regions = pictures
        if self.shape.of_pictures:
            seen = pictures.permute(0, 3, 1, 2)
            if self.own is not None:
                seen = self.own(seen)
            for layer in self.convolutions:
                seen = F.relu(layer(seen))
            regions = seen.flatten(2).transpose(1, 2)
        if not self.shape.convolutions:
            regions = F.relu(self.project(regions))
        if self.shape.of_pictures:
            regions = regions + self.place
        dropped: Tensor = self.dropout(regions)
        return dropped


@final
class CaptionNetwork(nn.Module):
    """Regions and decoder, as `elman.shapes.CaptionShape` describes.

    Args:
        shape: What it is made of.
        dropout: Share of the features dropped of regions, of words and of what a word is told from.
        dropout_words: Share of the words it reads that are hidden, in training.
        normed: Whether convolutions are normalised while they learn, see `elman.nn.normed`.
        own: Makes regions of pictures in place of convolutions, see `RegionEncoder`.
        backend: ``auto``, ``compiled``, ``torch`` or ``reference``; see `elman.nn.choose`.

    Parameters have the names of `CaptionShape.parameter_shapes`.

    >>> from elman.data import SequenceBatch
    >>> from elman.shapes import CaptionShape, DecoderShape, RegionShape
    >>> shape = CaptionShape(RegionShape((8, 8, 3), 16, ((16, 3, 2),)), DecoderShape(30, 4, "gru", (8,), 16, 8))
    >>> batch = SequenceBatch(inputs=torch.zeros(2, 8, 8, 3), targets=torch.tensor([[3, 4, 29], [5, 29, -1]]))
    >>> network = CaptionNetwork(shape)
    >>> network(batch).attention.shape, network.loss(network(batch), batch).shape
    (torch.Size([2, 3, 16]), torch.Size([]))
    """

    def __init__(
        self,
        shape: CaptionShape,
        *,
        dropout: float = 0.0,
        dropout_words: float = 0.0,
        normed: bool = False,
        own: nn.Module | None = None,
        backend: str = "auto",
    ) -> None:
        super().__init__()
        self.shape = shape
        self.encoder = RegionEncoder(shape.encoder, dropout=dropout, normed=normed, own=own)
        self.decoder = Decoder(shape.decoder, dropout=dropout, dropout_words=dropout_words, backend=backend)

    def forward(self, batch: Pairs, *, sampling: float = 0.0) -> Written:
        """What the decoder makes of the targets of a batch; ``sampling`` as for `elman.nn.pairs.Decoder.forward`."""
        memory = self.encoder(batch.inputs)
        written: Written = self.decoder(memory, batch.lengths, self._targets(batch), sampling=sampling)
        return written

    def loss(self, written: Written, batch: Pairs, *, smoothing: float = 0.0) -> Tensor:
        """The mean cross-entropy of a symbol of the targets, in nats; see `elman.nn.pairs.Decoder.loss`."""
        return self.decoder.loss(written, self._targets(batch), smoothing=smoothing)

    def _targets(self, batch: Pairs) -> Tensor:
        if batch.targets is None:
            raise DataError("A decoder learns from targets, found none in the batch.")
        return batch.targets
