"""What a study shows as it runs and when it is over."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from rich.console import Console, Group
from rich.live import Live
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from experiments.protocol import EpochEnded, Event, Failed, Finished, Progressed, Retried
from experiments.tracking.mlflow_view import Row
from experiments.training.trial import Trial

AN_HOUR_S = 3_600  # the pace is that of the last hour; rich's half minute is shorter than a trial


class Display:
    """A bar for the study and a line for each worker; plain lines where the output is no terminal."""

    def __init__(self, total: int, done: int, console: Console) -> None:
        self._console, self._total, self._done = console, total, done
        self._last: dict[str, dict[str, float]] = {}
        self._lines: dict[int, TaskID] = {}
        self._study = Progress(
            TextColumn("[bold]{task.description}"),
            BarColumn(None),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            speed_estimate_period=AN_HOUR_S,
            expand=True,
        )
        self._bar = self._study.add_task("trials", total=total, completed=done)
        self._workers = Progress(TextColumn("{task.description}"), BarColumn(20), TextColumn("{task.fields[text]}"))
        self._live = Live(Group(self._study, self._workers), console=console, transient=True, refresh_per_second=4)

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._console.is_terminal:
            self._live.stop()

    def update(self, worker: int, trial: Trial, event: Event) -> None:
        """Show one event."""
        match event:
            case Progressed():
                self._progress(worker, trial, event)
            case EpochEnded():
                self._last[trial.fingerprint] = event.metrics
            case Finished():
                metrics = self._last.pop(trial.fingerprint, {})
                tests = {name: value for name, value in metrics.items() if name.startswith("test/")}
                self._end(trial, "  ".join(f"{name} {value:.4g}" for name, value in tests.items()))
            case Failed():
                self._end(trial, f"failed: {event.reason}")
            case Retried():
                self._say(trial, f"{event.reason}; tried once more")

    def _progress(self, worker: int, trial: Trial, event: Progressed) -> None:
        line = self._lines.get(worker)
        if line is None:
            line = self._lines[worker] = self._workers.add_task("", text="")
        loss = "starting" if math.isnan(event.loss) and not event.epoch else f"loss {event.loss:.4f}"
        accuracy = "" if event.accuracy is None else f"  accuracy {event.accuracy:.3f}"
        self._workers.update(
            line,
            description=f"{trial.spec.slug}  {trial.name}",
            total=event.total or None,
            completed=event.done,
            text=f"epoch {event.epoch}/{event.epochs}  {loss}{accuracy}",
        )

    def _end(self, trial: Trial, text: str) -> None:
        self._done += 1
        self._study.update(self._bar, completed=self._done)
        self._say(trial, text)

    def _say(self, trial: Trial, text: str) -> None:
        line = f"[{self._done}/{self._total}] {trial.spec.slug}  {trial.name}  {text}"
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)


def summary(console: Console, rows: Sequence[Row], failures: Sequence[tuple[str, str]], runs: str, index: Path) -> None:
    """The results, what failed and why, and the two ways to look."""
    if rows:
        console.print(_table(rows))
    for title, reason in failures:
        line = f"failed: {title}: {reason}"
        console.print(line, style="red", markup=False, highlight=False, soft_wrap=True)
    ways(console, runs, index)


def ways(console: Console, runs: str, index: Path) -> None:
    """Where to look at the results."""
    console.print(f"reports: {index}", highlight=False, soft_wrap=True)
    console.print(f"runs:    {runs}", markup=False, highlight=False, soft_wrap=True)


def _table(rows: Sequence[Row]) -> Table:
    table = Table(box=None, header_style="bold")
    table.add_column("experiment", overflow="fold")
    table.add_column("framework", no_wrap=True)
    for name in ("n", "test", "epoch s"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        spread = "" if math.isnan(row.sd) else f" ± {row.sd:.2g}"
        result = f"{row.metric.removeprefix('test/')} {row.mean:.4g}{spread}"
        table.add_row(row.experiment, row.framework, str(row.n), result, f"{row.epoch_s:.2f}")
    return table
