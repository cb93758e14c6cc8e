from __future__ import annotations

import pytest

from examples.learn_online import main


def test_what_led_to_the_state_is_needed_to_learn_what_to_keep(capsys: pytest.CaptureFixture[str]) -> None:
    errors = main(part=600)
    assert errors["RTRL"][-1] < 0.85 * errors["present step alone"][-1]
    assert capsys.readouterr().out.count("\n") == 9
