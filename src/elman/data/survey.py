"""A first look at data: what can be learnt of them, how they would be read, and a settings file that says so."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from elman.codecs.panel_grid import said
from elman.codecs.raw import Picture, Raw
from elman.codecs.registry import codec_for
from elman.codecs.sequence import SequenceCodec
from elman.data.examples import Answer, Examples, Kind
from elman.data.panel import read_panel
from elman.data.settings_file import settings_file
from elman.data.sources import gather, read_examples
from elman.data.sources.pairs import is_language
from elman.data.sources.table import shorten
from elman.data.splits import with_own_files
from elman.errors import DataError
from elman.settings import (
    AnomalySettings,
    CaptionerSettings,
    ClassifierSettings,
    DataSettings,
    ForecastSettings,
    ImputerSettings,
    LabelSettings,
    RegressorSettings,
    TaggerSettings,
    TranscriberSettings,
    TranslatorSettings,
    flat,
    update,
)
from elman.settings.panel import PanelSettings

#: What is learnt -> the task and its options.
_TASKS: dict[str, tuple[str, type[LabelSettings] | type[TranscriberSettings]]] = {
    "class": ("classify", ClassifierSettings),
    "classes": ("classify", ClassifierSettings),
    "tags": ("tag", TaggerSettings),
    "numbers": ("regress", RegressorSettings),
    "text": ("transcribe", TranscriberSettings),
}
#: Tasks that learn texts of texts or pictures, and those of tables of series.
_TEXTS: dict[str, Any] = {"translate": TranslatorSettings, "caption": CaptionerSettings}
_PANELS: dict[str, Any] = {"forecast": ForecastSettings, "anomalies": AnomalySettings, "impute": ImputerSettings}
#: Pictures that are so many times as wide as high are lines of writing.
_LOW = 2.5
#: What is asked for, in this order; several classes are found by asking for one.
_ASKED: tuple[Answer, ...] = ("class", "tags", "numbers", "text")
#: What can be transcribed.
_SIGNALS = frozenset({"audio", "series", "ink", "images"})
#: Kinds of files that have no tag for every step.
_UNTAGGED = frozenset({"arrays", "series", "FASTA", "recordings", "pictures", "video", "ink"})
#: More different numbers than these are a quantity, not names of classes.
_MOST_CLASSES = 20
#: Sequences from which steps are made to be looked at, and those that are shown.
_FITTED, _SHOWN = 2000, 3
#: Steps of a sequence and numbers of a step that are shown.
_STEPS, _NUMBERS = 12, 6


@final
@dataclass(frozen=True)
class Survey:
    """What was found; `text` is the settings file.

    Attributes:
        paths: The files.
        task: As `elman train` calls it.
        settings: What was guessed, and typed.
        found: In words.
        shown: A few sequences, from all over the data: where each comes from with its answer, and what the model reads.
        answer: What is learnt of each sequence; None for tables of series.
    """

    paths: tuple[Path, ...]
    task: str
    settings: Any
    found: tuple[str, ...]
    shown: tuple[tuple[str, str], ...]
    answer: Answer | None = None

    def text(self, file: Path | str = "elman.yaml") -> str:
        """The settings file: guesses as they are, every other option as a comment with what it does."""
        return settings_file(self.task, self.paths, self.settings, self.found, self.shown, file)


def survey(paths: Sequence[Path], data: DataSettings, task: str | None = None) -> Survey:
    """Look at files and find out what they hold; ``task`` says what is to be learnt where that is known.

    Raises `DataError` where nothing can be learnt of them, with what would help.
    """
    if task in _PANELS:
        return _of_series(paths, data, task)
    if task in _TEXTS:
        return _of_texts(paths, data, task, read_examples(paths, data, "text"))
    if task is None and (two := _in_two_languages(paths, data)) is not None:
        return _of_texts(paths, data, "translate", two)
    try:
        answer, examples = _found(paths, data, task)
    except DataError:
        other = None if task else _other(paths, data)
        if other is None:
            raise
        return other
    if answer == "text" and task is None and _captions(examples):
        return _of_texts(paths, data, "caption", examples)
    return _of_signals(paths, data, answer, examples)


def _of_signals(paths: Sequence[Path], data: DataSettings, answer: Answer, examples: Examples) -> Survey:
    """The survey of sequences of any kind with a label, tags, numbers or a transcript each."""
    parts = with_own_files(examples, data, answer)
    if parts.train.targets and isinstance(parts.train.targets[0], frozenset):
        answer = "classes"
    name, kind = _TASKS[answer]
    settings = update(kind(), {**_typed(data), **parts.train.guessed})
    train = parts.train
    some = train.take(_spread(len(train), _FITTED))
    codec = codec_for(some.kind, some.inputs, settings.input)
    steps = [len(codec.encode(raw).values) for raw in some.inputs]
    lengths = f"{min(steps)} to {max(steps)} steps, half of them at most {int(np.median(steps))}"
    told = f"A sequence has {lengths}." if min(steps) < max(steps) else f"Every sequence has {steps[0]} steps."
    found = (*parts.sentences, _about_answers(train, answer), codec.describe(), told)
    shown = tuple((_named(train, row), _shown_steps(codec, train.kind, train.inputs[row])) for row in _few(train))
    return Survey(tuple(paths), name, settings, found, shown, answer)


def _few(examples: Examples) -> NDArray[np.int64]:
    return _spread(len(examples), _SHOWN)


def _named(examples: Examples, row: int) -> str:
    """Where a sequence comes from, and what is to be learnt of it."""
    learnt = "" if examples.targets is None else f": {_shown_answer(examples.targets[row])}"
    return f"{examples.names[row]}{learnt}"


def _of_texts(paths: Sequence[Path], data: DataSettings, task: str, examples: Examples) -> Survey:
    """Pairs of texts, or pictures with captions."""
    parts = with_own_files(examples, data, "text")
    train = parts.train
    settings = update(_TEXTS[task](), {**_typed(data), **train.guessed})
    shown = []
    for row in _few(train):
        raw = train.inputs[row]
        read = (
            f"{raw.pixels.shape[1]} x {raw.pixels.shape[0]} pixels" if isinstance(raw, Picture) else shorten(str(raw))
        )
        shown.append((_named(train, row), read))
    found = (*parts.sentences, _about_answers(train, "text"))
    return Survey(tuple(paths), task, settings, found, tuple(shown), "text")


def _of_series(paths: Sequence[Path], data: DataSettings, task: str) -> Survey:
    """A table of series."""
    typed = {name: value for name, value in _typed(data).items() if name in flat(PanelSettings())}
    panel = read_panel(list(paths), update(PanelSettings(), typed))
    columns, shown = panel.columns, []
    guessed: dict[str, Any] = {"id_column": columns.id, "time_column": columns.time, "target": columns.target}
    if columns.layout == "rows" or columns.id == "unique_id":
        guessed = {}
    settings = update(_PANELS[task](), {**{name: value for name, value in guessed.items() if value}, **typed})
    for number in _spread(len(panel), _SHOWN):
        values, times = panel.series(number), panel.times(number)
        first = " ".join("-" if np.isnan(value) else f"{value:g}" for value in values[:_STEPS])
        shown.append((f"{panel.ids[number]}, {said(times[0])} to {said(times[-1])}", f"{first} ..."))
    return Survey(tuple(paths), task, settings, (panel.describe(), *panel.notes), tuple(shown))


def _other(paths: Sequence[Path], data: DataSettings) -> Survey | None:
    """Series at dates, pairs of texts, or other series, where nothing says what a sequence is; None without any."""
    try:
        series = _of_series(paths, data, "forecast")
    except DataError:
        series = None
    texts = _tried(paths, data, "text")
    if (
        isinstance(texts, Examples)
        and texts.kind == "text"
        and (series is None or not series.settings.data.time_column)
    ):
        return _of_texts(paths, data, "translate", texts)
    return series


def _in_two_languages(paths: Sequence[Path], data: DataSettings) -> Examples | None:
    """Pairs of texts in parallel files, whose endings are names of languages; None where there are none."""
    texts = _tried(paths, data, "text") if len(gather(paths)) > 1 else None
    if not isinstance(texts, Examples) or texts.kind != "text":
        return None
    names = [*texts.guessed.get("input_column", ()), *texts.guessed.get("target", ())]
    return texts if len(names) == 2 and all(map(is_language, names)) else None


def _captions(examples: Examples) -> bool:
    """Whether these are pictures with sentences, not lines of writing, which are long and low."""
    pictures = [raw for raw in examples.inputs if isinstance(raw, Picture)]
    if len(pictures) < len(examples):
        return False
    words = np.median([len(str(target).split()) for target in examples.targets or ("",)])
    return bool(words > 1 and np.median([raw.pixels.shape[1] / raw.pixels.shape[0] for raw in pictures]) < _LOW)


def _found(paths: Sequence[Path], data: DataSettings, task: str | None) -> tuple[Answer, Examples]:
    """What can be learnt: a tag for every word, else numbers where they name no classes, else classes, else texts."""
    given: list[Answer] = [answer for answer in _ASKED if _TASKS[answer][0] == task]
    if given:
        return given[0], read_examples(paths, data, given[0])
    if not _UNTAGGED.intersection(gather(paths).kinds()):
        tags = _tried(paths, data, "tags")
        # The same tag at every step is the class of the sequence.
        if isinstance(tags, Examples) and any(
            len(set(each)) > 1 for each in tags.targets or () if isinstance(each, tuple)
        ):
            return "tags", tags
    classes = _tried(paths, data, "class")
    if isinstance(classes, DataError) or _all_differ(classes):
        texts = _tried(paths, data, "text")
        if isinstance(texts, Examples) and texts.kind in _SIGNALS and not _quantities(texts):
            return "text", texts
    if isinstance(classes, Examples) and not _quantities(classes):
        return "class", classes
    numbers = _tried(paths, data, "numbers")
    if isinstance(numbers, Examples):
        return "numbers", numbers
    if isinstance(classes, DataError):
        raise classes
    return "class", classes


def _spread(rows: int, most: int) -> NDArray[np.int64]:
    """Numbers of rows from the first to the last."""
    return np.unique(np.linspace(0, rows - 1, min(rows, most)).astype(np.int64))


def _typed(data: DataSettings) -> dict[str, Any]:
    usual = flat(DataSettings())
    return {name: value for name, value in flat(data).items() if value != usual[name]}


def _tried(paths: Sequence[Path], data: DataSettings, answer: Answer) -> Examples | DataError:
    try:
        return read_examples(paths, data, answer)
    except DataError as error:
        return error


def _all_differ(examples: Examples) -> bool:
    """Whether hardly two sequences have the same class."""
    return len(set(map(str, examples.targets or ()))) > max(_MOST_CLASSES, len(examples) / 2)


def _quantities(examples: Examples) -> bool:
    """Whether classes are numbers, so many or with such fractions that they measure something."""
    labels = set(map(str, examples.targets or ()))
    try:
        values = [float(label) for label in labels]
    except ValueError:
        return False
    return len(labels) > _MOST_CLASSES or any(value % 1 for value in values)


def _about_answers(train: Examples, answer: Answer) -> str:
    targets: Sequence[Any] = train.targets or ()
    if answer == "numbers":
        values = np.stack(list(targets))
        names = train.outputs or tuple(map(str, range(values.shape[1])))
        ranges = [
            f"{name} from {low:g} to {high:g}"
            for name, low, high in zip(names, values.min(0), values.max(0), strict=True)
        ]
        return f"To be learnt: {', '.join(ranges)}."
    if answer == "text":
        lengths = [len(str(target)) for target in targets]
        return f"To be written down: {len(targets):,} texts of {min(lengths)} to {max(lengths)} characters."
    labels = Counter(targets if answer == "class" else (label for several in targets for label in several))
    shown = ", ".join(f"{label} ({count:,})" for label, count in labels.most_common(10))
    more = f" and {len(labels) - 10} more" if len(labels) > 10 else ""
    what = {"class": "classes", "classes": "labels", "tags": "tags"}[answer]
    return f"{len(labels)} {what}: {shown}{more}."


def _shown_answer(target: Any) -> str:
    if isinstance(target, np.ndarray):
        return ", ".join(f"{number:g}" for number in target)
    if isinstance(target, str):
        return target
    items = sorted(target) if isinstance(target, frozenset) else list(target)
    return " ".join(items[:_STEPS]) + (" ..." if len(items) > _STEPS else "")


def _shown_steps(codec: SequenceCodec, kind: Kind, raw: Raw) -> str:
    steps = codec.encode(raw)
    count = len(steps.values)
    if kind in ("text", "words", "dna"):
        names = codec.labels(raw, steps)[:_STEPS]
        return " | ".join(name.replace("\n", "\\n") for name in names) + (
            f" | ... {count} steps" if count > _STEPS else ""
        )
    first = " ".join(f"{number:.2f}" for number in steps.values[0].ravel()[:_NUMBERS]) if count else ""
    size = int(np.prod(steps.values.shape[1:]))
    return f"{count} steps of {size} numbers, the first: {first}" + (" ..." if size > _NUMBERS else "")
