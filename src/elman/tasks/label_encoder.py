"""A torch module of the user's own as the encoder of frames: it is trained along, and given again to a model folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch
from torch import nn

from elman.errors import BundleError, UsageError
from elman.nn.labels import as_function
from elman.runtime.bundle import SAMPLE_TOLERANCE, Bundle
from elman.runtime.label_model import LabelModel
from elman.shapes import LabelShape


def shape_with(encoder: nn.Module, shape: LabelShape) -> LabelShape:
    """The shape with the encoder in place of convolutions over pixels; raises `UsageError` where it does not fit."""
    if not shape.frame:
        raise UsageError("An encoder takes frames or rows of numbers; these sequences are symbols, which are embedded.")
    parameter = next(encoder.parameters(), torch.zeros(1))
    frame = parameter.new_zeros(2, shape.frame[-1], *shape.frame[:-1])
    was_training = encoder.training
    with torch.no_grad():
        try:
            rows = encoder.eval()(frame)
        except (RuntimeError, ValueError, TypeError) as error:
            raise UsageError(f"The encoder does not take frames {tuple(frame.shape)}: {error}") from None
        finally:
            encoder.train(was_training)
    if rows.dim() != 2 or len(rows) != 2:
        raise UsageError(
            f"The encoder must make (n, features) of frames {tuple(frame.shape)}, found {tuple(rows.shape)}."
        )
    return replace(shape, encoder=rows.shape[1], frame_convolutions=())


def with_encoder(bundle: Bundle[LabelModel], encoder: nn.Module, folder: str | Path) -> LabelModel:
    """A model from a folder with its encoder, which gets the weights that the folder holds.

    Raises `BundleError` where they do not fit, or the model then gives another output than was recorded.
    """
    model, start = bundle.model, "encoder."
    if not model.shape.encoder:
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
