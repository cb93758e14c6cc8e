"""The table of all tasks: what each makes for diagnoses to look at; test_subjects.py holds for every row."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import label_networks
import small_models
from elman.nn.subject import Subject
from elman.tasks import label_subject
from elman.tasks.language_model import LanguageModel


def language_model(folder: Path) -> Subject:
    model = LanguageModel.load(small_models.bundle(folder / "model", learn_initial_state=False))
    return model.subject(small_models.TEXT, steps=40, batch=2)


def labels(answer: str, **changes: Any) -> Callable[[Path], Subject]:
    def made(folder: Path) -> Subject:
        model, examples = label_networks.model(answer, hidden_sizes=(5,), **changes)
        return label_subject.subject(model, examples, steps=30, batch=2, title="model")

    return made


#: Name of a task -> makes a model of it in a folder and what there is to look at.
SUBJECTS: dict[str, Callable[[Path], Subject]] = {
    "language-model": language_model,
    "classify": labels("class"),
    "tag": labels("tags", bidirectional=True),
    "regress": labels("numbers"),
}
