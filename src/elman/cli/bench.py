"""`elman bench`: how fast this machine runs recurrent layers."""

from __future__ import annotations

import json as json_format
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.table import Table

    from elman.baselines.speed import Speed


def bench(json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Time LSTM, GRU and RNN layers beside torch.nn and, where it is installed, ONNX Runtime: about half a minute."""
    from rich.console import Console
    from rich.live import Live

    from elman.baselines import speed

    console = Console(highlight=False)
    machine = machine_lines()
    if not json:
        console.print("\n".join(machine))
    rate = speed.rate()
    if json:
        rows = [_plain(row) for row in speed.speeds(rate)]
        typer.echo(json_format.dumps({"machine": machine, "matrix_products_per_second": rate, "rows": rows}))
        return
    console.print(f"matrix products in float32: {rate / 1e9:,.0f} GFLOP/s\n")
    done: list[Speed] = []
    with Live(console=console, auto_refresh=False, transient=True) as live:
        for row in speed.speeds(rate):
            done.append(row)
            live.update(table(done), refresh=True)
    console.print(table(done))
    console.print("\nfaster: the best rival's time against ours; share: of the matrix-product rate")


def machine_lines() -> tuple[str, str]:
    """Processor, cores and threads; and the versions that decide speed."""
    from importlib import metadata

    import torch

    from elman.baselines.onnx_layer import installed
    from elman.system import available_cores, processor

    versions = [f"Elman {metadata.version('elman')}", f"torch {torch.__version__}"]
    versions += [f"ONNX Runtime {metadata.version('onnxruntime')}"] if installed() else []
    threads = torch.get_num_threads()
    return (
        f"{processor()}, {available_cores()} cores, {threads} thread{'s' * (threads > 1)}",
        ", ".join(versions),
    )


def table(speeds: list[Speed]) -> Table:
    """The figures so far, one line each."""
    from rich.table import Table

    from elman.baselines.onnx_layer import installed

    rivals = {"torch": "torch", **({"onnx": "ONNX RT"} if installed() else {})}
    made = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("cell", "what", "batch", "steps", "units", "ours", *rivals.values(), "faster", "share"):
        made.add_column(name, justify="left" if name in ("cell", "what") else "right", no_wrap=True)
    for before, row in zip([None, *speeds], speeds, strict=False):
        if before is not None and before.shape.cell != row.shape.cell:
            made.add_row()
        shape = row.shape
        made.add_row(
            shape.cell.upper(), row.kind, str(shape.batch), str(shape.time), str(shape.units),
            *(_time(row.seconds[who]) if who in row.seconds else "" for who in ("ours", *rivals)),
            f"[{'green' if row.times_faster >= 1 else 'red'}]{row.times_faster:.2f}x", f"{row.share:.0%}",
        )  # fmt: skip
    return made


def _time(seconds: float) -> str:
    return f"{seconds * 1e3:.3g} ms" if seconds >= 1e-3 else f"{seconds * 1e6:.3g} us"


def _plain(row: Speed) -> dict[str, object]:
    shape = row.shape
    return {
        "cell": shape.cell, "kind": row.kind, "batch": shape.batch, "time": shape.time, "units": shape.units,
        "seconds": row.seconds, "times_faster": row.times_faster, "share_of_matrix_products": row.share,
    }  # fmt: skip
