"""The report on what was written for sources: measures that suit the symbols, figures, the page."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from elman.codecs import TextCodec
from elman.runtime.pair_model import Translation
from elman.tasks.text_report import MODEL
from elman.tasks.translation_report import COPY, Measure, Translated, TranslationReport

WORDS, PIECES = TextCodec.fit("words", ["a b"]), TextCodec.fit("bpe", ["a b"], 256)
CHARACTERS, SYMBOLS = TextCodec.fit("characters", ["ab"]), TextCodec.fit("symbols", ["A B"])


def written(*texts: str) -> list[Translation]:
    return [Translation(text, -1.0, -1.0, ("a",), (*text.split(), "<end>"), np.ones((len(text.split()) + 1, 1)))
            for text in texts]  # fmt: skip


REPORT = TranslationReport(
    measure=Measure("bleu"),
    parts={
        "test": Translated(
            names=["row 1", "row 2"], truth=[("a b c d",), ("x f g h", "e f g i")],
            model=written("a b c d", "e f g h"), others={COPY: ["a b c d", "e f g h"]},
            sources=["a b c d", "e f g h"],
        )
    },
    title="Targets",
)  # fmt: skip


@pytest.mark.parametrize(
    ("codec", "target", "main", "tokenizer"),
    [
        (PIECES, WORDS, "bleu", "13a"),
        (PIECES, CHARACTERS, "bleu", "char"),
        (CHARACTERS, CHARACTERS, "character_error", "char"),
        (CHARACTERS, SYMBOLS, "symbol_error", "13a"),
    ],
)
def test_the_measure_suits_the_symbols(codec: TextCodec, target: TextCodec, main: str, tokenizer: str) -> None:
    measure = Measure.of(codec, target)
    assert (measure.main, measure.tokenizer) == (main, tokenizer)


def test_what_was_learnt_in_lower_case_is_scored_so() -> None:
    assert Measure("symbol_error", lowercase=True).loss(["a b"], [("A B",)]) == 0
    assert Measure("symbol_error", lowercase=True).figures(["A b"], [("a B",)])["exact"] == 1
    assert Measure("symbol_error").loss(["a b"], [("A B",)]) == 1


def test_a_loss_is_better_the_lower() -> None:
    for measure in (Measure("bleu", "none"), Measure("character_error"), Measure("symbol_error")):
        good, bad = (measure.loss([text], [("a b c d e",)]) for text in ("a b c d e", "a b c d x"))
        assert good == pytest.approx(0)
        assert bad > 0.1


def test_figures_by_part_and_by_who_wrote() -> None:
    figures = REPORT.figures["test"]
    assert list(figures) == [MODEL, COPY]
    assert figures[MODEL]["exact"] == 0.5
    assert figures[MODEL]["bleu_signature"].startswith("nrefs:var")
    assert 0 < figures[MODEL]["bleu"] < 100


def test_the_terminal_shows_figures_signatures_and_the_first() -> None:
    lines = REPORT.lines()
    assert lines[0] == "test data, 2 pairs"
    assert any(line.startswith("BLEU: nrefs:") for line in lines)
    assert "    truth    x f g h | e f g i" in lines


def test_a_page_with_pictures_and_numbers(tmp_path: Path) -> None:
    page = REPORT.write(tmp_path)
    text = page.read_text(encoding="utf-8")
    assert "Most wrong" in text
    assert len(list((tmp_path / "report" / "pictures").iterdir())) == 2
    numbers = json.loads((tmp_path / "report" / "numbers.json").read_text(encoding="utf-8"))
    assert numbers["test"]["pairs"][1]["truth"] == ["x f g h", "e f g i"]
