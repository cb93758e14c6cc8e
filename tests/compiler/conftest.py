"""The kinds of processors that compiled code is tested for."""

from __future__ import annotations

import pytest

from elman.compiler.machine import KINDS, Host
from elman.errors import BackendError


@pytest.fixture(scope="session", params=KINDS)
def host(request: pytest.FixtureRequest) -> Host:
    """Every kind in turn; those that this machine cannot run are skipped by name."""
    try:
        return Host.named(request.param)
    except BackendError as error:
        pytest.skip(str(error))
