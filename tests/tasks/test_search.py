from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from elman.errors import SaveError
from elman.settings import LanguageModelSettings, update
from elman.tasks.search import find_settings
from elman.training.events import Callback, Progress

ASKED = update(LanguageModelSettings(), {"dropout": 0.25, "epochs": 1})


@dataclass
class Model:
    metrics: dict[str, Any]


def fit(settings: LanguageModelSettings, callbacks: Sequence[Callback]) -> Model:
    """As good as the layers are few."""
    assert settings.network.dropout == 0.25
    layers = 9 if settings.network.num_layers == "auto" else int(settings.network.num_layers)
    seen = Progress(
        step=1, epoch=1, total=1, fraction=1.0, loss=1.0, learning_rate=0.1, grad_norm=1.0, symbols=1,
        symbols_per_second=1.0, elapsed=1.0, seconds_left=None, score=float(layers), figures={"perplexity": layers},
    )  # fmt: skip
    for callback in callbacks:
        callback.on_start(seen)
        callback.on_score(seen)
    return Model({"training": {"stopped_by": "epochs"}})


def test_the_best_settings_keep_what_was_given(tmp_path: Path) -> None:
    said: list[str] = []
    found = find_settings(ASKED, fit, tmp_path, trials=5, over=["num_layers"], note=said.append)
    assert found is not None
    assert (found.network.num_layers, found.network.dropout, found.training.epochs) == (1, 0.25, 1)
    assert said[0].startswith("Search over num_layers; the study is in")
    assert (tmp_path / "search" / "best.yaml").is_file()


def test_a_folder_with_a_run_is_in_use(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    with pytest.raises(SaveError, match="is in use"):
        find_settings(ASKED, fit, tmp_path, trials=2)


def test_an_interrupted_training_ends_the_search(tmp_path: Path) -> None:
    def interrupted(settings: LanguageModelSettings, callbacks: Sequence[Callback]) -> Model:
        return Model({"training": {"stopped_by": "interrupt"}})

    with pytest.raises(KeyboardInterrupt, match="the same command goes on with the search"):
        find_settings(ASKED, interrupted, tmp_path, trials=2)


def test_sizes_of_a_model_to_start_from_stay(tmp_path: Path) -> None:
    said: list[str] = []
    find_settings(ASKED, fit, tmp_path, trials=1, start_from=tmp_path, note=said.append)
    assert "hidden_size" not in said[0]
    assert "learning_rate" in said[0]
