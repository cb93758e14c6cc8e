"""Where and in which arithmetic a run computes, through lightning-fabric."""

from __future__ import annotations

import logging
import warnings
from typing import Any

import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins.environments.lightning import LightningEnvironment

from elman.errors import SettingsError

_PRECISIONS: dict[str, Any] = {"32": "32-true", "bf16": "bf16-mixed", "fp16": "16-mixed"}


def choose_device(name: str) -> torch.device:
    """Return the device called ``cpu``, ``cuda``, ``cuda:1``, ``mps`` or ``auto`` (the fastest kind there is).

    Raises `SettingsError` for a name that torch does not know and for a device that is not here.

    >>> choose_device("cpu")
    device(type='cpu')
    """
    here = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        name = next(kind for kind, present in here.items() if present)
    try:
        device = torch.device(name)
    except RuntimeError:
        device = None
    if device is None or device.type not in here:
        raise SettingsError(f"device takes cpu, cuda, cuda:1, mps or auto, not {name!r}.")
    count = torch.cuda.device_count() if device.type == "cuda" else 1
    if not here[device.type] or (device.index or 0) >= count:
        found = ", ".join(kind for kind, present in here.items() if present)
        raise SettingsError(f"device {name} is not on this machine (found: {found}); take device auto.")
    return device


def check_precision(device: torch.device, precision: str) -> None:
    """Raise `SettingsError` for float16 on a CPU, which torch cannot train in."""
    if precision == "fp16" and device.type == "cpu":
        raise SettingsError("precision fp16 needs a GPU; take bf16 or 32 on a CPU.")


def make_fabric(device: torch.device, precision: str) -> Fabric:
    """Return a Fabric of one device for ``precision`` 32, bf16 or fp16. Raises as `check_precision` does."""
    check_precision(device, precision)
    talk = logging.getLogger("lightning_fabric")
    level = talk.level
    talk.setLevel(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # advice on clusters and tensor cores, not for our users
            return Fabric(
                accelerator=device.type,
                devices=[device.index or 0] if device.type == "cuda" else 1,
                precision=_PRECISIONS[precision],
                plugins=LightningEnvironment(),  # one process: do not look for a cluster
            )
    finally:
        talk.setLevel(level)
