"""The commands, run in this process as a shell would run them."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import small_models
from shell import Shell

SETTLED = ["--threads", "1", "--precision", "32", "--hidden-size", "8", "--batch-size", "4", "--window", "10"]


@pytest.fixture
def elman(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(monkeypatch, capsys)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return small_models.bundle(tmp_path / "model")


@pytest.fixture
def book(tmp_path: Path) -> Path:
    path = tmp_path / "book.txt"
    path.write_text("one two three four. " * 60, encoding="utf-8")
    return path


def test_help_names_every_command(elman: Shell) -> None:
    code, out, _ = elman("--help")
    assert code == 0
    verbs = ("check", "demo", "train", "generate", "predict", "evaluate", "info", "inspect", "watch", "explain")
    for verb in (*verbs, "export", "bench"):
        assert verb in out


def test_version(elman: Shell) -> None:
    assert re.fullmatch(r"elman \d+\.\d+\.\d+\n", elman("--version")[1])


def test_train_makes_a_model_that_the_other_commands_use(elman: Shell, book: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    code, text, _ = elman("train", "language-model", book, "--out", out, "--steps", 20, *SETTLED)
    assert code == 0
    assert f"elman generate {out}" in text
    assert elman("generate", out, "--prompt", "one", "--length", 30)[0] == 0
    code, text, _ = elman("evaluate", out, book)
    assert code == 0
    assert "bits per character" in text
    assert "20" in (out / "log.csv").read_text(encoding="utf-8")
    assert list((out / "tensorboard").iterdir())


def test_train_in_json_prints_json_lines_only(elman: Shell, book: Path, tmp_path: Path) -> None:
    code, out, _ = elman("train", "language-model", book, "--out", tmp_path / "r", "--steps", 3, "--json", *SETTLED)
    assert code == 0
    events = [json.loads(line)["event"] for line in out.splitlines()]
    assert events[0] == "start"
    assert events[-1] == "end"
    assert "score" in events


def test_quiet_training_prints_nothing(elman: Shell, book: Path, tmp_path: Path) -> None:
    result = elman("train", "language-model", book, "--out", tmp_path / "r", "--steps", 3, "--quiet", *SETTLED)
    assert result == (0, "", "")


def interrupt_at(moment: str, monkeypatch: pytest.MonkeyPatch, times: int = 1) -> None:
    """Press Ctrl-C when the display is told of ``moment``."""
    from elman.training.display import LineDisplay

    def press(self: LineDisplay, progress: object) -> None:
        for _ in range(times):
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(LineDisplay, moment, press)


def test_ctrl_c_leaves_a_model_and_says_how_to_go_on(
    elman: Shell, book: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "run"
    with monkeypatch.context() as patch:
        interrupt_at("on_step", patch)
        code, text, err = elman("train", "language-model", book, "--out", out, "--steps", 9, *SETTLED)
    assert code == 0
    assert "Interrupted: ending with checkpoint" in err
    assert f"The best model so far is in {out}. The same command with --resume goes on." in text
    assert elman("generate", out, "--length", 3)[0] == 0
    code, text, _ = elman("train", "language-model", book, "--out", out, "--resume")
    assert (code, f"Try: elman generate {out}" in text) == (0, True)


def test_a_second_ctrl_c_says_how_to_go_on(
    elman: Shell, book: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupt_at("on_step", monkeypatch, times=2)
    code, _, err = elman("train", "language-model", book, "--out", tmp_path / "run", "--steps", 9, *SETTLED)
    assert (code, "stopped at once; --resume goes on" in err) == (130, True)


def test_ctrl_c_before_the_first_step_leaves_nothing(
    elman: Shell, book: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def press(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("elman.tasks.training_run.measure", press)
    code, _, err = elman("train", "language-model", book, "--out", tmp_path / "run", *SETTLED)
    assert (code, err.strip()) == (130, "interrupted")
    assert not (tmp_path / "run").exists()


def test_too_little_memory_is_a_sentence(elman: Shell, book: Path, tmp_path: Path) -> None:
    vast = ["--hidden-size", 10**8, "--threads", 1, "--precision", "32"]
    code, _, err = elman("train", "language-model", book, "--out", tmp_path / "run", *vast)
    assert (code, "not enough memory" in err) == (1, True)
    assert not (tmp_path / "run").exists()


def test_later_ways_of_setting_win(elman: Shell, book: Path, tmp_path: Path) -> None:
    config = tmp_path / "c.yaml"
    config.write_text("hidden_size: 5\nnetwork:\n  num_layers: 2\ntraining.steps: 2\nseed: 7\n", encoding="utf-8")
    out = tmp_path / "run"
    command = ["train", "language-model", book, "--out", out, "--config", config, "--quiet"]
    elman(*command, "--set", "seed=8", "--set", "num_layers=3", "--seed", 9, "--threads", 1, "--precision", "32")
    settings = json.loads((out / "config.json").read_text(encoding="utf-8"))["settings"]
    assert settings["network"]["hidden_size"] == 5
    assert settings["network"]["num_layers"] == 3
    assert settings["training"]["seed"] == 9


def test_samples_are_shown_at_three_moments(elman: Shell, book: Path, tmp_path: Path) -> None:
    _, _, err = elman("train", "language-model", book, "--out", tmp_path / "r", "--steps", 4, "--samples", 20, *SETTLED)
    assert all(moment in err for moment in ("before training", "half-way", "at the end"))


def test_reach_is_logged_and_a_short_one_is_said(elman: Shell, book: Path, tmp_path: Path) -> None:
    run = tmp_path / "r"
    forgetful = ("--steps", 2, "--cell", "cfc", "--window", 60)
    code, _, err = elman("train", "language-model", book, "--out", run, "--reach", *SETTLED, *forgetful)
    assert code == 0, err
    assert "less than the window of 60" in err
    table = (run / "reach.csv").read_text(encoding="utf-8").splitlines()
    assert [row.split(",")[0] for row in table] == ["step", "0", "2"]


def test_generate_continues_the_prompt_and_repeats_itself(elman: Shell, model: Path) -> None:
    first = elman("generate", model, "--prompt", "The ", "--length", 40, "--seed", 3)
    assert first[1].startswith("The ")
    assert first == elman("generate", model, "--prompt", "The ", "--length", 40, "--seed", 3)
    _, out, _ = elman("generate", model, "--prompt", "The ", "--length", 40, "--seed", 3, "--json")
    assert first[1] == "The " + json.loads(out)["text"] + "\n"


def test_predict_shows_so_many(elman: Shell, model: Path) -> None:
    assert len(elman("predict", model, "--prompt", "The ", "--top", 3)[1].splitlines()) == 3
    rows = json.loads(elman("predict", model, "--prompt", "The ", "--top", 3, "--json")[1])["next"]
    assert rows[0]["probability"] >= rows[2]["probability"]


def test_evaluate_by_line(elman: Shell, model: Path, tmp_path: Path) -> None:
    text = tmp_path / "t.txt"
    text.write_text("So it goes.\nSo it.\n", encoding="utf-8")
    figures = json.loads(elman("evaluate", model, text, "--per-line", "--json")[1])
    assert [row["symbols"] for row in figures["lines"]] == [11, 7]
    assert figures["symbols"] == 18
    assert "So it." in elman("evaluate", model, text, "--per-line")[1]


def test_info(elman: Shell, model: Path) -> None:
    assert "lstm, 9 + 7 units" in elman("info", model)[1]
    assert json.loads(elman("info", model, "--json")[1])["config"]["task"] == "language-model"


WRONG = [
    (["nonsense"], 2, "No such command"),
    (["train", "language-model", "{book}"], 2, "Missing option"),
    (["train", "language-model", "{book}", "--out", "{new}", "--hiden-size", "3"], 2, "hidden-size"),
    (["train", "language-model", "{book}", "--out", "{new}", "--set", "hiden_size=3"], 2, "Did you mean 'hidden_size'"),
    (["train", "language-model", "{book}", "--out", "{new}", "--set", "hidden_size"], 2, "KEY=VALUE"),
    (["train", "language-model", "{book}", "--out", "{new}", "--hidden-size", "many"], 2, "a whole number or 'auto'"),
    (["train", "language-model", "{book}", "--out", "{new}", "--dropout", "2"], 2, "between 0 and 0.95"),
    (["train", "language-model", "{book}", "--out", "{new}", "--max-time", "soon"], 2, "a time such as 20m"),
    (["train", "language-model", "{book}", "--out", "{new}", "--config", "{missing}"], 2, "cannot be read"),
    (["train", "language-model", "{book}", "--out", "{new}", "--seed", "-1"], 2, "seed must be between 0 and"),
    (["train", "language-model", "{book}", "--out", "{new}", "--precision", "fp16"], 2, "fp16 needs a GPU"),
    (["train", "language-model", "{book}", "--out", "{new}", "--quiet", "--json"], 2, "give one of them"),
    (["train", "language-model", "{book}", "--out", "{new}", "--held-out", "0"], 1, "held-out text is too short"),
    (["train", "language-model", "{book}", "--out", "{new}", "--from", "{model}", "--cell", "gru"], 2, "cell = lstm"),
    (["train", "language-model", "{book}", "--out", "{new}", "--cell", "rnn", "--memory", "9"], 2, "memory=9"),
    (["train", "language-model", "{book}", "--out", "{model}"], 1, "is in use"),
    (["train", "language-model", "{missing}", "--out", "{new}"], 1, "there is no such file"),
    (["train", "language-model", "{binary}", "--out", "{new}"], 1, "is binary"),
    (["train", "language-model", "{latin}", "--out", "{new}"], 1, "line 2"),
    (["train", "language-model", "{empty}", "--out", "{new}"], 1, "is empty"),
    (["train", "language-model", "{book}", "--out", "{new}", "--from", "{missing}"], 1, "is not a folder"),
    (["train", "language-model", "{book}", "--out", "{new}", "--resume"], 1, "holds no run to resume"),
    (["generate", "{missing}"], 1, "is not a folder"),
    (["generate", "{model}", "--prompt", "€"], 2, "never seen"),
    (["generate", "{model}", "--top-p", "0"], 2, "top_p"),
    (["generate", "{model}", "--stop", ""], 2, "at least one character"),
    (["generate", "{model}", "--seed", "-1"], 2, "seed must be between 0 and"),
    (["generate", "{model}", "--temperature", "-1"], 2, "temperature"),
    (["evaluate", "{model}", "{missing}"], 1, "there is no such file"),
    (["info", "{book}"], 1, "is not a folder"),
    (["export", "{model}"], 2, "Missing option '--to'"),
    (["export", "{model}", "--to", "onix"], 2, "Did you mean 'onnx'"),
    (["export", "{missing}", "--to", "onnx"], 1, "is not a folder"),
]


@pytest.mark.parametrize(("command", "code", "sentence"), WRONG)
def test_what_is_wrong_is_said_in_a_sentence(
    command: list[str], code: int, sentence: str, elman: Shell, book: Path, model: Path, tmp_path: Path
) -> None:
    places = {name: tmp_path / name for name in ("new", "missing", "binary", "latin", "empty")}
    places["binary"].write_bytes(b"\x00\x01\x02" * 100)
    places["latin"].write_bytes(b"plain\ncaf\xe9\n")
    places["empty"].write_bytes(b"")
    found, _, err = elman(*(word.format(**places, book=book, model=model) for word in command))
    assert sentence in re.sub(r"\s+", " ", re.sub(r"[│╭╮╰╯─]", "", err))
    assert found == code
    assert not places["new"].exists()


def test_a_reader_that_has_gone_is_no_error(model: Path) -> None:
    command = [sys.executable, "-c", "from elman.cli import main; main()", "generate", str(model), "--length", "50000"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        child.stdout.read(1)
        child.stdout.close()
        assert child.stderr.read() == ""
    assert child.returncode == 0


def test_what_should_not_happen_is_a_sentence_too(elman: Shell, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("by accident")

    monkeypatch.setattr("elman.tasks.language_model.LanguageModel.load", broken)
    code, _, err = elman("predict", model)
    assert code == 1
    assert "this should not happen (ZeroDivisionError: by accident)" in err
