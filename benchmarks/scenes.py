"""Scenes of coloured shapes with captions, drawn from a seed: what is in a picture, and where each thing is."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from elman.codecs.raw import Picture

#: Colours by name, as red, green and blue.
COLOURS = {
    "red": (214, 60, 50), "green": (60, 160, 80), "blue": (60, 90, 200), "yellow": (230, 200, 60),
    "black": (40, 40, 46), "purple": (140, 80, 170),
}  # fmt: skip

SHAPES = ("square", "circle", "triangle", "cross")

#: Pixels of a side, and of half a shape: the smallest and the largest.
SIDE, HALF = 64, (6, 10)

#: How two things lie to each other, and how then the other lies to the one.
RELATIONS = {"left of": "right of", "right of": "left of", "above": "below", "below": "above"}


class Thing(NamedTuple):
    """Something in a scene: its name, and its middle and half its size in pixels."""

    name: str
    row: int
    column: int
    half: int


class Scene(NamedTuple):
    """A picture, a caption, the things that are named in it, in that order, and all captions that are as true."""

    picture: Picture
    caption: str
    things: tuple[Thing, ...]
    truths: tuple[str, ...]


def scene(rng: np.random.Generator) -> Scene:
    """One thing, or two and how they lie to each other, on a pale ground."""
    pixels = np.clip(rng.normal(235, 6, (SIDE, SIDE, 3)), 0, 255).astype(np.uint8)
    if rng.random() < 0.3:
        first = _thing(rng, *rng.integers(HALF[1], SIDE - HALF[1], 2))
        _draw(pixels, first)
        caption = f"a {first.name}"
        return Scene(Picture(pixels), caption, (first,), (caption,))
    relation = list(RELATIONS)[int(rng.integers(len(RELATIONS)))]
    across = relation in ("left of", "right of")
    quarter, wide = SIDE // 4, (SIDE // 4, 3 * SIDE // 4)
    places = []
    for middle in wide:
        along, beside = (
            middle + int(rng.integers(-4, 5)),
            SIDE // 2 + int(rng.integers(-quarter // 2, quarter // 2 + 1)),
        )
        places.append((beside, along) if across else (along, beside))
    if relation in ("right of", "below"):
        places.reverse()
    first, second = (_thing(rng, *place) for place in places)
    for each in (first, second):
        _draw(pixels, each)
    caption = f"a {first.name} {relation} a {second.name}"
    turned = f"a {second.name} {RELATIONS[relation]} a {first.name}"
    return Scene(Picture(pixels), caption, (first, second), (caption, turned))


def scenes(count: int, seed: int) -> list[Scene]:
    """So many of them."""
    rng = np.random.default_rng(seed)
    return [scene(rng) for _ in range(count)]


def _thing(rng: np.random.Generator, row: int, column: int) -> Thing:
    colour, shape = list(COLOURS)[int(rng.integers(len(COLOURS)))], SHAPES[int(rng.integers(len(SHAPES)))]
    return Thing(f"{colour} {shape}", int(row), int(column), int(rng.integers(HALF[0], HALF[1] + 1)))


def _draw(pixels: NDArray[np.uint8], thing: Thing) -> None:
    colour, shape = thing.name.split()
    rows, columns = np.mgrid[:SIDE, :SIDE]
    down, right, half = rows - thing.row, columns - thing.column, thing.half
    inside = {
        "square": np.maximum(abs(down), abs(right)) <= half,
        "circle": down**2 + right**2 <= half**2,
        "triangle": (abs(right) <= (down + half) / 2) & (down <= half),
        "cross": np.maximum(abs(down), abs(right)) <= half,
    }[shape]
    if shape == "cross":
        inside &= np.minimum(abs(down), abs(right)) <= half // 3
    pixels[inside] = COLOURS[colour]
