"""The command line: one file per command; each imports its room when it runs, so that `elman --help` is instant."""

from __future__ import annotations

import os
import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from elman.cli import (
    bench,
    check,
    demo,
    evaluate,
    explain,
    export,
    generate,
    info,
    init,
    inspect,
    predict,
    train,
    watch,
)
from elman.errors import ElmanError


class Commands(TyperGroup):
    """Answers Ctrl-C, and a reader that has gone, before typer does, which would end without a word."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as stop:
            typer.echo(f"\n{str(stop) or 'interrupted'}", err=True)
            sys.exit(130)
        except BrokenPipeError:
            # The reader of our output (head, less) is done; Python would complain when it flushes at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(0)


app = typer.Typer(
    name="elman",
    cls=Commands,
    help="Recurrent neural networks for anyone whose data comes as a sequence.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(asked: bool) -> None:
    if asked:
        from importlib import metadata

        typer.echo(f"elman {metadata.version('elman')}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


train_app = typer.Typer(help="Train a model.", no_args_is_help=True)
app.command("check")(check.check)
app.command("demo")(demo.demo)
app.add_typer(train_app, name="train")
train_app.command("language-model")(train.language_model)
train_app.command("classify")(train.classify)
train_app.command("tag")(train.tag)
train_app.command("regress")(train.regress)
train_app.command("transcribe")(train.transcribe)
train_app.command("translate")(train.translate)
train_app.command("caption")(train.caption)
train_app.command("forecast")(train.forecast)
train_app.command("anomalies")(train.anomalies)
train_app.command("impute")(train.impute)
app.command("generate")(generate.generate)
app.command("predict")(predict.predict)
app.command("evaluate")(evaluate.evaluate)
app.command("info")(info.info)
app.command("init")(init.init)
app.command("inspect")(inspect.inspect)
app.command("watch")(watch.watch)
app.command("explain")(explain.explain)
app.command("export")(export.export)
app.command("bench")(bench.bench)


def main() -> None:
    """Run the command line; every error leaves as one sentence and an exit code, never as a traceback.

    Exit codes: 0 done, 1 failure, 2 wrong usage, 130 interrupted. With ELMAN_DEBUG set, tracebacks are shown.
    """
    try:
        app()
    except ElmanError as error:
        _fail(str(error), error.exit_code, error)
    except OSError as error:
        _fail(f"{error.filename or 'the system'}: {error.strerror or error}", 1, error)
    except Exception as error:
        if _out_of_memory(error):
            _fail("there is not enough memory; take a smaller hidden_size, batch_size or window.", 1, error)
        _fail(f"this should not happen ({type(error).__name__}: {error}); ELMAN_DEBUG=1 shows where.", 1, error)


def _out_of_memory(error: Exception) -> bool:
    """Whether NumPy, or torch on a GPU or a CPU, got no memory; the last has no error class of its own."""
    named = type(error).__name__ == "OutOfMemoryError"
    return named or isinstance(error, MemoryError) or "can't allocate memory" in str(error)


def _fail(message: str, code: int, error: BaseException | None = None) -> None:
    if error is not None and os.environ.get("ELMAN_DEBUG"):
        raise error
    typer.secho(f"error: {message}", err=True, fg=typer.colors.RED)
    sys.exit(code)
