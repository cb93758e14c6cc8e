"""A first look at data: what can be learnt of them, how they would be read, and a settings file that says so."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import numpy as np
import yaml
from numpy.typing import NDArray

from elman.codecs.raw import Raw
from elman.codecs.registry import codec_for
from elman.codecs.sequence import SequenceCodec
from elman.data.examples import Answer, Examples, Kind
from elman.data.sources import gather, read_examples
from elman.data.splits import Parts, with_own_files
from elman.errors import DataError
from elman.settings import (
    ClassifierSettings,
    DataSettings,
    LabelSettings,
    RegressorSettings,
    TaggerSettings,
    TranscriberSettings,
    fields_of,
    flat,
    to_dict,
    update,
)

#: What is learnt -> the task and its options.
_TASKS: dict[str, tuple[str, type[LabelSettings] | type[TranscriberSettings]]] = {
    "class": ("classify", ClassifierSettings),
    "classes": ("classify", ClassifierSettings),
    "tags": ("tag", TaggerSettings),
    "numbers": ("regress", RegressorSettings),
    "text": ("transcribe", TranscriberSettings),
}
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
    """What was found; `text` is the settings file."""

    paths: tuple[Path, ...]
    answer: Answer
    parts: Parts
    settings: LabelSettings | TranscriberSettings
    codec: SequenceCodec

    @property
    def task(self) -> str:
        """The task as `elman train` calls it."""
        return _TASKS[self.answer][0]

    def sentences(self) -> list[str]:
        """What was found, in words."""
        train = self.parts.train
        steps = [len(self.codec.encode(train.inputs[row]).values) for row in _spread(len(train), _FITTED)]
        lengths = f"{min(steps)} to {max(steps)} steps, half of them at most {int(np.median(steps))}"
        return [
            *self.parts.sentences,
            _about_answers(train, self.answer),
            self.codec.describe(),
            f"A sequence has {lengths}." if min(steps) < max(steps) else f"Every sequence has {steps[0]} steps.",
        ]

    def rows(self) -> Iterator[tuple[str, str]]:
        """A few sequences, from all over the data: where each comes from and its answer, and what the model reads."""
        train = self.parts.train
        for row in _spread(len(train), _SHOWN):
            learnt = "" if train.targets is None else f": {_shown_answer(train.targets[row])}"
            yield f"{train.names[row]}{learnt}", _shown_steps(self.codec, train.kind, train.inputs[row])

    def text(self, file: Path | str = "elman.yaml") -> str:
        """The settings file: guesses as they are, every other option as a comment with what it does."""
        named = " ".join(map(str, self.paths))
        lines = [
            f"# elman train {self.task} {named} --config {file} --out runs/{self.paths[0].name.split('.')[0]}",
            "#",
        ]
        for sentence in self.sentences():
            lines += _comment(sentence)
        lines += ["#", "# As the model reads them:"]
        for place, content in self.rows():
            lines += [f"#   {place}", f"#     {content}"]
        lines += ["", *self._options()]
        return "\n".join(lines) + "\n"

    def _options(self) -> Iterator[str]:
        """Every option with its help; only those that say what was guessed, or typed, count."""
        usual = flat(type(self.settings)())
        plain = to_dict(self.settings)
        now = flat(self.settings)
        chosen = {name for name, value in now.items() if value != usual[name]}
        # A group without an option in it would be no YAML for a group.
        opened = {group for group, leaf, _ in fields_of(self.settings) if leaf.name in chosen}
        section: str | None = None
        for group, leaf, _ in fields_of(self.settings):
            if group != section:
                yield ""
                if group:
                    yield f"{'' if group in opened else '# '}{group}:"
                section = group
            indent = "  " if group else ""
            value = plain[group][leaf.name] if group else plain[leaf.name]
            yield from (f"{indent}# {line}" for line in textwrap.wrap(leaf.metadata["help"], 110))
            yield f"{indent}{'' if leaf.name in chosen else '# '}{leaf.name}: {_yaml(value)}".rstrip()


def survey(paths: Sequence[Path], data: DataSettings, task: str | None = None) -> Survey:
    """Look at files and find out what they hold; ``task`` says what is to be learnt where that is known.

    Raises `DataError` where nothing can be learnt of them, with what would help.
    """
    answer, examples = _found(paths, data, task)
    parts = with_own_files(examples, data, answer)
    if parts.train.targets and isinstance(parts.train.targets[0], frozenset):
        answer = "classes"
    settings = update(_TASKS[answer][1](), {**_typed(data), **parts.train.guessed})
    some = parts.train.take(_spread(len(parts.train), _FITTED))
    return Survey(tuple(paths), answer, parts, settings, codec_for(some.kind, some.inputs, settings.input))


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


def _comment(sentence: str) -> list[str]:
    return textwrap.wrap(sentence, 116, initial_indent="# ", subsequent_indent="#   ")


def _yaml(value: Any) -> str:
    return (
        ""
        if value is None
        else yaml.safe_dump(value, default_flow_style=True, width=1000).removesuffix("...\n").strip()
    )
