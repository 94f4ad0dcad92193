"""The front door: a study's trials, recorded in MLflow, then the reports. ``python run_all.py --help``."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any

import typer

from experiments.errors import UserError
from experiments.tracking.database import DEFAULT_URI, absolute

if TYPE_CHECKING:  # everything heavy is imported where it is used: help comes up at once
    from experiments.parity.check import Climb
    from experiments.protocol import Support
    from experiments.speed.schedule import Timing
    from experiments.study.plan import Plan
    from experiments.training.trial import Trial

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)

INTERRUPTED = 130
PLAIN_WIDTH = 140  # columns where the output is no terminal: the names of experiments are long


def _version(wanted: bool) -> None:
    if wanted:
        from experiments import __version__

        typer.echo(f"rnn-twins {__version__}")
        raise typer.Exit


@app.command()
def main(
    study: Annotated[str, typer.Argument(help="smoke, quick, full, speed, seeds, or a TOML file's path")] = "quick",
    list_only: Annotated[bool, typer.Option("--list", help="say what would run and what is done; run nothing")] = False,
    only: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=VALUE",
            help="only with this cell, form, task, framework, conventions, seed, or phase: training, parity or speed",
        ),
    ] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="run again even what is done")] = False,
    workers: Annotated[int | None, typer.Option(min=1, help="processes at a time")] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="threads for each worker")] = None,
    tracking_uri: Annotated[str, typer.Option(help="MLflow's database or server")] = DEFAULT_URI,
    imdb: Annotated[str | None, typer.Option(metavar="packaged|keras|PATH", help="where reviews come from")] = None,
    reports_only: Annotated[bool, typer.Option("--reports-only", help="write the reports; run nothing")] = False,
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True)] = False,
) -> None:
    """Run a study: train its experiments on every framework, climb its ladder, record all in MLflow, report."""
    with _exit_codes():
        plan = _plan(study, imdb, tracking_uri)
        from experiments.study.plan import select

        found, uri = select((*plan.trials, *plan.climbs, *plan.timings), only or []), absolute(tracking_uri)
        if only and not found:
            raise UserError(f"--only {', '.join(only)}: no trial of this study has all of these")
        if list_only:
            _list(plan, found, uri)
        elif reports_only:
            typer.echo(f"reports: {_reports(plan, uri)}")
        elif _run(plan, found, not only, uri, fresh, workers, threads):
            raise typer.Exit(1)


@contextmanager
def _exit_codes() -> Iterator[None]:
    """2 with one line for what is the user's to mend, 130 for an interruption."""
    from experiments.running.processes import STOPPING

    for number in STOPPING:
        if signal.getsignal(number) != signal.SIG_IGN:  # as nohup has it
            signal.signal(number, _interrupt)
    try:
        yield
    except UserError as error:
        typer.echo(f"error: {' '.join(str(error).split())}", err=True)
        raise typer.Exit(2) from None
    except KeyboardInterrupt:
        typer.echo("interrupted; the same command goes on where this one stopped", err=True)
        raise typer.Exit(INTERRUPTED) from None


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    """The first signal stops; what follows must not spoil the tidying up, which takes seconds."""
    from experiments.running.processes import STOPPING

    for number in STOPPING:
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def _plan(name: str, imdb: str | None, uri: str) -> "Plan":
    """Everything that can be wrong with the input is found here, before anything is created."""
    from functools import cache

    import frameworks
    from experiments import tasks
    from experiments.study import plan
    from experiments.tracking import database

    path = plan.find(name)
    found = plan.read(path)
    database.check(uri)
    reviews = imdb or found.imdb
    locate = cache(lambda spec: tasks.locate(spec, reviews))
    return plan.plan(found, path, frameworks.supports, cache(frameworks.versions), locate)


def _parted(found: list[Any]) -> tuple[list["Trial"], list["Climb"], list["Timing"]]:
    """Trials, climbs and timings."""
    from experiments.parity.check import Climb
    from experiments.speed.schedule import Timing
    from experiments.training.trial import Trial

    return tuple([each for each in found if isinstance(each, kind)] for kind in (Trial, Climb, Timing))


def _finished(uri: str, study: str, room: str = "training") -> dict[str, str]:
    """What is done, fingerprint → run id; out of SQLite without MLflow, whose import takes a second."""
    from experiments.tracking import database

    if path := database.sqlite_path(uri):
        return database.finished(path, f"{study}/{room}")
    from experiments.tracking import tracker

    return tracker.finished(uri, study, room)


