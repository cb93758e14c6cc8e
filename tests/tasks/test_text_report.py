"""What the tasks that write texts share; their reports are tested with the tasks."""

from __future__ import annotations

import pytest

from elman.errors import SettingsError
from elman.settings import WritingSettings
from elman.tasks.text_report import asked_writing, commonest


def test_the_commonest_target() -> None:
    assert commonest(["b", "a", "a", "b", "c"]) == "b"


def test_what_was_not_chosen_is_the_usual() -> None:
    found = asked_writing(WritingSettings(), {"length_penalty": 1.0}, 8, replace_unknown=False)
    assert (found.beam, found.count, found.penalties.length, found.replace_unknown) == (8, 8, 1.0, False)
    with pytest.raises(SettingsError, match="beem"):
        asked_writing(WritingSettings(), {"beem": 3}, 1, replace_unknown=True)
