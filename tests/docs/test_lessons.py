"""What the lessons claim is true when they are run."""

from __future__ import annotations

import runpy
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from tolerances import FLOAT32_STEP

LESSONS = Path(__file__).parents[2] / "docs" / "lessons"
LESSON = LESSONS / "colours.py"


@pytest.fixture(scope="module")
def colours() -> SimpleNamespace:
    return SimpleNamespace(**runpy.run_path(str(LESSON)))


def run_lesson(name: str, folder: Path) -> dict[str, float]:
    """Run a lesson; every piece that it writes is kept beside its page, which shows it, and nothing else is kept."""
    figures: dict[str, float] = runpy.run_path(str(LESSONS / f"{name}.py"))["lesson"](folder)
    page = (LESSONS / f"{name}.md").read_text(encoding="utf-8")
    written = {path.name for path in folder.iterdir()}
    assert written == {path.name for path in (LESSONS / name).iterdir()}, f"run the lesson {name}"
    for piece in written - {"figures.json"}:
        assert f"{name}/{piece}" in page
    return figures


@pytest.fixture(scope="module")
def trained(colours: SimpleNamespace) -> torch.nn.Module:
    torch.manual_seed(0)
    network: torch.nn.Module = colours.WithMemory()
    colours.train(network, colours.row_of_blocks(33), 300)
    return network


def test_the_lesson_runs_and_writes_all_that_its_page_shows(colours: SimpleNamespace, tmp_path: Path) -> None:
    figures = colours.lesson(tmp_path)
    page = LESSON.with_suffix(".md").read_text(encoding="utf-8")
    for path in tmp_path.iterdir():
        assert path.stat().st_size > 0
        kept = LESSON.with_suffix("") / path.name
        assert kept.exists(), f"{kept} is missing: run the lesson"
        if path.suffix in (".md", ".svg"):
            assert f"colours/{path.name}" in page
    assert figures["with_memory_right"] == 1
    assert figures["with_memory_bits"] < 0.01
    assert figures["without_memory_right"] == pytest.approx(0.75)
    assert figures["best_without_memory"] == 0.5
    assert 0.5 <= figures["without_memory_bits"] < 0.51


def test_the_limit_without_memory_is_the_entropy(colours: SimpleNamespace) -> None:
    simple = torch.tensor([0, 1, 2] * 5)
    assert colours.best_without_memory(simple) == 0
    assert colours.most_right_without_memory(simple) == 1
    coin = torch.tensor([0, 0, 1, 1, 0])
    assert colours.best_without_memory(coin) == pytest.approx(1)


@pytest.mark.parametrize("seed", [1, 2])
def test_it_is_not_the_luck_of_one_seed(colours: SimpleNamespace, seed: int) -> None:
    torch.manual_seed(seed)
    network = colours.WithMemory()
    colours.train(network, colours.row_of_blocks(33), 300)
    assert colours.share_right(network, colours.row_of_blocks(201)) == 1


def test_one_block_at_a_time_gives_what_the_whole_row_gives(colours: SimpleNamespace, trained: torch.nn.Module) -> None:
    row = colours.row_of_blocks(9)
    whole = trained(colours.one_hot(row[:-1]))[0][0].softmax(-1)
    single = [list(run.probabilities.values()) for run in colours.run_by_run(trained, row)]
    torch.testing.assert_close(torch.tensor(single), whole, **FLOAT32_STEP)


def test_memory_alone_decides_what_follows_red(colours: SimpleNamespace, trained: torch.nn.Module) -> None:
    runs = colours.run_by_run(trained, colours.row_of_blocks(5))
    after_blue = colours.with_borrowed_memory(trained, "red", runs[0].after)
    after_yellow = colours.with_borrowed_memory(trained, "red", runs[2].after)
    assert after_blue["yellow"] > 0.95
    assert after_yellow["blue"] > 0.95


def test_the_sum_worked_by_hand_is_the_hidden_value(colours: SimpleNamespace, trained: torch.nn.Module) -> None:
    for run in colours.run_by_run(trained, colours.row_of_blocks(5)):
        _, value = colours.one_value_by_hand(trained, run)
        assert value == pytest.approx(run.after[0], abs=FLOAT32_STEP["atol"])


def test_the_way_back_by_hand_is_that_of_autograd(tmp_path: Path) -> None:
    figures = run_lesson("by_hand", tmp_path)
    assert figures["differs_from_autograd"] == 0
    assert abs(figures["cut_w"]) < abs(figures["by_hand_w"])
    for piece in tmp_path.glob("*.md"):
        assert piece.read_text(encoding="utf-8") == (LESSONS / "by_hand" / piece.name).read_text(encoding="utf-8")


def test_a_network_learns_what_its_gradients_reach(tmp_path: Path) -> None:
    figures = run_lesson("vanishing", tmp_path)
    kinds = ["simple, narrow weights", "simple, turning weights", "LSTM", "LSTM, gates open"]
    reaches = [figures[f"{kind}, reach"] for kind in kinds]
    assert reaches == sorted(reaches)
    assert all(figures[f"{kind}, known of 5"] > 0.95 for kind in kinds)
    assert figures["simple, narrow weights, known of 20"] < 0.1
    assert all(figures[f"{kind}, known of 20"] > 0.85 for kind in kinds[1:])
    assert all(figures[f"{kind}, known of 60"] < 0.1 for kind in kinds[:-1])
    assert figures["LSTM, gates open, known of 60"] > 0.8
    assert figures["LSTM, gates open, reach after"] > 60


def test_a_gate_keeps_until_a_number_is_marked(tmp_path: Path) -> None:
    figures = run_lesson("gates", tmp_path)
    assert figures["error"] < 0.1
    assert figures["keep_marked"] < 0.4
    assert figures["keep_not marked"] > 0.95
    assert figures["write_marked"] > 0.5
    assert figures["write_not marked"] < 0.1
    assert figures["half_life_measured"] > 15


def test_without_memory_a_lamp_is_a_coin(tmp_path: Path) -> None:
    figures = run_lesson("feed_forward", tmp_path)
    assert all(figures[f"with memory, step {step}"] > 0.97 for step in (1, 5, 20, 200))
    assert figures["sees 10 steps, step 5"] > 0.97
    for steps in ("1 step", "2 steps", "5 steps", "10 steps"):
        assert figures[f"sees {steps}, step 50"] == pytest.approx(0.5, abs=0.05)


def test_the_verb_agrees_with_a_noun_of_long_ago(tmp_path: Path) -> None:
    figures = run_lesson("same_input", tmp_path)
    assert all(value > 0.8 for name, value in figures.items() if name.startswith("the "))
    assert figures["difference"] > 0.9
    assert figures["alone_one"] + figures["alone_many"] < 0.95


def test_a_unit_knows_whether_a_quotation_is_open(tmp_path: Path) -> None:
    figures = run_lesson("reading", tmp_path)
    assert abs(figures["correlation"]) > 0.75
    assert figures["p"] < 0.001
    assert figures["rise_at_quotes"] > 2 * figures["rise_elsewhere"]


@pytest.mark.parametrize(
    ("value", "text"), [(0.0, "0"), (0.0123, "0.012"), (13780.6, "1.4 × 10⁴"), (-2e-7, "−2.0 × 10⁻⁷")]
)
def test_numbers_of_any_size_are_short(value: float, text: str) -> None:
    from writing import short

    assert short(value) == text
