from __future__ import annotations

from pathlib import Path

import small_models


def test_the_card_says_what_the_model_is_and_how_good(tmp_path: Path) -> None:
    card = (small_models.bundle(tmp_path / "model") / "README.md").read_text(encoding="utf-8")
    for part in (
        "lstm, 9 + 7 units",
        "characters",
        "1,000 symbols",
        "1.50 epochs",
        "| held-out, model | 1.0000 |",
        "elman export DIR --to onnx",
    ):
        assert part in card
