"""Makes command-line options out of settings dataclasses, and settings out of what was typed."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from elman.errors import SettingsError
from elman.settings import Duration, Settings, fields_of, read_yaml, update

ConfigOption = Annotated[
    Path | None, typer.Option("--config", help="YAML file with any of these options.", show_default=False)
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
        names = {leaf.name: (leaf, section, annotation) for section, leaf, annotation in fields_of(default)}

        def wrapped(**typed: Any) -> None:
            given = {name: typed.pop(name) for name in names}
            config, assignments = typed.pop("config"), typed.pop("assignments")
            command(settings=resolve(default, config, assignments or [], given), **typed)

        own = [
            parameter
            for parameter in inspect.signature(command, eval_str=True).parameters.values()
            if parameter.name != "settings"
        ]
        keyword = inspect.Parameter.KEYWORD_ONLY
        extra = [
            inspect.Parameter("config", keyword, default=None, annotation=ConfigOption),
            inspect.Parameter("assignments", keyword, default=None, annotation=SetOption),
        ]
        for name, (leaf, section, annotation) in names.items():
            flag = typer.Option(
                "--" + name.replace("_", "-"),
                help=f"{leaf.metadata['help']} [{leaf.default}]",
                metavar=_metavar(annotation),
                rich_help_panel=(section or "options").capitalize(),
                show_default=False,
            )
            extra.append(inspect.Parameter(name, keyword, default=None, annotation=Annotated[str | None, flag]))
        parameters = [parameter.replace(kind=keyword) for parameter in own] + extra
        wrapped.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        wrapped.__doc__ = command.__doc__
        wrapped.__name__ = command.__name__
        # Typer reads annotations beside the signature.
        wrapped.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        return wrapped

    return decorate


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
    return update(settings, {name: value for name, value in given.items() if value is not None}, "the command line")


def _metavar(annotation: Any) -> str:
    """What stands for the value in --help: its choices, or a word for its kind."""
    kinds = typing.get_args(annotation) if isinstance(annotation, types.UnionType) else (annotation,)
    if typing.get_origin(kinds[0]) is typing.Literal:
        return "|".join(typing.get_args(kinds[0]))
    return {int: "N", float: "X", bool: "BOOL", Path: "FILE", Duration: "TIME"}.get(kinds[0], "TEXT")
