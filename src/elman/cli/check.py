"""`elman check`: is everything here, and does it learn?"""

from __future__ import annotations

import platform
import re
from importlib import metadata

import typer


def check() -> None:
    """Show versions and threads, learn for five seconds, and say what is missing and how to get it."""
    typer.echo(f"elman {metadata.version('elman')}, Python {platform.python_version()}, {platform.platform()}")
    versions = {name: _version(name) for name in needed()}
    typer.echo(", ".join(f"{name} {version}" for name, version in versions.items() if version is not None))
    missing = [name for name, version in versions.items() if version is None]
    if missing:
        typer.secho(f"missing: {', '.join(missing)}; get it with: pip install {' '.join(missing)}", fg="red")
        raise typer.Exit(1)

    import torch

    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else "none found; training runs on the CPU"
    typer.echo(f"GPU: {gpu}")

    from elman.training.device import choose_device
    from elman.training.probe import measure

    for note in measure(choose_device("auto")).sentences:
        typer.echo(note)
    before, after = learn()
    typer.echo(f"five seconds of learning: loss {before:.3f} -> {after:.3f} nats per symbol")
    if not after < 0.5 * before:
        typer.secho("error: it did not learn. Please report this with the lines above.", fg="red", err=True)
        raise typer.Exit(1)
    typer.echo("everything is in order")


def learn() -> tuple[float, float]:
    """Five seconds on a text with a rule; held-out loss in nats without and with what was learnt."""
    import math

    from elman.tasks.language_model import LanguageModel, TextData

    text = "".join(f"{i} and {i + 1} make {2 * i + 1}; " for i in range(2000))
    data = TextData([text[:-4000]], [text[-4000:]])
    sizes = {"hidden_size": 64, "num_layers": 1, "batch_size": 16, "window": 32}
    model = LanguageModel(max_time=5, dropout=0, **sizes).fit_texts(data)
    return math.log(len(model.codec)), model.metrics["held_out"]["model"]["nats_per_symbol"]


def needed() -> list[str]:
    """Packages that Elman needs, as `pip install` knows them."""
    requirements = metadata.requires("elman") or []
    return [re.split(r"[^\w.-]", line)[0] for line in requirements if "extra ==" not in line]


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
