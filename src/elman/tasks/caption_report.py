"""The report on captions: BLEU-4 and CIDEr-D beside baselines, whether a caption finds its picture, and looks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, final

import numpy as np
from numpy.typing import NDArray

from elman.codecs.pictures import PicturesCodec
from elman.codecs.raw import Raw
from elman.codecs.text import lower
from elman.data.examples import Examples
from elman.metrics.captions import cider_d
from elman.metrics.texts import bleu, exact
from elman.plots.attention import looks
from elman.runtime.caption_model import Caption, CaptionModel
from elman.tasks.text_report import DRAWN, MODEL, Figures, TextReport, Written, truth_in

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Pictures among which a caption is to find its own, and how many of the likeliest count.
AMONG, LIKELIEST = 100, 10

#: Pixels of the longer side by which pictures are compared.
COMPARED = 8


def score_of(texts: Sequence[str], truth: Sequence[Sequence[str]]) -> float:
    """The mean CIDEr-D."""
    given = [lower(text).split() for text in texts]
    return float(cider_d(given, [[lower(text).split() for text in several] for several in truth]).mean())


def nearest(codec: PicturesCodec, known: Sequence[Raw], asked: Sequence[Raw]) -> NDArray[np.int64]:
    """The number of the known picture that is most like each asked one, pixel by pixel on a small scale."""
    from elman.codecs.frames import resize

    def small(raw: Raw) -> NDArray[np.float32]:
        picture = codec.encode(raw)
        row: NDArray[np.float32] = (
            picture.mean(0) if picture.ndim == 2 else resize(picture[None], COMPARED, COMPARED)[0].ravel()
        )
        return row

    rows, others = (np.stack([small(raw) for raw in some]) for some in (known, asked))
    off = (others**2).sum(1)[:, None] - 2 * others @ rows.T + (rows**2).sum(1)
    return np.asarray(off.argmin(1), np.int64)


def likeliest(model: CaptionModel, examples: Examples) -> float | None:
    """How often a picture is among the 10 for which its first caption is likeliest, of 100; None with fewer pictures.

    What a caption has in likelihood with any picture is taken off: of each picture the mean over all captions.
    """
    if len(examples) < AMONG:
        return None
    some = examples.take(np.linspace(0, len(examples) - 1, AMONG).round().astype(np.int64))
    found = model.log_probabilities(some.inputs, [several[0] for several in truth_in(some)])
    found = found - found.mean(1, keepdims=True)
    places = (found > np.diagonal(found)).sum(0)
    return float((places < LIKELIEST).mean())


@final
@dataclass(frozen=True, kw_only=True)
class Described(Written[Caption]):
    """What was written for pictures whose captions are known.

    Attributes:
        pictures: As the network reads them.
        found: How often a caption finds its picture, see `likeliest`.
    """

    pictures: Sequence[NDArray[np.float32]]
    found: float | None = None


@final
@dataclass(frozen=True, kw_only=True)
class CaptionReport(TextReport[Described]):
    """What was found.

    Attributes:
        model: That wrote.
    """

    headings: ClassVar[Mapping[str, tuple[str, str]]] = {
        "bleu": ("BLEU-4", "{:.1f}"),
        "cider": ("CIDEr-D", "{:.2f}"),
        "exact": ("exactly right", "{:.1%}"),
    }
    many = "pictures"
    drawing = "Looks", "Where the model looked before it wrote each word."

    model: CaptionModel

    def figures_of(self, texts: Sequence[str], truth: Sequence[Sequence[str]]) -> Figures:
        """BLEU-4 with its signature, CIDEr-D from 0 to 10, and the share that is exactly right; case does not count."""
        texts = [lower(text) for text in texts]
        truth = [[lower(text) for text in several] for several in truth]
        found = bleu(texts, truth)
        return {
            "bleu": found.value,
            "bleu_95": list(found.interval),
            "bleu_signature": found.signature,
            "cider": score_of(texts, truth),
            "exact": float(exact(texts, truth).mean()),
            "sequences": len(texts),
        }

    @cached_property
    def figures(self) -> dict[str, dict[str, Figures]]:
        """As of any text, with how often a caption finds its picture as ``figures["test"]["model"]["found"]``."""
        found = super().figures
        for name, part in self.parts.items():
            if part.found is not None:
                found[name][MODEL]["found"] = part.found
        return found

    def entry(self, part: Described, row: int) -> dict[str, str]:
        """Where the picture comes from."""
        return {"name": part.names[row]}

    def pictures(self) -> dict[str, Figure]:
        """Where the model looked at each word."""
        if self.model.codec.size is None:
            return {}
        last, grid = self.last, self.model.shape.encoder.grid
        return {
            f"looks_{row + 1}": looks(last.pictures[row], caption.symbols, caption.attention, grid, caption.text)
            for row, caption in enumerate(last.model[:DRAWN])
        }

    def sentences(self, name: str) -> list[str]:
        """Also whether captions find their pictures."""
        figures, said = self.figures[name][MODEL], super().sentences(name)
        if "found" in figures:
            said.append(
                f"Of {AMONG} pictures that of a caption is among the {LIKELIEST} likeliest in {figures['found']:.0%} "
                f"of the cases (by chance {LIKELIEST / AMONG:.0%})."
            )
        return said
