"""The front door: a study's phases, recorded in MLflow, then the reports. ``python run_all.py --help``."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from experiments import study as studies
from experiments.errors import UserError
from experiments.tracking.database import DEFAULT_URI, absolute

if TYPE_CHECKING:  # everything heavy is imported where it is used: help comes up at once
    from experiments.study.plan import Plan
    from experiments.study.schema import Study

Models = Literal["one", "all", "none"]
INTERRUPTED = 130
REPORTS = Path("reports")
PLAIN_WIDTH = 140  # columns where the output is no terminal: the names of experiments are long

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


def _version(wanted: bool) -> None:
    if wanted:
        from experiments import __version__

        typer.echo(f"rnn-twins {__version__}")
        raise typer.Exit


OTHERS = (
    "Also, each with --help: run_all.py sample RUN (text from a trained network), freeze STUDY and replicate BUNDLE "
    "(do its claims hold with other seeds, on another machine?), tuned STUDY (is the tuned form the fastest?) and cost "
    "(what the program itself costs)."
)


@app.command(epilog=OTHERS)
def main(
    study: Annotated[str, typer.Argument(help=f"{', '.join(studies.names())}, or a TOML file's path")] = "quick",
    list_only: Annotated[bool, typer.Option("--list", help="say what would run and what is done; run nothing")] = False,
    only: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=VALUE",
            help="only with this cell, form, task, framework, conventions, seed, trap or phase (such as speed)",
        ),
    ] = None,
    minutes: Annotated[
        float | None, typer.Option(min=1, help="run only what fits into this many minutes, the most informative first")
    ] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="run again even what is done")] = False,
    workers: Annotated[int | None, typer.Option(min=1, help="processes at a time")] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="threads for each worker")] = None,
    executor: Annotated[
        str, typer.Option(metavar="local|ray|ray://HOST:PORT", help="where workers run: docs/cluster.md")
    ] = "local",
    tracking_uri: Annotated[str, typer.Option(help="MLflow's database or server")] = DEFAULT_URI,
    imdb: Annotated[str | None, typer.Option(metavar="packaged|keras|PATH", help="where reviews come from")] = None,
    models: Annotated[
        Models,
        typer.Option(
            help="whose networks become MLflow models: one trial's of each experiment and framework, all, none"
        ),
    ] = "one",
    reports_only: Annotated[bool, typer.Option("--reports-only", help="write the reports; run nothing")] = False,
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True)] = False,
) -> None:
    """Run a study: train its experiments on every framework, check parity, time, record all in MLflow, report."""
    with _exit_codes():
        from experiments.running.executors import choose

        choose.check(executor)
        plan, uri = _plan(study, imdb, tracking_uri), absolute(tracking_uri)
        chosen = _chosen(plan, only or [])
        if minutes is not None and not reports_only:
            from experiments.tracking import budget

            chosen, said = budget.fitting(chosen, 60 * minutes, plan.study.name, uri, fresh, workers)
            if said:
                typer.echo(said)
        if list_only:
            from experiments.tracking import listing

            for line in listing.lines(plan, chosen, only or [], uri, workers):
                typer.echo(line)
        elif reports_only:
            import reports

            typer.echo(f"reports: {reports.write(plan, uri, REPORTS)}")
        elif _run(plan, chosen, uri, fresh, workers, threads, executor=executor, models=models, more=minutes is None):
            raise typer.Exit(1)


@contextmanager
def _exit_codes() -> Iterator[None]:
    """Exit with 2 and one line for bad input (1 where the server was away to the end), with 130 for an interruption."""
    from experiments.running.processes import STOPPING

    for number in STOPPING:
        if signal.getsignal(number) != signal.SIG_IGN:  # as nohup has it
            signal.signal(number, _interrupt)
    try:
        yield
    except UserError as error:
        typer.echo(f"error: {' '.join(str(error).split())}", err=True)
        raise typer.Exit(error.code) from None
    except KeyboardInterrupt:
        typer.echo("interrupted; the same command continues where this one stopped", err=True)
        raise typer.Exit(INTERRUPTED) from None


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    """Stop at the first signal; those that follow must not disturb the clean-up, which takes seconds."""
    from experiments.running.processes import STOPPING

    for number in STOPPING:
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def _plan(name: str, imdb: str | None, uri: str) -> "Plan":
    """Find a study by its name or path, and lay it out."""
    from experiments.study import schema

    path = schema.find(name)
    return _lay_out(schema.read(path), path, imdb, uri)


def _lay_out(study: "Study", path: Path, imdb: str | None, uri: str) -> "Plan":
    """Lay a study out; everything that can be wrong with the input is found here, before anything is created."""
    import frameworks
    from experiments import tasks
    from experiments.study import plan
    from experiments.tracking import database

    database.check(uri)
    locate = cache(partial(tasks.locate, imdb=imdb or study.imdb))
    return plan.lay_out(study, path, frameworks.supports, cache(frameworks.versions), locate)


def _chosen(plan: "Plan", only: list[str]) -> dict[str, list[Any]]:
    """Each phase's jobs that the user asks for, by the phase's name."""
    from experiments.study.phases import PHASES
    from experiments.study.select import select

    chosen = {job.fingerprint for job in select([job for phase in PHASES for job in plan.jobs(phase.name)], only)}
    return {phase.name: [job for job in plan.jobs(phase.name) if job.fingerprint in chosen] for phase in PHASES}


def _run(
    plan: "Plan",
    chosen: dict[str, list[Any]],
    uri: str,
    fresh: bool = False,
    workers: int | None = None,
    threads: int | None = None,
    folder: Path = REPORTS,
    executor: str = "local",
    models: Models = "one",
    more: bool = True,
) -> list[tuple[str, str]]:
    """Run what is missing, phase by phase, and what its results ask for (``more``), then report.

    Returns:
        What failed, and why.
    """
    from rich.console import Console

    import frameworks
    import reports
    from experiments.running import display, summary
    from experiments.running.executors.choose import make
    from experiments.tracking import study_run
    from experiments.tracking.mlflow_view import parent_names
    from experiments.tracking.recording.tracker import Tracker

    console = Console(width=None if sys.stdout.isatty() else PLAIN_WIDTH)
    trials, failures = plan.jobs("training"), []
    with Tracker(uri, plan.study.name, plan.study.description, trials) as tracker:
        tracker.reap()
        to_run = _to_run(plan, chosen, uri, fresh, models)
        ask = partial(reports.ask, plan, uri, chosen) if more else _nothing_more
        unfinished = any(to_run.values()) or any(ask(phase, ()) for phase in chosen)
        if unfinished:
            display.address(console, folder / "index.html")
            write = partial(reports.write, plan, uri, folder)
            with make(executor, frameworks.load, workers, threads) as made:
                failures = study_run.run(chosen, to_run, tracker, made, console, write, folder, ask)
        results = tracker.results() if to_run["training"] else {}
        rows = summary.rows(trials, parent_names(trials), results)
        runs = tracker.way_to_look
    if not unfinished:
        display.nothing_to_run(console, chosen)
        reports.write(plan, uri, folder)
    display.summary(console, rows, failures, runs, folder / "index.html")
    return failures


def _to_run(plan: "Plan", chosen: dict[str, list[Any]], uri: str, fresh: bool, models: Models) -> dict[str, list[Any]]:
    """The chosen jobs without a complete run, and which trials keep their network; a fresh start drops checkpoints."""
    from experiments.tracking.missing import missing
    from experiments.training import checkpoints
    from experiments.training.models import keeping

    if fresh:
        checkpoints.discard(trial.fingerprint for trial in chosen["training"])
    to_run = missing(chosen, uri, plan.study.name, fresh)
    return to_run | {"training": keeping(models, to_run["training"])}


def _nothing_more(phase: str, tried: object) -> tuple[()]:
    return ()


def start() -> None:
    """Run a study, or one of the other commands, whose name is the first word of the command line."""
    others = {
        "sample": ("experiments.sample", "app"),
        "cost": ("experiments.cost.command", "app"),
        "freeze": ("reports.replication.command", "freezing"),
        "replicate": ("reports.replication.command", "replicating"),
        "tuned": ("reports.replication.tuned", "checking"),
    }
    name = sys.argv[1] if len(sys.argv) > 1 else ""
    if name not in others:
        app()
        return
    from importlib import import_module

    import frameworks

    sys.argv = [f"{sys.argv[0]} {name}", *sys.argv[2:]]
    path, command = others[name]
    module = import_module(path)
    handed = module.Door(_lay_out, _run, frameworks.load, _exit_codes) if hasattr(module, "Door") else frameworks
    getattr(module, command)(obj=handed)


if __name__ == "__main__":
    sys.exit(start())
