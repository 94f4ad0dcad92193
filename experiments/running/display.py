"""What a study shows while it runs and when it is done."""

import math
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Self

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from experiments.events import EpochEnded, Event, Failed, Finished, Progressed, Retried
from experiments.protocol import Job
from experiments.running.outlook import Outlook
from experiments.running.summary import Row
from experiments.study.phases import PHASES

SPOKEN_EVERY_S = 30.0  # where the output is no terminal


class Display:
    """A study as it runs: one bar over all its phases and a line for each worker; a context manager.

    Where the output is no terminal: a line for each trial that starts, and each half minute what is done and left.

    Args:
        console: where to.
        outlook: what is to come; counted here.
        keep_up: called after every event.
    """

    def __init__(self, console: Console, outlook: Outlook, keep_up: Callable[[], None] = lambda: None) -> None:
        self.console, self.outlook, self.keep_up = console, outlook, keep_up
        self._phase = ""
        self._bars = Progress(
            TextColumn("[bold]{task.description}"),
            BarColumn(None),
            TextColumn("{task.fields[counts]}"),
            TimeElapsedColumn(),
            TextColumn("{task.fields[left]}"),
            expand=True,
        )
        self._bar = self._bars.add_task("", total=max(1.0, outlook.expected_s), counts="", left="")
        self.workers = Progress(TextColumn("{task.description}"), BarColumn(20), TextColumn("{task.fields[text]}"))
        self._live = Live(Group(self._bars, self.workers), console=console, transient=True, refresh_per_second=4)
        self._over = threading.Event()
        self._clock = threading.Thread(target=self._speak, daemon=True)

    def __enter__(self) -> Self:
        (self._live if self.console.is_terminal else self._clock).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        if self.console.is_terminal:
            self._live.stop()
        elif self._clock.is_alive():
            self._clock.join()

    def phase(self, name: str, total: int, done: int) -> "PhaseDisplay":
        """Show one phase from here on, of which so many jobs are done already."""
        self._phase = name
        self.show()
        return PhaseDisplay(self, name, total, done)

    def show(self) -> None:
        """Bring the bar up to date."""
        stage = self.outlook.stages[self._phase]
        counts, left = f"{stage.done:,}/{stage.total:,}", self.outlook.time_left
        place = {"total": max(1.0, self.outlook.expected_s), "completed": self.outlook.behind_s}
        self._bars.update(self._bar, description=self._phase, counts=counts, left=left, **place)

    def say(self, text: str) -> None:
        """Show a line that stays, with what is done of the phase."""
        stage = self.outlook.stages.get(self._phase)
        head = f"[{stage.done}/{stage.total}] {self._phase}  " if stage else ""
        self.console.print(f"{head}{text}", markup=False, highlight=False, soft_wrap=True)

    def _speak(self) -> None:
        while not self._over.wait(SPOKEN_EVERY_S):
            if self._phase:  # the clock starts a moment before the first phase
                self.say(self.outlook.time_left)


class PhaseDisplay:
    """One phase as it runs."""

    def __init__(self, study: Display, phase: str, total: int, done: int) -> None:
        self._study, self._phase = study, phase
        self._metrics: dict[str, dict[str, float]] = {}  # of the last epoch, by the job's fingerprint
        self._lines: dict[int, TaskID] = {}
        self._steps: dict[int, tuple[str, int, int, float]] = {}  # by worker: trial, epoch, step, when

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for line in self._lines.values():
            self._study.workers.remove_task(line)

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
        self._study.keep_up()

    def done(self, title: str, text: str) -> None:
        """Count one job and show how it ended."""
        self._study.outlook.count(self._phase)
        self._study.show()
        self.say(f"{title}  {text}")
        self._study.keep_up()

    def say(self, text: str) -> None:
        """Show a line that stays."""
        self._study.say(text)

    def _progress(self, worker: int, title: str, event: Progressed) -> None:
        line = self._lines.get(worker)
        if line is None:
            line = self._lines[worker] = self._study.workers.add_task("", text="")
        starting = math.isnan(event.loss) and not event.epoch
        if starting and not self._study.console.is_terminal:
            self.say(f"{title}  starts")
        loss = "starting" if starting else f"loss {event.loss:.4f}"
        accuracy = "" if event.accuracy is None else f"  accuracy {event.accuracy:.3f}"
        text = f"epoch {event.epoch}/{event.epochs}  {loss}{accuracy}{self._pace(worker, title, event)}"
        self._study.workers.update(line, description=title, total=event.total or None, completed=event.done, text=text)

    def _pace(self, worker: int, title: str, event: Progressed) -> str:
        """The steps a second since the worker's last word, if that was in the same epoch: evaluation is no step."""
        now, last = time.monotonic(), self._steps.get(worker)
        self._steps[worker] = (title, event.epoch, event.done, now)
        if last is None or last[:2] != (title, event.epoch) or now <= last[3]:
            return ""
        return f"  {(event.done - last[2]) / (now - last[3]):.3g} steps/s"


def nothing_to_run(console: Console, chosen: Mapping[str, Sequence[Job]]) -> None:
    """Say that every phase's jobs are done."""
    counts = (phase.count(len(chosen[phase.name])) for phase in PHASES if chosen[phase.name])
    console.print(f"nothing to run: all {' and '.join(counts)} are done", highlight=False)


def address(console: Console, index: Path) -> None:
    """Where the pages are, said before there is anything to read."""
    where = index.absolute().as_uri()
    console.print(f"pages:   {where}, written as the study goes", markup=False, highlight=False, soft_wrap=True)


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
