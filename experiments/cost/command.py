"""``python -m experiments.cost``: the program's own cost, figure by figure beside its bound."""

import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

import frameworks
from experiments import tasks
from experiments.cost import database, starts, trials
from experiments.cost.figures import Figure
from experiments.errors import UserError
from experiments.hardware import describe, usable_cores
from experiments.study import plan

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)

Part = Callable[[int], list[Figure]]


def _plan(path: Path) -> plan.Plan:
    found = plan.read(path)
    locate = cache(lambda spec: tasks.locate(spec, found.imdb))
    return plan.plan(found, path, frameworks.supports, cache(frameworks.versions), locate)


def _trial(rounds: int) -> list[Figure]:
    return trials.against_bare(frameworks.load, frameworks.versions, tasks.locate, rounds)


def _workers(rounds: int) -> list[Figure]:
    return trials.two_workers(frameworks.load, _plan(plan.find("quick")).trials, rounds)


PARTS: dict[str, Part] = {
    "help": starts.help_,
    "database": lambda rounds: database.many_runs(_plan, rounds),
    "trial": _trial,
    "workers": _workers,
    "restart": starts.second_start,
}


@app.command()
def main(
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
            found = PARTS[name](rounds)
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


if __name__ == "__main__":
    sys.exit(app())
