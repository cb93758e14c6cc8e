"""The table of all tasks: what each makes for diagnoses to look at; test_subjects.py holds for every row."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import small_models
from elman.nn.subject import Subject
from elman.tasks.language_model import LanguageModel


def language_model(folder: Path) -> Subject:
    model = LanguageModel.load(small_models.bundle(folder / "model", learn_initial_state=False))
    return model.subject(small_models.TEXT, steps=40, batch=2)


#: Name of a task -> makes a model of it in a folder and what there is to look at.
SUBJECTS: dict[str, Callable[[Path], Subject]] = {"language-model": language_model}
