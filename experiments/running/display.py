"""What a study shows while it runs and when it is done."""

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

from experiments.events import EpochEnded, Event, Failed, Finished, Progressed, Retried
from experiments.protocol import Job
from experiments.running.summary import Row

AN_HOUR_S = 3_600  # the pace is that of the last hour; rich's half minute is shorter than a trial


class Display:
    """One phase as it runs: a bar, and a line for each worker; plain lines where the output is no terminal."""

    def __init__(self, phase: str, total: int, done: int, console: Console) -> None:
        self._phase, self._total, self._done, self._console = phase, total, done, console
        self._metrics: dict[str, dict[str, float]] = {}  # of the last epoch, by the job's fingerprint
        self._lines: dict[int, TaskID] = {}
        self._bars = Progress(
            TextColumn("[bold]{task.description}"),
            BarColumn(None),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            speed_estimate_period=AN_HOUR_S,
            expand=True,
        )
        self._bar = self._bars.add_task(phase, total=total, completed=done)
        self._workers = Progress(TextColumn("{task.description}"), BarColumn(20), TextColumn("{task.fields[text]}"))
        self._live = Live(Group(self._bars, self._workers), console=console, transient=True, refresh_per_second=4)

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._console.is_terminal:
            self._live.stop()

    def update(self, worker: int, job: Job, event: Event) -> None:
        """Show one event of a trial."""
        title = f"{job.spec.slug}  {job.name}"
        match event:
            case Progressed():
                self._progress(worker, title, event)
            case EpochEnded():
                self._metrics[job.fingerprint] = event.metrics
            case Finished():
                metrics = self._metrics.pop(job.fingerprint, {})
                tests = {name: value for name, value in metrics.items() if name.startswith("test/")}
                self.done(title, "  ".join(f"{name} {value:.4g}" for name, value in tests.items()))
            case Failed():
                self.done(title, f"failed: {event.reason}")
            case Retried():
                self.say(f"{title}  {event.reason}; tried once more")

    def done(self, title: str, text: str) -> None:
        """Count one job and show how it ended."""
        self._done += 1
        self._bars.update(self._bar, completed=self._done)
        self.say(f"{title}  {text}")

    def say(self, text: str) -> None:
        """Show a line that stays."""
        line = f"[{self._done}/{self._total}] {self._phase}  {text}"
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)

    def _progress(self, worker: int, title: str, event: Progressed) -> None:
        line = self._lines.get(worker)
        if line is None:
            line = self._lines[worker] = self._workers.add_task("", text="")
        loss = "starting" if math.isnan(event.loss) and not event.epoch else f"loss {event.loss:.4f}"
        accuracy = "" if event.accuracy is None else f"  accuracy {event.accuracy:.3f}"
        text = f"epoch {event.epoch}/{event.epochs}  {loss}{accuracy}"
        self._workers.update(line, description=title, total=event.total or None, completed=event.done, text=text)


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
