from __future__ import annotations

from pathlib import Path

import pytest

from elman.cli import main
from elman.cli.demo import documentation, free_folder
from elman.runtime import Bundle


def paragraphs(texts: list[str]) -> list[str]:
    return [" ".join(paragraph.split()) for text in texts for paragraph in text.split("\n\n") if paragraph.strip()]


def test_held_out_topics_share_no_paragraph_with_training() -> None:
    data = documentation()
    train, held_out = paragraphs(list(data.train)), paragraphs(list(data.held_out))
    assert not set(train) & set(held_out)
    assert len(set(train)) == len(train)
    assert 0.05 < len("".join(data.held_out)) / len("".join(data.train)) < 0.25


def test_a_free_folder_is_the_first_that_is_not_there(tmp_path: Path) -> None:
    assert free_folder(tmp_path / "demo") == tmp_path / "demo"
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo-2").mkdir()
    assert free_folder(tmp_path / "demo") == tmp_path / "demo-3"


def test_the_demo_leaves_a_model_with_its_rivals_and_a_picture(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = documentation()
    short = type(whole)(list(whole.train[:4]), list(whole.held_out[:1]), source=whole.source)
    monkeypatch.setattr("elman.cli.demo.documentation", lambda: short)
    monkeypatch.setattr("sys.argv", ["elman", "demo", "--out", str(tmp_path / "demo"), "--max-time", "1s", "-q"])
    with pytest.raises(SystemExit):
        main()
    out = capsys.readouterr().out
    metrics = Bundle.read(tmp_path / "demo").metrics["held_out"]
    assert {"model", "5-gram"} < set(metrics)
    assert any(name.startswith("feed-forward") for name in metrics)
    assert (tmp_path / "demo" / "curve.png").stat().st_size > 10_000
    assert f"elman generate {tmp_path / 'demo'}" in out