def _list(plan: "Plan", found: list[Any], uri: str) -> None:
    chosen, climbs, timings = _parted(found)
    done = _finished(uri, plan.study.name)
    groups: dict[tuple[str, str, str], list[str]] = {}
    for trial in chosen:
        state = "done" if trial.fingerprint in done else "to run"
        groups.setdefault((state, trial.framework, trial.spec.slug), []).append(str(trial.seed))
    for (state, framework, slug), seeds in groups.items():
        typer.echo(f"{state:8}{framework:11}{slug}  seed {', '.join(seeds)}")
    for framework, slug, reason in plan.absent:
        typer.echo(f"{'absent':8}{framework:11}{slug}: {reason}")
    finished = sum(trial.fingerprint in done for trial in chosen)
    typer.echo(f"{len(chosen)} trials: {finished} done, {len(chosen) - finished} to run; {len(plan.absent)} absent")
    if plan.study.ladder:
        _list_climbs(plan, climbs, _finished(uri, plan.study.name, "parity"))
    if plan.study.speed:
        _list_timings(timings, _finished(uri, plan.study.name, "speed"))


def _list_climbs(plan: "Plan", climbs: list["Climb"], done: dict[str, str]) -> None:
    for climb in climbs:
        state = "done" if climb.fingerprint in done else "to run"
        typer.echo(f"{state:8}{'parity':11}{climb.slug}  {', '.join(climb.twins)}")
    for framework, climb, reason in plan.unclimbed:
        typer.echo(f"{'absent':8}{framework:11}{climb.slug}: {reason}")
    finished, absent = sum(climb.fingerprint in done for climb in climbs), len(plan.unclimbed)
    typer.echo(f"{len(climbs)} climbs: {finished} done, {len(climbs) - finished} to run; {absent} absent")


def _list_timings(timings: list["Timing"], done: dict[str, str]) -> None:
    for timing in timings:
        state = "done" if timing.fingerprint in done else "to run"
        typer.echo(f"{state:8}{'speed':11}{timing.name}")
    finished = sum(timing.fingerprint in done for timing in timings)
    typer.echo(f"{len(timings)} timings: {finished} done, {len(timings) - finished} to run")


def _run(
    plan: "Plan", found: list[Any], whole: bool, uri: str, fresh: bool, workers: int | None, threads: int | None
) -> list[tuple[str, str]]:
    """Run what is missing of what was ``found`` for, phase by phase, then report; what failed, and why."""
    from rich.console import Console

    import frameworks
    from experiments import phases
    from experiments.running import display
    from experiments.running.executor import LocalExecutor
    from experiments.tracking import mlflow_view
    from experiments.tracking.tracker import Tracker
    from experiments.training import checkpoints

    console = Console(width=None if sys.stdout.isatty() else PLAIN_WIDTH)
    chosen, climbs, timings = _parted(found)
    work = [(phases.train, chosen), (phases.climb, climbs), (phases.measure, plan.measurements if whole else ())]
    work.append((phases.clock, timings))
    failures = []
    with Tracker(uri, plan.study.name, plan.study.description, plan.trials) as tracker:
        tracker.reap()
        done = {} if fresh else tracker.finished() | tracker.finished("parity") | tracker.finished("speed")
        if fresh:
            checkpoints.discard(trial.fingerprint for trial in chosen)
        left = [[job for job in jobs if job.fingerprint not in done] for _, jobs in work]
        for (phase, jobs), missing in zip(work, left, strict=True):
            if missing:
                executor = LocalExecutor(frameworks.load, workers, threads)
                failures += phase(tracker, missing, len(jobs), executor, console)
        rows = mlflow_view.rows(plan.trials, tracker.results()) if left[0] else []
        runs = tracker.way_to_look
    index = _reports(plan, uri)
    if any(left):
        display.summary(console, rows, failures, runs, index)
    else:
        kinds = {"trials": chosen, "climbs": climbs, "timings": timings}
        all_done = " and ".join(f"{len(planned)} {kind}" for kind, planned in kinds.items() if planned)
        console.print(f"nothing to run: all {all_done} are done")
        display.ways(console, runs, index)
    return failures


def _reports(plan: "Plan", uri: str) -> Path:
    import reports

    return reports.write(plan, _supports(plan), uri, Path("reports"))


def _supports(plan: "Plan") -> list[dict[str, str]]:
    """Each twin's answer for every cell and form of the study, by preference under stock conventions."""
    import frameworks
    from experiments.study.plan import expand

    specs = [spec for spec, _ in expand(plan.study, Path(plan.study.name))]
    found = {}
    for spec in sorted(specs, key=lambda spec: spec.conventions.imposed):
        found.setdefault((spec.network.cell, spec.network.form), spec)
    return [
        {"framework": name, "cell": cell, "form": form} | _answer(frameworks.supports(name, spec))
        for (cell, form), spec in found.items()
        for name in plan.study.frameworks
    ]


def _answer(support: "Support") -> dict[str, str]:
    detail = getattr(support, "reason", None) or getattr(support, "detail", "")
    return {"answer": type(support).__name__, "detail": detail}


if __name__ == "__main__":
    sys.exit(app())
