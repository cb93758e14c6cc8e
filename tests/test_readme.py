"""What README.md and the guides say can be typed does work."""

from __future__ import annotations

import itertools
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = [
    "README.md",
    "docs/getting-started.md",
    "docs/language-models.md",
    "docs/labels.md",
    "docs/transcribe.md",
    "docs/translate.md",
    "docs/data.md",
]


def blocks(text: str, language: str) -> list[str]:
    """The code blocks of a language in a Markdown text."""
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def test_the_readme_starts_with_the_two_commands() -> None:
    first = blocks(README, "sh")[0]
    assert re.findall(r"^make \w+", first, re.MULTILINE) == ["make demo", "make test"]


@pytest.mark.parametrize("target", ["demo", "test", "check", "docs"])
@pytest.mark.skipif(sys.platform == "win32", reason="make is for Linux and macOS")
def test_make_knows_the_targets(target: str) -> None:
    subprocess.run(["make", "--dry-run", target], cwd=ROOT, check=True, capture_output=True)


def test_the_plain_lines_do_what_make_does() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    plain = blocks(README, "sh")[1]
    for line in ("bin/elman demo", "bin/python -m pytest", "python3"):
        assert line in plain
        assert line in makefile
    assert plain.count("-c constraints.txt") == 2


def test_the_python_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code, _ = blocks(README, "python")
    monkeypatch.chdir(tmp_path)
    Path("book.txt").write_text("It was the best of times, it was the worst of times.\n" * 60, encoding="utf-8")
    assert 'max_time="5m"' in code
    exec(compile(code.replace('max_time="5m"', "steps=3, hidden_size=8, threads=1"), "README.md", "exec"), {})
    assert Path("runs/book/model.safetensors").is_file()


def test_the_cell_of_the_readme_is_compiled(capsys: pytest.CaptureFixture[str]) -> None:
    _, code = blocks(README, "python")
    exec(compile(code, "README.md", "exec"), {"__name__": "readme"})
    (said,) = re.findall(r"print\(layer\.why\(\)\)  # (.*)", code)
    assert capsys.readouterr().out.strip() == said


@pytest.mark.parametrize("page", ["docs/layers.md", "docs/attention.md", "docs/heads.md"])
def test_the_examples_of_pages_about_layers_run(page: str) -> None:
    scope: dict[str, object] = {}
    try:
        for code in blocks((ROOT / page).read_text(encoding="utf-8"), "python"):
            exec(compile(code, page, "exec"), scope)
    finally:
        torch.use_deterministic_algorithms(False)  # one page turns it on


def commands(text: str) -> list[list[str]]:
    """The words of every ``elman ...`` that a page shows, in its blocks, tables and sentences."""
    lines = re.findall(r"(?:^|`|bin/)elman ((?:[^`\n]|\\\n)+)", text, re.MULTILINE)
    return [line.split() for line in lines]


@pytest.mark.parametrize("page", PAGES)
def test_pages_name_only_commands_and_options_that_exist(page: str) -> None:
    import typer.main

    from elman.cli import app

    root = typer.main.get_command(app)
    for words in commands((ROOT / page).read_text(encoding="utf-8")):
        command, rest = root, list(words)
        while rest and getattr(command, "commands", None):
            assert rest[0] in command.commands, f"{page}: elman {' '.join(words)}"
            command = command.commands[rest.pop(0)]
        known = {flag for parameter in command.params for flag in parameter.opts} | {"--help"}
        options = [word for word in rest if word.startswith("--")]
        assert set(options) <= known, f"{page}: elman {' '.join(words)}"


def test_the_constraints_pin_every_dependency() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [*project["dependencies"], *itertools.chain(*project["optional-dependencies"].values())]
    names = {re.split(r"[\[<>=~ ]", requirement)[0].lower() for requirement in wanted} - {project["name"]}
    pins = {
        line.split("==")[0].lower()
        for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
        if "==" in line
    }
    assert names <= pins
