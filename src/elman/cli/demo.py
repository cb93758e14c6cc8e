"""`elman demo`: the whole job on text that every Python installation carries, beside two honest rivals."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from elman.cli.options import with_settings
from elman.cli.train import display_for
from elman.settings import DemoSettings, Duration

if TYPE_CHECKING:
    from elman.tasks.language_model import LanguageModel, TextData

#: Share of the text that is held out, and the characters from which a topic is too much of it.
HELD_OUT, LONG_TOPIC = 0.11, 20_000


@with_settings(DemoSettings())
def demo(
    settings: DemoSettings,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the model.")] = Path("runs/demo"),
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print only the result.")] = False,
) -> None:
    """Train a small network on Python's own documentation, offline, and show what it learnt."""
    from elman.tasks.language_model import LanguageModel

    seconds, seed = settings.max_time, settings.seed
    data = documentation()
    folder = free_folder(out)
    say: Callable[[str], None] = (lambda text: None) if quiet else typer.echo
    say(
        f"Text: {sum(map(len, data.train)):,} characters of Python's help topics;\n"
        f"{sum(map(len, data.held_out)):,} more, in topics of their own, are held out."
    )
    model = LanguageModel(max_time=seconds, seed=seed, samples=240)
    model.fit_texts(data, out=folder, callbacks=[display_for(quiet, json=False)])
    if model.metrics["training"]["stopped_by"] == "interrupt":
        typer.echo(f"The model so far is in {folder}.")
        raise KeyboardInterrupt
    say(f"Now a rival for the same {seconds}: a feed-forward network,\nwhich sees a fixed window and has no memory.")
    add_rival(model, data, seconds, seed)
    model.save(folder)
    report(model, folder)


def add_rival(model: LanguageModel, data: TextData, seconds: Duration, seed: int) -> None:
    """Train a feed-forward network over a fixed window and put its figures beside the model's."""
    from elman.baselines.window import WindowNetwork
    from elman.tasks.language_model import text_figures

    train, held_out = ([model.codec.encode(text) for text in texts] for texts in (data.train, data.held_out))
    rival = WindowNetwork(len(model.codec)).fit(train, seconds=seconds, seed=seed)
    figures = model.metrics["held_out"]
    nats, count = rival.nats(held_out)
    characters, unknown = figures["model"]["characters"], figures["model"]["unknown"]
    figures[f"feed-forward, {rival.context} characters"] = text_figures(nats, count, characters, unknown)


def report(model: LanguageModel, folder: Path) -> None:
    """Print the comparison and what to try next, and draw the learning curve into the model's folder."""
    from elman.plots import learning_curves, save
    from elman.training.logs import read_curve

    names = {"model": "this network", "5-gram": "5-gram, Kneser-Ney"}
    held_out = model.metrics["held_out"]
    scores = {names.get(name, name): figures["bits_per_character"] for name, figures in held_out.items()}
    typer.echo("\nHeld-out text, bits per character (less is better):\n")
    for name, value in sorted(scores.items(), key=lambda item: item[1]):
        typer.echo(f"  {name:<26} {value:.3f}  {'█' * round(12 * value)}")
    if min(scores, key=lambda name: scores[name]) != "this network":
        typer.echo("\nThe network is not the best here: give it more time with --max-time 3m.")
    del scores["this network"]
    curve = read_curve(folder / "log.csv", "bits per character")
    title = "Python documentation that was held out"
    save(learning_curves({"this network": curve}, baselines=scores, title=title), folder / "curve")
    typer.echo(f"\nThe model is in {folder}, its learning curve in {folder / 'curve.png'}. Try now:\n")
    typer.echo(f'  elman generate {folder} --prompt "The "')
    typer.echo(f'  elman predict {folder} --prompt "an instance of the cla"')
    typer.echo(f"  elman watch {folder}")
    typer.echo("  elman train language-model YOUR.txt --out runs/mine --max-time 5m")


def documentation() -> TextData:
    """Python's help topics; no paragraph stands twice, so nothing held out was seen in training."""
    from pydoc_data.topics import topics

    from elman.tasks.language_model import TextData

    seen: set[str] = set()
    texts = []
    for name in sorted(topics):
        paragraphs = []
        for paragraph in topics[name].split("\n\n"):
            key = " ".join(paragraph.split())
            if key and key not in seen:
                seen.add(key)
                paragraphs.append(paragraph.strip("\n"))
        texts.append("\n\n".join(paragraphs) + "\n")
    train: list[str] = []
    held_out: list[str] = []
    for text in texts:
        # Whole topics, so many that about a tenth of the text is held out.
        behind = sum(map(len, held_out)) < HELD_OUT * sum(map(len, train))
        (held_out if behind and len(text) < LONG_TOPIC else train).append(text)
    return TextData(train, held_out, source="Python's help topics (pydoc_data)")


def free_folder(wished: Path) -> Path:
    """``wished``, or the first of ``wished-2``, ``wished-3``, ... that does not exist yet."""
    number, folder = 2, wished
    while folder.exists():
        folder = wished.with_name(f"{wished.name}-{number}")
        number += 1
    return folder
