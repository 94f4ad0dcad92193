"""``python run_all.py cost``: the program's own cost, figure by figure beside its bound."""

import sys
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from experiments import tasks
from experiments.cost import database, starts, trials
from experiments.cost.figures import Figure
from experiments.errors import UserError
from experiments.hardware import describe, usable_cores
from experiments.protocol import Twins
from experiments.study import plan, schema

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)

Part = Callable[[Twins, int], list[Figure]]


def _plan(twins: Twins, path: Path) -> plan.Plan:
    study = schema.read(path)
    locate = cache(partial(tasks.locate, imdb=study.imdb))
    return plan.lay_out(study, path, twins.supports, cache(twins.versions), locate)


def _trial(twins: Twins, rounds: int) -> list[Figure]:
    return trials.against_bare(twins.load, twins.versions, tasks.locate, rounds)


def _workers(twins: Twins, rounds: int) -> list[Figure]:
    return trials.two_workers(twins.load, _plan(twins, schema.find("quick")).jobs("training"), rounds)


PARTS: dict[str, Part] = {
    "help": lambda twins, rounds: starts.help_(rounds),
    "database": lambda twins, rounds: database.many_runs(partial(_plan, twins), rounds),
    "trial": _trial,
    "workers": _workers,
    "restart": lambda twins, rounds: starts.second_start(rounds),
}


@app.command()
def main(
    context: typer.Context,
    only: Annotated[list[str] | None, typer.Option(metavar="|".join(PARTS), help="these parts alone")] = None,
    rounds: Annotated[int, typer.Option(min=1, help="how often each is measured")] = 3,
) -> None:
    """Measure what the program itself costs, each figure as a ratio taken side by side; exit 1 where one is missed."""
    if unknown := set(only or ()) - set(PARTS):
        typer.echo(f"error: --only {', '.join(sorted(unknown))}; allowed: {', '.join(PARTS)}", err=True)
        raise typer.Exit(2)
    figures = []
    try:
        for name in only or PARTS:
            typer.echo(f"{name} …")
            found = PARTS[name](context.obj, rounds)
            for figure in found:  # at once: an hour's work must not hang on the last part
                typer.echo("  " + "  ".join(figure.row))
            figures += found
    except UserError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(2) from None
    _print(figures)
    if not all(figure.met for figure in figures):
        raise typer.Exit(1)


def _print(figures: list[Figure]) -> None:
    machine = describe()
    table = Table(title=f"{machine['processor']}, {usable_cores()} cores, {machine['system']}")
    for title in ("what", "median", "spread", "n", "bound", ""):
        table.add_column(title)
    for figure in figures:
        table.add_row(*figure.row)
    Console(width=None if sys.stdout.isatty() else 120).print(table)
