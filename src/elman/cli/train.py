"""`elman train`: from files to a trained model folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from elman.cli.options import with_settings
from elman.errors import UsageError
from elman.settings import (
    AnomalySettings,
    CaptionerSettings,
    ClassifierSettings,
    ForecastSettings,
    ImputerSettings,
    LabelSettings,
    LanguageModelSettings,
    RegressorSettings,
    TaggerSettings,
    TranscriberSettings,
    TranslatorSettings,
)

if TYPE_CHECKING:
    from elman.training.events import Callback

DataArgument = Annotated[
    list[Path],
    typer.Argument(metavar="DATA", help="Files or a folder of sequences with what is to be learnt.", readable=False),
]

OutOption = Annotated[
    Path, typer.Option("--out", "-o", help="Folder for the model, its logs and checkpoints.", readable=False)
]
ResumeOption = Annotated[bool, typer.Option("--resume", help="Go on with the run in --out as if it never stopped.")]
FromOption = Annotated[
    Path | None, typer.Option("--from", help="Start from the weights of an earlier language model.", readable=False)
]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")]
ReachOption = Annotated[
    bool, typer.Option("--reach", help="Log how far gradients reach and what is saturated, and warn of short reach.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object per line.")]
SearchOption = Annotated[
    int, typer.Option("--search", metavar="N", help="Try N settings first, and train with the best of them.", min=0)
]
OverOption = Annotated[
    list[str] | None,
    typer.Option("--search-over", metavar="OPTION", help="Option to search; may be repeated; else the usual ones."),
]


@with_settings(LanguageModelSettings())
def language_model(
    settings: LanguageModelSettings,
    files: Annotated[
        list[Path], typer.Argument(help="Text files, plain or .gz; each is one document.", readable=False)
    ],
    out: OutOption,
    resume: ResumeOption = False,
    start_from: FromOption = None,
    search: SearchOption = 0,
    search_over: OverOption = None,
    reach: ReachOption = False,
    quiet: QuietOption = False,
    json: JsonOption = False,
) -> None:
    """Train a network to continue text: elman train language-model book.txt --out runs/book."""
    from elman.settings import flat
    from elman.tasks.language_model import LanguageModel
    from elman.tasks.search import find_settings, has_run

    def fit(asked: LanguageModelSettings, callbacks: Sequence[Callback]) -> LanguageModel:
        return LanguageModel(**flat(asked)).fit(*files, start_from=start_from, callbacks=callbacks)

    display = display_for(quiet, json)
    if search:
        found = find_settings(
            settings, fit, out, trials=search, over=search_over or (), start_from=start_from, resume=resume,
            note=display.on_note,
        )  # fmt: skip
        if found is None:
            return
        settings, resume = found, resume and has_run(out)
    model = LanguageModel(**flat(settings))
    callbacks = [display, *([_reach_log(out, display)] if reach else [])]
    model.fit(*files, out=out, resume=resume, start_from=start_from, callbacks=callbacks)
    if quiet or json:
        return
    for name, figures in model.metrics["held_out"].items():
        bits, perplexity = figures["bits_per_character"], figures["perplexity"]
        typer.echo(f"held-out text, {name}: {bits:.4f} bits per character, perplexity {perplexity:.4g}")
    _say_where(model.metrics, out, f"The model is in {out}. Try: elman generate {out}")


def _labels_command(task: str, default: LabelSettings, about: str) -> Callable[..., None]:
    """The command that trains a task of labels; ``about`` is its help."""

    def command(
        settings: LabelSettings,
        data: DataArgument,
        out: OutOption,
        resume: ResumeOption = False,
        start_from: FromOption = None,
        search: SearchOption = 0,
        search_over: OverOption = None,
        reach: ReachOption = False,
        quiet: QuietOption = False,
        json: JsonOption = False,
    ) -> None:
        _learn(
            task, settings, data, out, resume, (search, search_over), quiet, json, reach=reach, start_from=start_from
        )

    command.__doc__ = about
    return with_settings(default)(command)


classify = _labels_command(
    "classify",
    ClassifierSettings(),
    "Train a network to say what a sequence is: elman train classify reviews.csv --out runs/reviews.",
)
tag = _labels_command(
    "tag",
    TaggerSettings(),
    "Train a network to say what every step of a sequence is: elman train tag queries.conll --out runs/slots.",
)
regress = _labels_command(
    "regress",
    RegressorSettings(),
    "Train a network to say how much, of a sequence: elman train regress air.csv --out runs/air.",
)


def _learner_command(task: str, default: Any, about: str) -> Callable[..., None]:
    """The command that trains a task which starts afresh; ``about`` is its help."""

    def command(
        settings: Any,
        data: DataArgument,
        out: OutOption,
        resume: ResumeOption = False,
        search: SearchOption = 0,
        search_over: OverOption = None,
        quiet: QuietOption = False,
        json: JsonOption = False,
    ) -> None:
        _learn(task, settings, data, out, resume, (search, search_over), quiet, json)

    command.__doc__ = about
    return with_settings(default)(command)


transcribe = _learner_command(
    "transcribe",
    TranscriberSettings(),
    "Train a network to write down what is said, or written: elman train transcribe clips.csv --out runs/clips.",
)

anomalies = _learner_command(
    "anomalies",
    AnomalySettings(),
    "Train networks to say what does not belong: elman train anomalies sensors.csv --out runs/sensors.",
)
impute = _learner_command(
    "impute", ImputerSettings(), "Train a network to fill gaps: elman train impute sensors.csv --out runs/filled."
)


@with_settings(ForecastSettings())
def forecast(
    settings: ForecastSettings,
    data: Annotated[list[Path], typer.Argument(metavar="DATA", help="Tables of series, long or wide.", readable=False)],
    out: OutOption,
    resume: ResumeOption = False,
    start_from: Annotated[
        Path | None, typer.Option("--from", help="Let an earlier model learn what came since.", readable=False)
    ] = None,
    search: SearchOption = 0,
    search_over: OverOption = None,
    quiet: QuietOption = False,
    json: JsonOption = False,
) -> None:
    """Train a network to say how series go on: elman train forecast sales.csv --horizon 28 --out runs/sales."""
    _learn("forecast", settings, data, out, resume, (search, search_over), quiet, json, start_from=start_from)


translate = _learner_command(
    "translate",
    TranslatorSettings(),
    "Train a network to write another text for each text: elman train translate train.en train.de --out runs/en-de.",
)
caption = _learner_command(
    "caption",
    CaptionerSettings(),
    "Train a network to say what is in pictures: elman train caption photos --out runs/photos.",
)


def _learn(
    task: str,
    settings: Any,
    data: list[Path],
    out: Path,
    resume: bool,
    search: tuple[int, list[str] | None],
    quiet: bool,
    json: bool,
    *,
    reach: bool = False,
    **options: Any,
) -> None:
    """Train a `elman.tasks.learner.Learner`, after a search where one is asked for; ``options`` go to its ``fit``."""
    from elman.settings import flat
    from elman.tasks import TASKS
    from elman.tasks.search import find_settings, has_run

    kind: Any = TASKS[task]

    def fit(asked: Any, callbacks: Sequence[Callback]) -> Any:
        return kind(**flat(asked)).fit(data, callbacks=callbacks, **options)

    display = display_for(quiet, json, unit="steps")
    trials, over = search
    if trials:
        found = find_settings(
            settings, fit, out, trials=trials, over=over or (), start_from=options.get("start_from"), resume=resume,
            note=display.on_note,
        )  # fmt: skip
        if found is None:
            return
        settings, resume = found, resume and has_run(out)
    callbacks = [display, *([_reach_log(out, display)] if reach else [])]
    model = kind(**flat(settings))
    model.fit(data, out=out, resume=resume, callbacks=callbacks, **options)
    if quiet or json:
        return
    for line in model.report.lines() if model.report else []:
        typer.echo(line)
    done = f"The model is in {out}, with its report. Try: elman predict {out}"
    _say_where(model.metrics, out, done if task == "forecast" else f"{done} DATA")


def _say_where(metrics: Mapping[str, Any], out: Path, done: str) -> None:
    """The last line of a training: ``done``, or how to go on with one that was interrupted."""
    if metrics["training"]["stopped_by"] == "interrupt":
        done = f"The best model so far is in {out}. The same command with --resume goes on."
    typer.echo(done)


def _reach_log(out: Path, display: Callback) -> Callback:
    from elman.diagnostics.reach_log import ReachLog

    return ReachLog(out, warn=display.on_note)


def display_for(quiet: bool, json: bool, unit: str = "symbols") -> Callback:
    """What shows a run: nothing, JSON lines, or whatever suits the terminal."""
    from elman.training.display import make_display

    if quiet and json:
        raise UsageError("--quiet prints nothing and --json prints everything; give one of them.")
    return make_display("quiet" if quiet else "json" if json else "auto", unit=unit)
