from __future__ import annotations

import numpy as np

from elman.codecs.raw import Frames, Ink, Picture, Recording, Series
from elman.tasks.excerpts import excerpt


def test_sequences_in_a_line() -> None:
    assert excerpt("two\nlines") == "two lines"
    assert len(excerpt("word " * 100)) < 170
    assert excerpt(tuple("abcdefgh"), 3) == "a b c [d] e f g h"
    assert "[x]" in excerpt(("long",) * 200 + ("x",) + ("long",) * 200, 200)
    assert excerpt(Recording(np.zeros(8000, np.float32), 8000)) == "1.00 s of sound"
    assert excerpt(Series(np.zeros((5, 2)))) == "5 steps of 2 channels"
    assert excerpt(Ink((np.zeros((4, 2)),) * 2)) == "2 strokes, 8 points"
    assert excerpt(Frames(np.zeros((3, 8, 6, 1), np.uint8))) == "3 frames of 8 x 6"
    assert excerpt(Picture(np.zeros((8, 60, 1), np.uint8))) == "a picture of 8 x 60"
