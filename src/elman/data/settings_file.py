"""A settings file: what was found and guessed is set, every other option is a comment with what it does."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

from elman.settings import fields_of, flat, to_dict


def settings_file(
    task: str,
    paths: Sequence[Path],
    settings: Any,
    sentences: Sequence[str],
    rows: Sequence[tuple[str, str]],
    file: Path | str = "elman.yaml",
) -> str:
    """The text of a settings file for ``elman train TASK``, with what was found in the data above it.

    ``rows`` are a few sequences: where each comes from, and what a model reads.
    """
    named = " ".join(map(str, paths))
    lines = [f"# elman train {task} {named} --config {file} --out runs/{paths[0].name.split('.')[0]}", "#"]
    for sentence in sentences:
        lines += textwrap.wrap(sentence, 116, initial_indent="# ", subsequent_indent="#   ")
    lines += ["#", "# As the model reads them:"]
    for place, content in rows:
        lines += [f"#   {place}", f"#     {content}"]
    return "\n".join([*lines, "", *_options(settings)]) + "\n"


def _options(settings: Any) -> Iterator[str]:
    """Every option with its help; only those that say what was guessed, or typed, count."""
    usual, plain, now = flat(type(settings)()), to_dict(settings), flat(settings)
    chosen = {name for name, value in now.items() if value != usual[name]}
    # A group without an option in it would be no YAML for a group.
    opened = {group for group, leaf, _ in fields_of(settings) if leaf.name in chosen}
    section: str | None = None
    for group, leaf, _ in fields_of(settings):
        if group != section:
            yield ""
            if group:
                yield f"{'' if group in opened else '# '}{group}:"
            section = group
        indent = "  " if group else ""
        value = plain[group][leaf.name] if group else plain[leaf.name]
        yield from (f"{indent}# {line}" for line in textwrap.wrap(leaf.metadata["help"], 110))
        yield f"{indent}{'' if leaf.name in chosen else '# '}{leaf.name}: {_yaml(value)}".rstrip()


def _yaml(value: Any) -> str:
    if value is None:
        return ""
    return yaml.safe_dump(value, default_flow_style=True, width=1000).removesuffix("...\n").strip()
