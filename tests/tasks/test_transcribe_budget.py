from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from elman.codecs.raw import Series
from elman.codecs.series import SeriesCodec
from elman.codecs.text import TextCodec
from elman.errors import SettingsError
from elman.settings import AUTO, SignalSettings, TranscriberSettings, update
from elman.shapes import LabelShape
from elman.tasks import transcribe_budget as budget

CODEC = SeriesCodec.fit([Series(np.random.default_rng(0).normal(size=(20, 3)))])
TEXT = TextCodec.fit("characters", ["abc"])


def facts(kind: str = "series", sequences: int = 300, length: int = 100, needed: int = 10) -> budget.Facts:
    return budget.Facts(kind, [length] * sequences, [needed] * sequences, CODEC, TEXT)


def settings(**options: Any) -> TranscriberSettings:
    return update(TranscriberSettings(), options, "the test")


@pytest.mark.parametrize("kind", ["audio", "series", "ink", "images"])
def test_nothing_is_left_open(kind: str) -> None:
    chosen = budget.resolve(settings(), facts(kind))
    left = {name for part in (chosen.network, chosen.training) for name, value in vars(part).items() if value == AUTO}
    # What runs is chosen where it runs; windows are for text.
    assert left == {"backend", "window"}


def test_what_is_given_stays() -> None:
    chosen = budget.resolve(settings(batch_size=3, steps=7, cell="gru", convolutions="none"), facts())
    assert (chosen.training.batch_size, chosen.training.steps, chosen.training.epochs) == (3, 7, None)
    assert (chosen.network.cell, chosen.network.convolutions) == ("gru", "none")


def test_a_stride_leaves_the_frames_that_transcripts_need() -> None:
    def stride(needed: int) -> int:
        of = budget.shape_of(budget.resolve(settings(), facts(needed=needed)), facts(needed=needed))
        assert isinstance(of, LabelShape)
        return of.stride

    assert [stride(needed) for needed in (25, 26, 50, 51, 100)] == [4, 2, 2, 1, 1]


def test_few_sequences_are_read_more_often() -> None:
    few, many, most = (
        budget.resolve(settings(), facts(sequences=count)).training.epochs for count in (300, 6000, 10**5)
    )
    assert few == budget.MOST_EPOCHS
    assert budget.MOST_EPOCHS > int(many or 0) > budget.FEWEST_EPOCHS
    assert most == budget.FEWEST_EPOCHS


def test_series_are_varied_and_show_their_changes() -> None:
    found = budget.input_settings(SignalSettings(), "series")
    assert (found.differences, found.augment) == (True, budget.AUGMENT["series"])
    kept = SignalSettings(differences=False, augment="none")
    assert budget.input_settings(kept, "series") == kept
    assert budget.input_settings(SignalSettings(), "ink") == SignalSettings()


def test_the_network_is_described() -> None:
    shape = budget.shape_of(budget.resolve(settings(hidden_size=8), facts()), facts())
    text = budget.describe(shape)
    assert "lstm, 8 + 8 units in both directions, which says at every 4 steps one of 4 symbols or nothing" in text


def test_planes_that_cannot_be_read_are_refused() -> None:
    with pytest.raises(SettingsError, match="not '16x3'"):
        budget.planes("16x3x3,16x3")
