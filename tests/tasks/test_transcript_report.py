from __future__ import annotations

import json
from pathlib import Path

import pytest

from elman.errors import SaveError
from elman.tasks.transcript_report import COMMONEST, MODEL, Said, TranscriptReport, commonest

TRUTH = ["the cat sat", "on it", "so"]
SAID = Said(
    ["one", "two", "three"],
    TRUTH,
    {MODEL: ["the hat sat", "on it", "No"], COMMONEST: ["so", "so", "so"]},
    {"é": 2},
)
REPORT = TranscriptReport({"held_out": SAID, "test": SAID}, "Transcripts of clips")


def test_figures_by_hand() -> None:
    """Of 6 words 2 are wrong, of 18 characters 3: c for h, s for N."""
    figures = SAID.figures()[MODEL]
    assert figures["wer"] == pytest.approx(2 / 6)
    assert figures["cer"] == pytest.approx(2 / 18)
    assert figures["all_right"] == pytest.approx(1 / 3)
    assert (figures["sequences"], figures["words"], figures["characters"]) == (3, 6, 18)
    assert figures["unknown_characters"] == 2
    assert figures["wer_95"][0] <= figures["wer"] <= figures["wer_95"][1]
    assert SAID.figures()[COMMONEST]["wer"] == pytest.approx(5 / 6)


def test_case_counts_unless_it_is_asked_not_to() -> None:
    lower = Said(["a"], ["So"], {MODEL: ["sO"]}, {}, lowercase=True)
    assert lower.figures()[MODEL]["cer"] == 0
    assert Said(["a"], ["So"], {MODEL: ["sO"]}, {}).figures()[MODEL]["cer"] == 1


def test_mistakes_and_the_worst_are_told() -> None:
    assert SAID.mistaken(5) == [
        ("word", "cat", "hat", 1),
        ("word", "so", "No", 1),
        ("character", "c", "h", 1),
        ("character", "s", "N", 1),
    ]
    assert SAID.worst(5) == [("one", 1, "the cat sat", "the hat sat"), ("three", 1, "so", "No")]


def test_the_terminal_shows_every_part_and_what_is_most_wrong() -> None:
    text = "\n".join(REPORT.lines())
    assert "held-out data, 3 transcripts, 6 words, 18 characters" in text
    assert "test data" in text
    assert "1 symbols of the truth were not in the training data: 'é' 2 times." in text
    assert "    said   the hat sat" in text


def test_page_and_numbers_are_written(tmp_path: Path) -> None:
    page = REPORT.write(tmp_path)
    html = page.read_text(encoding="utf-8")
    assert "the commonest transcript" in html
    assert "How good it is: test data" in html
    numbers = json.loads((tmp_path / "report" / "numbers.json").read_text(encoding="utf-8"))
    assert numbers["test"]["figures"]["model"]["wer"] == pytest.approx(2 / 6)
    assert numbers["test"]["transcripts"][1]["truth"] == "on it"
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(SaveError, match="the report cannot be written"):
        REPORT.write(tmp_path / "file")


def test_the_commonest_transcript_is_the_first_of_equal_ones() -> None:
    assert commonest(["b", "a", "a", "b", "c"]) == "b"
