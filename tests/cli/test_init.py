from __future__ import annotations

from pathlib import Path

from typer.testing import CliRunner

from elman.cli import app
from elman.errors import SaveError
from elman.settings import read_yaml


def test_init_writes_a_settings_file(tmp_path: Path) -> None:
    data, out = tmp_path / "reviews.csv", tmp_path / "elman.yaml"
    data.write_text("about,text,label\n" + "x,a fine film,pos\ny,so dull,neg\n" * 5)
    result = CliRunner().invoke(app, ["init", str(data), "--out", str(out), "--held-out", "0.2"])
    assert result.exit_code == 0, result.output
    assert f"elman train classify {data} --config {out} --out runs/reviews" in result.output
    assert read_yaml(out)["data"]["held_out"] == 0.2
    again = CliRunner().invoke(app, ["init", str(data), "--out", str(out)])
    assert isinstance(again.exception, SaveError)
    assert "--out" in str(again.exception)
