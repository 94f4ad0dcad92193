"""``python run_all.py cost``: the program's own cost, figure by figure beside its bound."""

import sys
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Annotated, NamedTuple

import typer
from rich.console import Console
from rich.table import Table

from experiments import tasks
from experiments.cost import database, scale, starts, trials
from experiments.cost.figures import Figure
from experiments.errors import UserError
from experiments.hardware import describe, usable_cores
from experiments.protocol import Twins
from experiments.study import plan, schema

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


class Wanted(NamedTuple):
    """What the parts are asked for."""

    twins: Twins
    rounds: int
    jobs: int
    server: str


Part = Callable[[Wanted], list[Figure]]


def _plan(twins: Twins, path: Path) -> plan.Plan:
    study = schema.read(path)
    locate = cache(partial(tasks.locate, imdb=study.imdb))
    return plan.lay_out(study, path, twins.supports, cache(twins.versions), locate)


def _trial(wanted: Wanted) -> list[Figure]:
    return trials.against_bare(wanted.twins.load, wanted.twins.versions, tasks.locate, wanted.rounds)


def _workers(wanted: Wanted) -> list[Figure]:
    quick = _plan(wanted.twins, schema.find("quick")).jobs("training")
    return trials.two_workers(wanted.twins.load, quick, wanted.rounds)


def _database(wanted: Wanted, size: database.Size) -> list[Figure]:
    return database.many_runs(partial(_plan, wanted.twins), wanted.rounds, size)


PARTS: dict[str, Part] = {
    "help": lambda wanted: starts.help_(wanted.rounds),
    "database": partial(_database, size=database.USUAL),
    "trial": _trial,
    "workers": _workers,
    "restart": lambda wanted: starts.second_start(wanted.rounds),
}
#: Left out unless they are named: they take an hour.
LONG: dict[str, Part] = {
    "scale": lambda wanted: scale.figures(wanted.jobs, wanted.rounds, wanted.server),
    "large": partial(_database, size=database.LARGE),
}


@app.command()
def main(
    context: typer.Context,
    only: Annotated[
        list[str] | None,
        typer.Option(metavar="|".join(PARTS | LONG), help=f"these parts alone; {' and '.join(LONG)} only if named"),
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, help="how often each is measured")] = 3,
    jobs: Annotated[int, typer.Option(min=20, help="toy jobs of the part scale")] = 1_000,
    server: Annotated[str, typer.Option(help="an MLflow server that scale writes to as well; it keeps the runs")] = "",
) -> None:
    """Measure what the program itself costs, with ratios measured side by side; exit 1 if one misses its bound."""
    if unknown := set(only or ()) - set(PARTS | LONG):
        typer.echo(f"error: --only {', '.join(sorted(unknown))}; allowed: {', '.join(PARTS | LONG)}", err=True)
        raise typer.Exit(2)
    figures, wanted = [], Wanted(context.obj, rounds, jobs, server)
    try:
        for name in only or PARTS:
            typer.echo(f"{name} …")
            measured = (PARTS | LONG)[name](wanted)
            for figure in measured:  # at once: an hour's work must not hang on the last part
                typer.echo("  " + "  ".join(figure.row))
            figures += measured
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
