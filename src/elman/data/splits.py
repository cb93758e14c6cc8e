"""Which sequences train, which are held out and which are for the test: as given, by ratio, by group or in time."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

import numpy as np
from numpy.typing import NDArray

from elman.data.examples import Answer, Examples
from elman.data.sources import read_examples, settled
from elman.errors import DataError, SettingsError

if TYPE_CHECKING:
    from elman.settings import DataSettings

#: Numbers are divided so that each of so many stretches of them keeps its share.
_TENTHS = 10
#: So many classes may have one sequence each; more are names.
_FEW_CLASSES = 20
#: Duplicates that are named in a sentence.
_NAMED = 2


@final
@dataclass(frozen=True)
class Parts:
    """Examples apart; ``sentences`` tell how many, how they were divided, and what stands in two parts."""

    train: Examples
    valid: Examples | None
    test: Examples | None
    sentences: tuple[str, ...] = ()


def read_parts(paths: Path | str | Iterable[Path | str], data: DataSettings, answer: Answer, seed: int = 0) -> Parts:
    """`read_examples` of ``paths`` and of the files for validation and test that ``data`` names, and `split`."""
    return with_own_files(read_examples(paths, data, answer), data, answer, seed)


def with_own_files(examples: Examples, data: DataSettings, answer: Answer, seed: int = 0) -> Parts:
    """`split` of examples that are read already, with the files for validation and test that ``data`` names."""
    same = replace(settled(data, examples), group=None)  # which only the training data need to tell
    valid = None if data.valid is None else read_examples(data.valid, same, answer)
    test = None if data.test is None else read_examples(data.test, same, answer)
    parts = split(examples, data, seed, valid, test)
    if answer != "text":
        _several_classes(parts.train)
    return parts


def split(
    examples: Examples, data: DataSettings, seed: int = 0, valid: Examples | None = None, test: Examples | None = None
) -> Parts:
    """Divide ``examples``; ``valid`` and ``test`` come from files of their own.

    Parts that the data give (folders, files or a column that say train, valid or test) stay as they are. What is
    missing is taken from the training part: ``held_out`` of it for validation, ``test_share`` for the test, so that
    every class keeps its share (``ratio``), no group is in two parts (``group``), or the latest are held out, and of
    them the very latest for the test (``time``). The same ``seed`` divides the same way. Raises `DataError`.
    """
    for other, name in ((valid, "valid"), (test, "test")):
        if other is not None and other.kind != examples.kind:
            raise DataError(f"The {name} data hold {other.kind}, the training data {examples.kind}. Expected the same.")
    given = _given(examples)
    rows = given.get("train", np.arange(len(examples)))
    manner = _manner(examples, data)
    shares = {
        "test": 0.0 if test is not None or "test" in given else data.test_share,
        "valid": 0.0 if valid is not None or "valid" in given else data.held_out,
    }
    drawn = _draw(examples, rows, shares, manner, seed)
    train = examples.take(drawn["train"])
    if valid is None:
        valid = _part(examples, given.get("valid", drawn["valid"]))
    if test is None:
        test = _part(examples, given.get("test", drawn["test"]))
    parts = Parts(train, valid, test)
    how = manner if any(shares.values()) else "given"
    return replace(parts, sentences=(*examples.notes, _counts(parts, how), *_warnings(parts)))


def _several_classes(train: Examples) -> None:
    """Raise `DataError` where there is nothing to tell apart, or the classes are none."""
    targets = train.targets or ()
    classes = {target for target in targets if isinstance(target, str)}
    if len(classes) == 1 < len(targets):
        raise DataError(
            f"All {len(targets)} sequences to train on, such as {train.names[0]}, are of the class '{targets[0]}'."
            " Expected two classes or more. Say with --target what is to be learnt, or give the files of all classes."
        )
    if len(classes) > max(_FEW_CLASSES, len(targets) / 2):
        raise DataError(
            f"The {len(targets)} sequences to train on have {len(classes)} different classes, such as '{targets[0]}' of"
            f" {train.names[0]}: these look like names or numbers. Say with --target what is to be learnt, or take"
            " regress for numbers."
        )


def _given(examples: Examples) -> dict[str, NDArray[np.int64]]:
    if examples.parts is None:
        return {}
    parts = np.array(examples.parts)
    return {part: np.flatnonzero(parts == part) for part in ("train", "valid", "test") if (parts == part).any()}


def _part(examples: Examples, rows: NDArray[np.int64]) -> Examples | None:
    return examples.take(rows) if len(rows) else None


def _manner(examples: Examples, data: DataSettings) -> str:
    """How to draw; raises where what it needs is not known."""
    if data.split == "auto":
        return "group" if examples.groups is not None else "ratio"
    if data.split == "group" and examples.groups is None:
        raise SettingsError("split group needs to know the groups: name their column, or a pattern, with --group.")
    if data.split == "time" and examples.times is None:
        raise SettingsError("split time needs to know when each sequence was made: name its column with --time-column.")
    return data.split


def _draw(
    examples: Examples, rows: NDArray[np.int64], shares: dict[str, float], manner: str, seed: int
) -> dict[str, NDArray[np.int64]]:
    """Rows of each part. Shares are of all rows; the test is drawn first, so it does not depend on ``held_out``."""
    rng = np.random.default_rng(seed)
    drawn: dict[str, NDArray[np.int64]] = {}
    for part, share in shares.items():
        count = min(max(1, round(share * len(rows))), len(rows) - 1) if share > 0 and len(rows) > 1 else 0
        rest = rows if part == "test" else np.setdiff1d(rows, drawn["test"])
        count = min(count, len(rest) - 1)
        if manner == "time":
            assert examples.times is not None
            latest = rest[np.argsort(np.array(examples.times)[rest], kind="stable")]
            drawn[part] = np.sort(latest[len(latest) - count :])
        elif manner == "group":
            drawn[part] = _whole_groups(examples, rest, count, rng)
        else:
            drawn[part] = _stratified(examples, rest, count, rng)
    drawn["train"] = np.setdiff1d(rows, np.concatenate([drawn["valid"], drawn["test"]]))
    return drawn


def _classes(examples: Examples, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """A number for each row, equal where the answers are alike; every part gets its share of each.

    The class; of several labels the rarest; the tenth of all numbers in which a number lies; one for all where the
    answers are tags, texts or unknown.
    """
    known = examples.targets is not None and examples.answer != "text"
    targets = [examples.targets[row] for row in rows] if known and examples.targets is not None else []
    if targets and isinstance(targets[0], (str, frozenset)):
        counts = Counter(_labels(targets))
        names = [
            min(several, key=lambda label: (counts[label], label), default="") for several in map(_as_set, targets)
        ]
        return np.unique(names, return_inverse=True)[1]
    if targets and isinstance(targets[0], np.ndarray):
        ranks = np.argsort(np.argsort([float(np.mean(target)) for target in targets], kind="stable"))
        return ranks * min(_TENTHS, len(rows)) // len(rows)
    return np.zeros(len(rows), dtype=np.int64)


def _as_set(target: Any) -> frozenset[str]:
    return target if isinstance(target, frozenset) else frozenset([target])


def _stratified(examples: Examples, rows: NDArray[np.int64], count: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """``count`` rows in which every class has its share: rounded down, the largest remainders up."""
    classes = _classes(examples, rows)
    sizes = np.bincount(classes)
    exact = sizes * (count / len(rows)) if len(rows) else sizes.astype(float)
    taken = np.floor(exact).astype(np.int64)
    # The last one of a class is for training, unless there is nothing else to take.
    order = np.lexsort((rng.random(len(sizes)), taken - exact, taken + 1 >= sizes))
    taken[order[: count - int(taken.sum())]] += 1
    chosen = [rng.permutation(rows[classes == label])[:number] for label, number in enumerate(taken)]
    return np.sort(np.concatenate(chosen)) if chosen else rows[:0]


def _whole_groups(
    examples: Examples, rows: NDArray[np.int64], count: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Whole groups with about ``count`` rows in all: each time the group after which the classes fit best."""
    if count == 0:
        return rows[:0]
    assert examples.groups is not None
    members: dict[str, list[int]] = defaultdict(list)
    for place, row in enumerate(rows):
        members[examples.groups[row]].append(place)
    if len(members) < 2:
        raise DataError(
            f"All {len(rows)} sequences belong to one group, '{next(iter(members))}', so none can be held out whole."
            " Say --split ratio, or name another column with --group."
        )
    if examples.answer == "text":
        return _any_groups(rows, list(members.values()), count, rng)
    classes = _classes(examples, rows)
    wanted = np.bincount(classes) * (count / len(rows))
    have = np.zeros_like(wanted)
    tally = {name: np.bincount(classes[places], minlength=len(wanted)) for name, places in members.items()}
    waiting = [list(members)[place] for place in rng.permutation(len(members))]
    chosen: list[str] = []
    while len(waiting) > 1:
        # Some groups at a time, so that thousands of them do not take long.
        few = waiting[:64]
        best = min(few, key=lambda name: float(np.square(have + tally[name] - wanted).sum()))
        better = np.square(have + tally[best] - wanted).sum() < np.square(have - wanted).sum()
        if chosen and not better:
            break
        chosen.append(best)
        waiting.remove(best)
        have = have + tally[best]
    return np.sort(rows[np.concatenate([members[name] for name in chosen])])


