"""A model folder is given the torch module of one's own that its network was trained with."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch
from torch import nn

from elman.errors import BundleError
from elman.nn.own_encoder import as_function
from elman.runtime.bundle import SAMPLE_TOLERANCE, Bundle
from elman.tasks.encoded_learner import Owner


def with_encoder(bundle: Bundle[Owner], encoder: nn.Module, folder: str | Path) -> Owner:
    """A model from a folder with its encoder, which gets the weights that the folder holds.

    Raises `BundleError` where they do not fit, or the model then gives another output than was recorded.
    """
    model, start = bundle.model, bundle.model.own_encoder
    if not start:
        raise BundleError(f"{folder}: the model has no encoder of one's own; leave encoder out.")
    saved = {name.removeprefix(start): value for name, value in model.tensors.items() if name.startswith(start)}
    # What counts, as batch normalisation does, has no axis; saved, it has one.
    shapes = {name: value.shape for name, value in encoder.state_dict().items() if value.dim() == 0}
    try:
        encoder.load_state_dict({n: torch.from_numpy(v.reshape(shapes.get(n, v.shape))) for n, v in saved.items()})
    except (RuntimeError, ValueError) as error:
        raise BundleError(f"{folder}: the encoder is not the one of this model ({error}).") from None
    whole = replace(model, encoder=as_function(encoder))
    if not whole.difference(bundle.sample) <= SAMPLE_TOLERANCE:
        raise BundleError(f"{folder}: the model with this encoder does not give its recorded output.")
    return whole
