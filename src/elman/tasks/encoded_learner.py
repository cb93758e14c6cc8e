"""Learners whose network may have a torch module of the user's own at its bottom."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Self, TypeVar

from elman.runtime.bundle import Bundle
from elman.runtime.caption_model import CaptionModel
from elman.runtime.label_model import LabelModel
from elman.tasks.estimator import AnySettings
from elman.tasks.learner import Learner

if TYPE_CHECKING:
    from torch import nn

#: Models that may have such a module.
Owner = TypeVar("Owner", LabelModel, CaptionModel)


class EncodedLearner(Learner[AnySettings, Owner]):
    """A learner that takes an encoder for `fit`, whose folder keeps the weights of it and not the module itself."""

    @classmethod
    def load(cls, folder: str | Path, *, encoder: nn.Module | None = None) -> Self:
        """Read a model folder; ``encoder`` is a module as it was given to `fit`, for the weights that the folder holds.

        Raises `BundleError` with one sentence on what is wrong with it.
        """
        bundle = Bundle.read(folder, cls.Model)
        found = cls._of(bundle, folder)
        if encoder is not None:
            from elman.tasks.own_encoder import with_encoder

            found._model = with_encoder(bundle, encoder, folder)
        return found
