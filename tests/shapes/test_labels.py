from __future__ import annotations

import json
from typing import Any

import pytest

from elman.errors import BundleError, SettingsError
from elman.shapes import LabelShape

FRAMES: dict[str, Any] = {"symbols": (), "embedding_sizes": (), "frame": (4,)}


def shape(**changes: Any) -> LabelShape:
    return LabelShape(**{
        "head": "softmax", "outputs": 3, "cell": "gru", "hidden_sizes": (5, 4), "symbols": (9, 4),
        "embedding_sizes": (3, 2), "pooling": ("mean", "attention"), **changes,
    })  # fmt: skip


def test_a_shape_goes_through_json() -> None:
    of = shape(convolutions=((6, 3, 2),), bidirectional=True, bag=7)
    assert LabelShape.from_dict(json.loads(json.dumps(of.to_dict()))) == of


def test_frames_of_pixels_shrink_by_the_strides() -> None:
    of = shape(symbols=(), embedding_sizes=(), frame=(7, 5, 3), frame_convolutions=((4, 3, 2), (6, 3, 2)))
    assert of.step_size == 2 * 2 * 6
    assert of.parameter_shapes()["frames.1.weight"] == (6, 4, 3, 3)


@pytest.mark.parametrize(
    ("changes", "lookahead"),
    [
        ({}, 0),
        ({"convolutions": ((6, 3, 2),)}, 0),
        ({"bidirectional": True}, None),
        ({"bag": 7}, None),
        ({"head": "crf", "pooling": ()}, None),
        ({"symbols": (4,), "embedding_sizes": (2,), "two_strands": (3, 2, 1, 0)}, None),
    ],
)
def test_what_needs_the_whole_sequence_says_so(changes: dict[str, Any], lookahead: int | None) -> None:
    assert shape(**changes).lookahead == lookahead
    assert bool(shape(**changes).whole) == (lookahead is None)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"symbols": (), "embedding_sizes": ()}, "one of symbols and frame"),
        ({"frame": (3,)}, "one of symbols and frame"),
        ({"embedding_sizes": (3,)}, "2 fields, 1 sizes"),
        ({"symbols": (), "embedding_sizes": (), "frame": (3, 4)}, "height, width, channels"),
        ({"frame_convolutions": ((4, 3, 1),)}, "need frames of pixels"),
        ({"convolutions": ((4, 0, 1),)}, "at least 1"),
        ({"symbols": (), "embedding_sizes": (), "frame": (4, 4, 1), "frame_convolutions": ((4, 2, 1),)}, "odd width"),
        ({"symbols": (4,), "embedding_sizes": (2,), "two_strands": (3, 2, 1)}, "each of the 4 symbols"),
        ({"encoder": 4}, "takes frames"),
        ({"head": "softmacs"}, "Did you mean 'softmax'"),
        ({"pooling": ("means",)}, "Did you mean 'mean'"),
        ({"outputs": 0}, "at least one"),
        ({"head": "crf"}, "leave pooling out"),
        ({"head": "ctc"}, "leave pooling out"),
        ({"head": "ctc", "pooling": (), "outputs": 1}, "two outputs or more"),
        ({"pooling": (), "bag": 5}, "needs pooling"),
        ({"pooling": (), "convolutions": ((4, 3, 2),)}, "stride 1"),
        ({"planes": ((4, 3, 3),)}, "frames of plain features"),
        ({**FRAMES, "planes": ((4, 3, 2),)}, "odd number of features"),
        ({**FRAMES, "planes": ((4, 3, 3, 0),)}, "at least 1"),
        ({**FRAMES, "planes": ((4, 3, 3, 2),), "pooling": ()}, "stride 1"),
    ],
)
def test_what_does_not_fit_together_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        shape(**changes)


@pytest.mark.parametrize("values", [{}, {"head": "softmax"}, {**shape().to_dict(), "head": "x"}, {"more": 1}])
def test_a_network_that_is_not_described_is_an_error(values: dict[str, Any]) -> None:
    with pytest.raises(BundleError, match="does not describe a network"):
        LabelShape.from_dict(values)


@pytest.mark.parametrize("steps", range(8))
def test_the_steps_that_are_kept_are_those_of_the_strides(steps: int) -> None:
    of = shape(head="ctc", pooling=(), convolutions=((6, 3, 2), (6, 3, 3)))
    left = range(max(1, steps))[::2][::3]
    assert of.kept(steps) == len(left)


def test_planes_leave_what_their_blocks_leave() -> None:
    of = shape(**FRAMES | {"frame": (7,)}, planes=((4, 3, 3, 2, 2), (6, 2, 1, 1, 3)), convolutions=((5, 3, 2),))
    assert of.plane_features == (7, 4, 2)
    assert of.step_size == 6 * 2
    assert of.stride == 4
    assert of.parameter_shapes()["planes.1.weight"] == (6, 4, 2, 1)
