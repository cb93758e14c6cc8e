"""What every settings dataclass is read, checked and written with."""

from __future__ import annotations

import dataclasses
import functools
import math
import re
import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import field
from pathlib import Path
from typing import Any, Literal, TypeVar

import yaml

from elman.errors import SettingsError, nearest

Auto = Literal["auto"]
AUTO: Auto = "auto"

Settings = TypeVar("Settings")


class Duration(float):
    """A length of time in seconds, written ``90``, ``90s``, ``20m``, ``1h30m`` or ``2d``.

    >>> Duration.parse("1h30m")
    Duration('1h30m')
    >>> float(Duration.parse("20m"))
    1200.0
    """

    _UNITS: typing.ClassVar = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}

    @classmethod
    def parse(cls, text: str | float) -> Duration:
        """Read a duration; a bare number counts seconds. Raises ``ValueError`` on anything else."""
        if isinstance(text, (int, float)):
            return cls(text)
        parts = re.findall(r"(\d+(?:\.\d+)?)([dhms]?)", text.strip().lower())
        if not parts or "".join(n + u for n, u in parts) != text.strip().lower():
            raise ValueError(f"a duration such as 90s, 20m or 1h30m, not {text!r}")
        return cls(sum(float(number) * cls._UNITS[unit or "s"] for number, unit in parts))

    def __str__(self) -> str:
        rest, text = round(float(self)), ""
        if float(rest) != float(self) or not rest:
            return f"{float(self):g}s"
        for unit, seconds in self._UNITS.items():
            count, rest = divmod(rest, seconds)
            text += f"{count}{unit}" if count else ""
        return text

    def __repr__(self) -> str:
        return f"Duration('{self}')"


def option(default: Any, help: str, *, at_least: float | None = None, at_most: float | None = None) -> Any:
    """Declare a field of a settings dataclass: its one-sentence documentation, and the range of a number."""
    return field(default=default, metadata={"help": help, "range": (at_least, at_most)})


def fields_of(settings: type[Any] | Any) -> Iterator[tuple[str | None, dataclasses.Field[Any], Any]]:
    """Yield ``(section, field, annotation)`` for every option of a settings class, sections opened."""
    yield from _fields_of(settings if isinstance(settings, type) else type(settings))


@functools.cache
def _fields_of(cls: type[Any]) -> list[tuple[str | None, dataclasses.Field[Any], Any]]:
    found: list[tuple[str | None, dataclasses.Field[Any], Any]] = []
    hints = typing.get_type_hints(cls)
    for item in dataclasses.fields(cls):
        annotation = hints[item.name]
        if dataclasses.is_dataclass(annotation):
            inner = typing.get_type_hints(annotation)
            found += [(item.name, leaf, inner[leaf.name]) for leaf in dataclasses.fields(annotation)]
        else:
            found.append((None, item, annotation))
    return found


def update(settings: Settings, values: Mapping[str, Any], source: str = "the call") -> Settings:
    """Return a copy with the named options replaced.

    ``values`` maps option names to values or to their text form; sections may be given as nested
    mappings or as dotted names (``{"hidden_size": 64}``, ``{"network": {"hidden_size": "64"}}`` and
    ``{"network.hidden_size": 64}`` mean the same). Raises `SettingsError` that names ``source``, the
    option, what it takes and, for an unknown name, the nearest known one.
    """
    if not isinstance(values, Mapping):
        raise SettingsError(f"{source}: expected options by name, found {values!r}.")
    known = {leaf.name: (section, annotation) for section, leaf, annotation in fields_of(settings)}
    sections = {section for section, _ in known.values() if section}
    changes: dict[str | None, dict[str, Any]] = {}
    for name, value in _flatten(values, sections):
        if name in sections:
            raise SettingsError(f"{source}: {name} is a group of options, not one; give its options by name.")
        section_given, _, leaf_name = name.rpartition(".")
        leaf_name = leaf_name.replace("-", "_")
        section, annotation = known.get(leaf_name, (None, None))
        if annotation is None or (section_given and section_given != section):
            raise SettingsError(f"{source}: there is no option '{name}'.{nearest(leaf_name, known)}")
        changes.setdefault(section, {})[leaf_name] = parse(leaf_name, value, annotation, source)
    replaced: dict[str, Any] = changes.pop(None, {})
    for section, inner in changes.items():
        assert section is not None
        replaced[section] = dataclasses.replace(getattr(settings, section), **inner)
    result = dataclasses.replace(settings, **replaced)  # type: ignore[type-var]
    _validate(result, source)
    return result


