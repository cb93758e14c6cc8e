from __future__ import annotations

import pytest
import typer

from elman.cli import check


def test_check_shows_versions_and_ends_well(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check, "learn", lambda: (3.0, 0.5))
    check.check()
    out = capsys.readouterr().out
    for part in ("elman ", "torch ", "GPU:", "thread", "loss 3.000 -> 0.500", "everything is in order"):
        assert part in out


def test_check_says_what_is_missing_and_how_to_get_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check, "needed", lambda: ["torch", "no-such-package"])
    with pytest.raises(typer.Exit):
        check.check()
    assert "pip install no-such-package" in capsys.readouterr().out


def test_what_is_needed_is_what_the_package_says() -> None:
    assert {"torch", "lightning-fabric", "pyyaml"} <= set(check.needed())
    assert not {"pytest", "ruff"} & set(check.needed())


def test_check_fails_where_nothing_is_learnt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "learn", lambda: (3.0, 2.9))
    with pytest.raises(typer.Exit):
        check.check()
