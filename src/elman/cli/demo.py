"""`elman demo`: the whole job on text that every Python installation carries, beside two honest rivals."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from elman.cli.train import make_display
from elman.settings import Duration

if TYPE_CHECKING:
    from elman.tasks.language_model import TextData

#: The rival's time to train, as a share of the network's. It reads faster and levels off sooner.
WINDOW_SHARE = 0.5


def demo(
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the model.")] = Path("runs/demo"),
    max_time: Annotated[str, typer.Option(metavar="TIME", help="Time to train the network.")] = "90s",
    seed: Annotated[int, typer.Option(help="Seed of everything random.")] = 0,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print only the result.")] = False,
) -> None:
    """Train a small network on Python's own documentation, offline, and show what it learnt."""
    from elman.baselines.window import WindowNetwork
    from elman.plots import learning_curves, save
    from elman.settings import parse
    from elman.tasks.language_model import LanguageModel, text_figures
    from elman.training.logs import read_curve

    seconds = parse("max_time", max_time, Duration, "the command line")
    data = documentation()
    folder = free_folder(out)
    if not quiet:
        typer.echo(
            f"Text: the {sum(map(len, data.train)):,} characters of Python's help topics; "
            f"{sum(map(len, data.held_out)):,} more, in topics of their own, are held out."
        )
    model = LanguageModel(max_time=seconds, seed=seed, samples=240)
    model.fit_texts(data, out=folder, callbacks=[make_display("characters", quiet, False)])

    if not quiet:
        typer.echo(f"Training a rival, a feed-forward network over a fixed window, for {seconds * WINDOW_SHARE:.0f} s.")
    rival = WindowNetwork(len(model.codec))
    rival.fit([model.codec.encode(text) for text in data.train], seconds=seconds * WINDOW_SHARE, seed=seed)
    held_out = model.metrics["held_out"]
    total, count = rival.nats([model.codec.encode(text) for text in data.held_out])
    held_out[f"feed-forward, {rival.context} characters"] = text_figures(
        total, count, held_out["model"]["characters"], held_out["model"]["unknown"]
    )
    model.save(folder)

    names = {"model": "this network", "5-gram": "5-gram, Kneser-Ney"}
    scores = {names.get(name, name): figures["bits_per_character"] for name, figures in held_out.items()}
    curve = read_curve(folder / "log.csv", "bits per character")
    rivals = {name: value for name, value in scores.items() if name != "this network"}
    figure = learning_curves({"this network": curve}, baselines=rivals, title="Held-out Python documentation")
    save(figure, folder / "curve")
    typer.echo("\nHeld-out text, bits per character (less is better):\n")
    for name, value in sorted(scores.items(), key=lambda item: item[1]):
        typer.echo(f"  {name:<32} {value:.3f}  {'█' * round(12 * value)}")
    if min(scores, key=lambda name: scores[name]) != "this network":
        typer.echo("\nThe network is not the best here: give it more time with --max-time 3m.")
    typer.echo(f"\nThe model is in {folder}, its learning curve in {folder / 'curve.png'}. Try now:\n")
    typer.echo(f'  elman generate {folder} --prompt "The "')
    typer.echo(f'  elman predict {folder} --prompt "an instance of the cla"')
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
    held_out = [text for index, text in enumerate(texts) if index % 9 == 4]
    train = [text for index, text in enumerate(texts) if index % 9 != 4]
    return TextData(train, held_out, source="Python's help topics (pydoc_data)")


def free_folder(wished: Path) -> Path:
    """``wished``, or the first of ``wished-2``, ``wished-3``, ... that does not exist yet."""
    number, folder = 2, wished
    while folder.exists():
        folder = wished.with_name(f"{wished.name}-{number}")
        number += 1
    return folder