def _flatten(values: Mapping[str, Any], sections: set[str]) -> Iterator[tuple[str, Any]]:
    for name, value in ((str(name), value) for name, value in values.items()):
        if isinstance(value, Mapping) and name in sections:
            yield from ((f"{name}.{inner}", v) for inner, v in value.items())
        else:
            yield name, value


def parse(name: str, value: Any, annotation: Any, source: str) -> Any:
    """Turn ``value``, or its text form, into what ``annotation`` asks for, or raise `SettingsError`."""
    for kind in alternatives(annotation):
        try:
            return _convert(value, kind)
        except (ValueError, TypeError):
            continue
    raise SettingsError(f"{source}: {name} takes {describe(annotation)}, not {value!r}.")


def describe(annotation: Any) -> str:
    """Say in words what an annotation accepts.

    >>> describe(int | Literal["auto"])
    "a whole number or 'auto'"
    """
    words = {int: "a whole number", float: "a number", bool: "true or false", str: "a text", Path: "a path"}
    words |= {tuple[str, ...]: "texts", Duration: "a time such as 20m", type(None): "none"}
    parts = []
    for kind in alternatives(annotation):
        if typing.get_origin(kind) is Literal:
            parts += [repr(choice) for choice in typing.get_args(kind)]
        else:
            parts.append(words[kind])
    return parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + " or " + parts[-1]


def alternatives(annotation: Any) -> tuple[Any, ...]:
    """The kinds of value that an annotation accepts, in the order in which they are tried."""
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return typing.get_args(annotation)
    return (annotation,)


def _convert(value: Any, kind: Any) -> Any:
    if kind is type(None):
        if value is None or (isinstance(value, str) and value.lower() in ("none", "")):
            return None
        raise ValueError
    if value is None:
        raise ValueError
    if typing.get_origin(kind) is Literal:
        if str(value) in typing.get_args(kind):
            return str(value)
        raise ValueError
    if kind == tuple[str, ...]:
        return (value,) if isinstance(value, str) else tuple(str(item) for item in value)
    if kind is bool:
        word = str(value).lower()
        if word in ("true", "yes", "on", "1"):
            return True
        return False if word in ("false", "no", "off", "0") else _reject()
    if isinstance(value, bool):
        raise ValueError
    if kind is int:
        if isinstance(value, str):
            return int(value.replace("_", ""))
        return int(value) if value == int(value) else _reject()
    if kind is Duration:
        return Duration.parse(value)
    return kind(value)


def _reject() -> Any:
    raise ValueError


def _validate(settings: Any, source: str) -> None:
    values = flat(settings)
    for _, leaf, _ in fields_of(settings):
        name, value, (low, high) = leaf.name, values[leaf.name], leaf.metadata["range"]
        if not isinstance(value, (int, float)) or isinstance(value, bool):
            continue
        # Written so that NaN, which compares as false with everything, is out of every range.
        if not ((low is None or value >= low) and (high is None or value <= high)) or value == math.inf:
            limits = f"at least {low}" if high is None else f"between {low} and {high}"
            raise SettingsError(f"{source}: {name} must be {limits}, not {value}.")


def flat(settings: Any) -> dict[str, Any]:
    """All options of ``settings`` as one mapping from name to value, sections opened."""
    return {
        leaf.name: getattr(getattr(settings, section) if section else settings, leaf.name)
        for section, leaf, _ in fields_of(settings)
    }


def to_dict(settings: Any) -> dict[str, Any]:
    """``settings`` as nested plain values for JSON or YAML; `update` reads it back."""
    plain: dict[str, Any] = {}
    for section, leaf, _ in fields_of(settings):
        value = getattr(getattr(settings, section) if section else settings, leaf.name)
        value = str(value) if isinstance(value, (Path, Duration)) else value
        value = list(value) if isinstance(value, tuple) else value
        (plain.setdefault(section, {}) if section else plain)[leaf.name] = value
    return plain


def read_yaml(path: Path) -> dict[str, Any]:
    """Read options from a YAML file; raises `SettingsError` with file and line where it is malformed."""
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read ({error.strerror}).") from None
    except UnicodeDecodeError:
        raise SettingsError(f"{path}: is not UTF-8 text.") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        raise SettingsError(f"{path}{line}: is not valid YAML ({getattr(error, 'problem', error)}).") from None
    if values is None:  # an empty file, or one of comments alone
        return {}
    if not isinstance(values, dict):
        raise SettingsError(f"{path}: expected lines such as 'hidden_size: 256', found {type(values).__name__}.")
    return values
