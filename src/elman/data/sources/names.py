"""What the names of files tell: the class, and who or what a recording belongs to.

A pattern says where it stands: ``{}`` is the wanted piece, ``*`` anything within a name, ``#`` a number, ``/`` parts
folders. It is laid over the end of a path without the file's suffix: ``{}_*`` finds 7 in ``7_theo_3.wav``, ``{}#`` dog
in ``dog12.wav``, ``{}/*`` the folder of a file.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import final

from elman.data.sources.files import PART_NAMES
from elman.errors import DataError, SettingsError

#: What parts the pieces of a name.
_BETWEEN = re.compile(r"[_\-.\s]+")


def is_pattern(text: str) -> bool:
    """Whether an option is a pattern over names, and not the name of a column."""
    return "{}" in text


def pick(pattern: str, path: PurePosixPath) -> str | None:
    """The piece of a path that a pattern wants, or None where it does not fit.

    >>> pick("*_{}_*", PurePosixPath("digits/7_theo_3.wav")), pick("{}/*", PurePosixPath("digits/7_theo_3.wav"))
    ('theo', 'digits')
    """
    pieces = pattern.split("/")
    if len(path.parts) < len(pieces):
        return None
    end = "/".join(path.parts[-len(pieces) :])
    names = [end, end[: -len(path.suffix)]] if path.suffix else [end]
    fits = _expression(pattern)
    found = next((match for name in reversed(names) if (match := fits.fullmatch(name))), None)
    return found and found[1]


def _expression(pattern: str) -> re.Pattern[str]:
    if pattern.count("{}") != 1:
        raise SettingsError(f"a pattern over names has {{}} once, where the wanted piece is, not as in '{pattern}'.")
    pieces = re.split(r"(\{\}|\*|#)", pattern)
    marks = {"{}": "([^/]+?)", "*": "[^/]*?", "#": "[0-9]+"}
    return re.compile("".join(marks.get(piece, re.escape(piece)) for piece in pieces))


def pick_all(pattern: str, paths: Sequence[PurePosixPath], option: str) -> list[str]:
    """The wanted piece of every path. Raises `DataError` at the first that a pattern does not fit."""
    found = [pick(pattern, path) for path in paths]
    for path, piece in zip(paths, found, strict=True):
        if piece is None:
            raise DataError(
                f"{path}: --{option} '{pattern}' does not fit this name. {{}} is what is wanted, * anything."
            )
    return [piece for piece in found if piece is not None]


@final
@dataclass
class Told:
    """What names were found to tell, as patterns; ``notes`` say so."""

    target: str | None = None
    group: str | None = None
    notes: list[str] = field(default_factory=list)


def guess(paths: Sequence[PurePosixPath], asked: str, group: str | None = None) -> Told:
    """Where the class stands: in the folders, else at the start of the names; and who it is, where that is clear.

    ``group`` is a pattern that is known. The class is None where nothing is clear. Raises `DataError` where several
    levels of folders, or pieces of the names, could be the class.
    """
    folder, inside = _folder(paths, asked)
    told = Told(folder or _piece(paths, asked), group)
    if told.target is not None:
        classes = pick_all(told.target, paths, "target")
        told.notes.append(f"The class is {_where(told.target)}: {_some(classes)}; if not, say --target PATTERN.")
        told.group = group or inside or _group(paths, told.target, classes)
    if told.group is not None and group is None:
        groups = pick_all(told.group, paths, "group")
        told.notes.append(
            f"Files belong together by {_where(told.group)}: {_some(groups)}; if not, say --group PATTERN."
        )
    return told


def nothing_told(asked: str, what: str, paths: Sequence[PurePosixPath]) -> DataError:
    """The error where no class is in the names."""
    return DataError(
        f"{asked}: {len(paths)} {what}, such as {paths[0]}, but neither folders nor the starts of names look like a"
        " class. Say where it stands with --target PATTERN, such as '{}_*' for 7_theo_3 ({} is the class, * anything;"
        " a folder is '{}/*'), or give a table (CSV, JSON lines) with the columns path and label."
    )


def _folder(paths: Sequence[PurePosixPath], asked: str) -> tuple[str | None, str | None]:
    """The patterns of the folder that tells the class, if one does, and of folders within it."""
    depth = min(len(path.parts) for path in paths) - 1
    levels = {level: [path.parts[-1 - level] for path in paths] for level in range(1, depth + 1)}
    telling = [level for level, names in levels.items() if _tells_classes(names) and not _are_parts(names)]
    if not telling:
        return None, None
    outer, inner = max(telling), min(telling)
    if outer > inner and not _lies_within(levels[inner], levels[outer]):
        raise DataError(
            f"{asked}: two levels of folders could be the class: {_some(levels[outer])}, or below"
            f" {_some(levels[inner])}. Say which: --target '{_level(outer)}' or --target '{_level(inner)}'; the other"
            " may be the --group."
        )
    below = levels[outer - 1] if outer > 1 else []
    some = len(set(levels[outer])) < len(set(below)) < len(paths)
    return _level(outer), _level(outer - 1) if some else None


def _lies_within(inner: Sequence[str], outer: Sequence[str]) -> bool:
    """Whether each inner folder is in one outer one: it is a session, or somebody of one class."""
    return len(set(zip(inner, outer, strict=True))) == len(set(inner))


def _are_parts(names: Sequence[str]) -> bool:
    return {name.lower() for name in names} <= set(PART_NAMES)


def _level(level: int) -> str:
    return "{}" + "/*" * level


def _piece(paths: Sequence[PurePosixPath], asked: str) -> str | None:
    """The pattern of the piece of the names that tells the class: the first, unless that is some long number."""
    stems = [path.stem for path in paths]
    lettered = [re.fullmatch(r"(.*[^\d_\-.\s])\d+", stem) for stem in stems]
    if all(lettered) and _tells_classes([match[1] for match in lettered if match]):
        return "{}#"
    first = [_BETWEEN.split(stem)[0] for stem in stems]
    between = {match[0] if (match := _BETWEEN.search(stem)) else "" for stem in stems}
    if _tells_classes(first) and len(between) == 1 and not all(name.isdigit() and len(name) > 2 for name in first):
        return "{}" + between.pop() + "*"
    others = {pattern: names for pattern, names in _places(paths)[1:] if _tells_classes(names)}
    if len(others) > 1:
        found = "; ".join(f"--target '{pattern}' for {_some(names)}" for pattern, names in others.items())
        raise DataError(f"{asked}: {len(others)} pieces of the names could be the class. Say which: {found}.")
    return next(iter(others), None)


def _places(paths: Sequence[PurePosixPath]) -> list[tuple[str, list[str]]]:
    """The pattern of every piece of the names, and what stands there; none where the names are not made alike."""
    pieces = [_BETWEEN.split(path.stem) for path in paths]
    between = _BETWEEN.findall(paths[0].stem)
    if any(_BETWEEN.findall(path.stem) != between for path in paths) or not between:
        return []
    found = []
    for place in range(len(between) + 1):
        marks = ["{}" if number == place else "*" for number in range(len(between) + 1)]
        pattern = "".join(mark + gap for mark, gap in zip(marks, [*between, ""], strict=True))
        found.append((pattern, [each[place] for each in pieces]))
    return found


def _group(paths: Sequence[PurePosixPath], target: str, classes: Sequence[str]) -> str | None:
    """The pattern of a piece of the names that has letters and comes with several classes each: a speaker."""
    if "/" in target:
        return None
    for pattern, names in _places(paths)[1:]:
        with_class: dict[str, set[str]] = defaultdict(set)
        for name, label in zip(names, classes, strict=True):
            with_class[name].add(label)
        somebody = all(re.search("[A-Za-z]", name) for name in with_class)
        if somebody and len(with_class) > 2 and min(map(len, with_class.values())) > 1:
            return pattern
    return None


def _tells_classes(names: Sequence[str]) -> bool:
    """Several values, each twice or more on average, as of a class."""
    return 2 <= len(set(names)) <= len(names) / 2


def _where(pattern: str) -> str:
    if "/" in pattern:
        return "the folder"
    return "the first piece of the name" if pattern.startswith("{}") else f"what stands at '{pattern}' in the name"


def _some(names: Sequence[str]) -> str:
    found = sorted(set(names))
    return ", ".join(found[:6]) + (f", ... ({len(found)} in all)" if len(found) > 6 else "")
