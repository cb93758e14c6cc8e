"""Captions: of generated scenes, with where the model looked; and of a thousand photographs.

Scenes: 4,000 to learn from, 400 held out, 1,000 to test, drawn from other seeds. Of two things each may be named first:
a caption is right if it is one of those that are true, while one of them, drawn at random, is learnt. Where the model
looks is right if the region it looks at most, while it writes a colour and a shape, touches a thing of that name.

Photographs (Flickr8k sample): in the order of their names 800 to learn from, 100 held out, 100 to test; five captions
each, with no option but the path. The control has the captions of training pictures dealt out anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.forecast_runs import Attempt, Goal, Problem
from benchmarks.forecast_runs import measure as measure_problems
from benchmarks.harness import Data, Figure
from benchmarks.scenes import SHAPES, SIDE, Scene, Thing, scenes
from elman.data.examples import Examples
from elman.data.sources import read_examples
from elman.runtime.caption_model import Caption
from elman.settings import DataSettings
from elman.tasks.caption import Captioner

#: Scenes to learn from, to hold out and to test on.
LEARNT, HELD_OUT, TESTED = 4_000, 400, 1_000

#: Photographs to learn from and to hold out; the rest is tested.
PHOTOS = (800, 100)


def of_scenes(data: Path, run: int, **options: Any) -> Attempt:
    """Exactly right captions, and looks that meet what is named."""
    parts = [scenes(count, 10 * run + part) for part, count in enumerate((LEARNT, HELD_OUT, TESTED))]
    learnt, held_out, tested = (_examples(part) for part in parts)
    model = Captioner(seed=run, **options).fit_examples(learnt, held_out)
    said = [several[0] for several in model.captions(tested)]
    exact = np.mean([each.text in scene.truths for each, scene in zip(said, parts[2], strict=True)])
    looks = [look for each, scene in zip(said, parts[2], strict=True) for look in looks_right(each, scene, model)]
    figures = {"exactly right": 100 * float(exact), "looks at what it names": 100 * float(np.mean(looks))}
    return _attempt(model, figures, {})


def looks_right(caption: Caption, scene: Scene, model: Captioner) -> list[bool]:
    """For each thing that is there as it is named: whether the region that was looked at most touches one of them."""
    rows, columns = model.model.shape.encoder.grid
    found = []
    for place in (place for place, symbol in enumerate(caption.symbols) if symbol in SHAPES):
        things = [thing for thing in scene.things if thing.name == " ".join(caption.symbols[place - 1 : place + 1])]
        if things:
            row, column = divmod(int(caption.attention[place - 1 : place + 1].sum(0).argmax()), columns)
            middle = (row + 0.5) * SIDE / rows, (column + 0.5) * SIDE / columns
            found.append(any(_touches(middle, thing, SIDE / rows / 2) for thing in things))
    return found


def _touches(middle: tuple[float, float], thing: Thing, half: float) -> bool:
    """Whether the square around a ``middle``, of half a side ``half``, touches that of a thing."""
    return max(abs(middle[0] - thing.row), abs(middle[1] - thing.column)) <= thing.half + half


def of_photos(data: Path, run: int, **options: Any) -> Attempt:
    """BLEU-4 and CIDEr-D beside baselines, whether a caption finds its picture, and the control."""
    folder = data / "flickr8k_1000"
    examples = read_examples(
        [folder / "images_128px.zip", folder / "captions.txt.gz"], DataSettings(kind="images"), "text"
    )
    order = np.argsort(examples.names, kind="stable")
    ends = np.cumsum(PHOTOS)
    learnt, held_out, tested = (
        examples.take(rows) for rows in (order[: ends[0]], order[ends[0] : ends[1]], order[ends[1] :])
    )
    model = Captioner(seed=run, **options).fit_examples(learnt, held_out)
    report = model._reported({"test": tested}, "photographs", learnt)
    dealt = np.random.default_rng(run).permutation(len(learnt))
    assert learnt.targets is not None
    mixed = Examples("images", learnt.inputs, [learnt.targets[row] for row in dealt], learnt.names)
    control = Captioner(seed=run, **options).fit_examples(mixed, held_out).evaluate(tested).figures["data"]["model"]
    told = report.figures["test"]
    beside = {name: {"CIDEr-D": each["cider"], "BLEU-4": each["bleu"]} for name, each in told.items()}
    beside["captions dealt out anew"] = {"CIDEr-D": control["cider"], "BLEU-4": control["bleu"]}
    own = beside.pop("model")
    own["true picture among the 10 likeliest of 100"] = 100 * told["model"]["found"]
    own["CIDEr-D lost by dealing captions out anew"] = 100 * (1 - control["cider"] / max(1e-9, told["model"]["cider"]))
    return _attempt(model, own, beside)


def _examples(part: Sequence[Scene]) -> Examples:
    names = [f"scene {number}" for number in range(len(part))]
    return Examples("images", [each.picture for each in part], [each.caption for each in part], names)


def _attempt(model: Captioner, figures: dict[str, float], beside: dict[str, dict[str, float]]) -> Attempt:
    weights = sum(value.size for value in model.model.tensors.values())
    return Attempt(figures, beside, round(model.metrics["training"]["seconds"], 1), weights)


PROBLEMS = (
    Problem("generated scenes", of_scenes, (
        Goal("exactly right", 95.0, "%", "higher"), Goal("looks at what it names", 90.0, "%", "higher"),
    )),
    Problem("a thousand photographs", of_photos, (
        Goal("CIDEr-D", None, "0 to 10", "higher"), Goal("BLEU-4", None, "", "higher"),
        Goal("true picture among the 10 likeliest of 100", 25.0, "%", "higher"),
        Goal("CIDEr-D lost by dealing captions out anew", 100 / 3, "%", "higher"),
    )),
)  # fmt: skip


def measure(data: Data) -> Sequence[Figure]:
    """Run what is missing, then tell all."""
    return measure_problems(PROBLEMS, data, "captions")