def _any_groups(
    rows: NDArray[np.int64], members: Sequence[list[int]], count: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Groups in any order until there are about ``count`` rows; one group at least stays behind."""
    order = rng.permutation(len(members))
    sizes = np.cumsum([len(members[group]) for group in order])
    some = min(int(np.abs(sizes - count).argmin()) + 1, len(members) - 1)
    return np.sort(rows[np.concatenate([members[group] for group in order[:some]])])


# ---- what is said of it


def _counts(parts: Parts, manner: str) -> str:
    known = parts.train.targets and parts.train.answer != "text"
    first = parts.train.targets[0] if known and parts.train.targets else None
    drawn = "at random"
    if isinstance(first, (str, frozenset)):
        drawn = "so that each class keeps its share"
    elif isinstance(first, np.ndarray):
        drawn = "so that small and large numbers keep their share"
    how = {"ratio": f"drawn {drawn}", "group": "whole groups", "time": "the latest", "given": "as the data say"}[manner]
    held = [f"{len(part):,} {name}" for part, name in ((parts.valid, "held out"), (parts.test, "for the test")) if part]
    return f"{len(parts.train):,} sequences to train on" + (f", {' and '.join(held)} ({how})." if held else ".")


def _warnings(parts: Parts) -> list[str]:
    sentences = []
    known = {_key(one): name for one, name in zip(parts.train.inputs, parts.train.names, strict=True)}
    groups = set(parts.train.groups or ())
    for part, called in ((parts.valid, "the held-out data"), (parts.test, "the test")):
        if part is None:
            continue
        twice = [
            (known[key], name) for one, name in zip(part.inputs, part.names, strict=True) if (key := _key(one)) in known
        ]
        if twice:
            shown = "; ".join(f"{here} is {there}" for there, here in twice[:_NAMED])
            sentences.append(
                f"{len(twice)} of {len(part):,} sequences of {called} stand in the training data too ({shown})."
                " What is measured on them is memory."
            )
        both = groups & set(part.groups or ())
        if both:
            sentences.append(f"{len(both)} groups are both in the training data and in {called}, such as {min(both)}.")
        sentences += _unseen(parts.train, part, called)
    return sentences


def _unseen(train: Examples, part: Examples, called: str) -> list[str]:
    if train.answer == "text":
        return []
    learnt, asked = (Counter(_labels(one.targets)) for one in (train, part))
    new = [label for label in asked if label not in learnt]
    if not new:
        return []
    return [f"{len(new)} labels of {called} are not in the training data: {', '.join(map(repr, sorted(new)[:5]))}."]


def _labels(targets: Sequence[Any] | None) -> list[str]:
    if targets is None or isinstance(targets[0], np.ndarray):
        return []
    return list(targets) if isinstance(targets[0], str) else [label for several in targets for label in several]


def _key(raw: Any) -> Any:
    """Something equal for equal sequences."""
    if isinstance(raw, np.ndarray):
        return (raw.shape, raw.tobytes())
    if is_dataclass(raw):
        return tuple(_key(getattr(raw, item.name)) for item in fields(raw))
    return tuple(map(_key, raw)) if isinstance(raw, tuple) else raw
