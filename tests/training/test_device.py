from __future__ import annotations

import logging

import pytest
import torch

from elman.errors import SettingsError
from elman.training.device import choose_device, make_fabric


def test_auto_is_a_device_that_is_here() -> None:
    device = choose_device("auto")
    assert torch.ones(1, device=device).device.type == device.type


@pytest.mark.parametrize("name", ["gpu", "cpux", "", "meta"])
def test_an_unknown_device_is_refused(name: str) -> None:
    with pytest.raises(SettingsError, match=f"device takes cpu, cuda, cuda:1, mps or auto, not '{name}'"):
        choose_device(name)


def test_an_absent_device_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"device cuda:99 is not on this machine \(found: .*cpu\)"):
        choose_device("cuda:99")


def test_fabric_keeps_quiet_and_its_logger_as_it_was(capfd: pytest.CaptureFixture[str]) -> None:
    level = logging.getLogger("lightning_fabric").level
    for precision in ("32", "bf16"):
        assert make_fabric(torch.device("cpu"), precision).device.type == "cpu"
    assert logging.getLogger("lightning_fabric").level == level
    assert capfd.readouterr() == ("", "")


def test_float16_needs_a_gpu() -> None:
    with pytest.raises(SettingsError, match="fp16 needs a GPU; take bf16 or 32"):
        make_fabric(torch.device("cpu"), "fp16")
