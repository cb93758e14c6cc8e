"""Makes command-line options out of settings dataclasses, and settings out of what was typed."""

from __future__ import annotations

import dataclasses
import inspect
import typing
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from elman.errors import SettingsError
from elman.settings import Duration, Settings, alternatives, fields_of, read_yaml, update

ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", help="YAML file with any of these options.", show_default=False, readable=False),
]
SetOption = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Any option by name; may be repeated.")
]


def with_settings(default: Any) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Decorate a command that takes ``settings``: every field of ``default`` becomes an option of its own.

    The command gets the settings made of the defaults, then ``--config``, then ``--set``, then the options, each
    winning over those before it.
    """

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        names = [leaf.name for _, leaf, _ in fields_of(default)]

        def wrapped(**typed: Any) -> None:
            given = {name: typed.pop(name) for name in names}
            config, assignments = typed.pop("config"), typed.pop("assignments")
            command(settings=resolve(default, config, assignments or [], given), **typed)

        own = inspect.signature(command, eval_str=True).parameters.values()
        annotations = {parameter.name: parameter.annotation for parameter in own if parameter.name != "settings"}
        defaults = {parameter.name: parameter.default for parameter in own}
        annotations |= {"config": ConfigOption, "assignments": SetOption}
        annotations |= {leaf.name: _flag(section, leaf, kind) for section, leaf, kind in fields_of(default)}
        wrapped.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
            [
                inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=defaults.get(name), annotation=kind)
                for name, kind in annotations.items()
            ]
        )
        # Typer reads annotations beside the signature.
        wrapped.__annotations__, wrapped.__doc__ = annotations, command.__doc__
        return wrapped

    return decorate


def _flag(section: str | None, leaf: dataclasses.Field[Any], annotation: Any) -> Any:
    """The option of one field, as text: `settings.parse` makes a value of it, the same as from YAML."""
    several = annotation == tuple[str, ...]
    flag = typer.Option(
        "--" + leaf.name.replace("_", "-"),
        help=leaf.metadata["help"] + ("" if leaf.default in ("", (), None) else f" [{leaf.default}]"),
        metavar=_metavar(annotation),
        rich_help_panel=(section or "options").capitalize(),
        show_default=False,
    )
    return Annotated[list[str] | None, flag] if several else Annotated[str | None, flag]


def resolve(default: Settings, config: Path | None, assignments: list[str], given: dict[str, Any]) -> Settings:
    """Settings from the defaults, a YAML file, ``key=value`` texts and typed options, the later winning."""
    settings = default
    if config is not None:
        settings = update(settings, read_yaml(config), str(config))
    for assignment in assignments:
        key, separator, value = assignment.partition("=")
        if not separator:
            raise SettingsError(f"--set takes KEY=VALUE, such as hidden_size=256, not '{assignment}'.")
        settings = update(settings, {key.strip(): value.strip()}, "--set")
    return update(
        settings, {name: value for name, value in given.items() if value not in (None, [])}, "the command line"
    )


def _metavar(annotation: Any) -> str:
    """What stands for the value in --help: its choices, or a word for its kind.

    >>> _metavar(int | Literal["auto"]), _metavar(int | None)
    ('N|auto', 'N')
    """
    names = {int: "N", float: "X", bool: "BOOL", Path: "FILE", Duration: "TIME"}
    words: list[str] = []
    for kind in alternatives(annotation):
        if typing.get_origin(kind) is Literal:
            words += typing.get_args(kind)
        elif kind is not type(None):
            words.append(names.get(kind, "TEXT"))
    return "|".join(words)
