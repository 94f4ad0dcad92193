"""``python -m experiments.faults``: a campaign of faults, and what became of the studies that they hit."""

import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import cycle, islice
from pathlib import Path
from shutil import copy
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from experiments.errors import UserError
from experiments.faults import campaign
from experiments.faults.campaign import Deck, Round
from experiments.faults.kinds import KINDS, Site, possible
from experiments.faults.ray_nodes import RayNodes
from experiments.faults.ray_nodes import installed as ray_installed
from experiments.faults.servers import MlflowServer, Postgres, programs
from experiments.faults.study import Study
from experiments.faults.tally import Counts
from experiments.study import schema
from experiments.tracking import store

OWN = Path(__file__).with_name("faults.toml")
EXECUTORS, STORES = ("local", "ray"), ("sqlite", "server")
ZEROS = ("lost", "repeated", "left RUNNING", "different")

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.command()
def main(
    study: Annotated[str, typer.Option(help="a study's name or TOML file; unless told, quick jobs in NumPy")] = "",
    only: Annotated[list[str] | None, typer.Option(metavar="|".join(KINDS), help="these kinds alone")] = None,
    rounds: Annotated[int, typer.Option(min=1, help="how many studies")] = 16,
    faults: Annotated[int, typer.Option(min=1, help="at most, for each study")] = 8,
    seed: Annotated[int | None, typer.Option(help="of the random draws; printed")] = None,
    executor: Annotated[str | None, typer.Option(metavar="|".join(EXECUTORS), help="default: both")] = None,
    server: Annotated[
        bool | None, typer.Option("--server/--sqlite", help="where it is recorded; default: both")
    ] = None,
    keep: Annotated[Path | None, typer.Option(help="a new folder in which everything stays")] = None,
) -> None:
    """Hit studies with faults at random moments; exit 1 unless nothing is lost, repeated, left RUNNING or different."""
    try:
        with ExitStack() as stack:
            if keep and keep.exists():
                raise UserError(f"--keep {keep}: it is there already; allowed: a new folder")
            folder = keep or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="rnn-twins-faults-")))
            template = schema.find(study) if study else OWN
            sites = _sites(executor, server)
            chosen = seed if seed is not None else random.SystemRandom().randrange(10_000)
            typer.echo(f"seed {chosen}")
            done = _campaign(folder.absolute(), template, sites, only or [], rounds, faults, chosen)
    except UserError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(2) from None
    total = sum((each.counts for each in done), Counts())
    _print(done)
    met, minutes = sum(each.faults.total() for each in done), sum(each.seconds for each in done) / 60
    said = ", ".join(f"{name} {count}" for name, count in zip(ZEROS, total, strict=True))
    typer.echo(f"{met} faults, {len(done)} studies, seed {chosen}, {minutes:.0f} min: {said}")
    if any(total) or not all(each.ended for each in done):
        raise typer.Exit(1)


def _sites(executor: str | None, server: bool | None) -> list[tuple[str, str]]:
    """The executors and stores that are asked for and that this machine has; prints what it lacks."""
    if executor not in (None, *EXECUTORS):
        raise UserError(f"--executor {executor}; allowed: {', '.join(EXECUTORS)}")
    asked = [(each, kept) for kept in STORES for each in EXECUTORS]
    asked = [(each, kept) for each, kept in asked if executor in (None, each) and server in (None, kept == "server")]
    lacking = set()
    if not ray_installed():
        lacking.add("ray")
        typer.echo("left out: Ray, an extra that is not installed")
    if programs() is None:
        lacking.add("server")
        typer.echo("left out: the server, since PostgreSQL's programs are not installed")
    pairs = [pair for pair in asked if not lacking & set(pair)]
    if not pairs:
        raise UserError("none of what was asked for is installed on this machine")
    return pairs


def _campaign(
    folder: Path, template: Path, sites: list[tuple[str, str]], only: list[str], rounds: int, faults: int, seed: int
) -> list[Round]:
    if unknown := set(only) - set(KINDS):
        raise UserError(f"--only {', '.join(sorted(unknown))}; allowed: {', '.join(KINDS)}")
    folder.mkdir(exist_ok=True)
    # What is started here, servers and nodes too, inherits it. A token that lies in the user's folder changes what
    # Ray's heads ask for.
    os.environ |= {"RNN_TWINS_CACHE": str(folder / "cache"), "RAY_AUTH_MODE": "disabled"}
    database, done = folder / "mlflow.db", []
    store.create(database)
    began = time.monotonic()
    calm = _study(folder / "undisturbed", template, Site("local, sqlite", folder), database)
    wanted = campaign.undisturbed(calm, f"sqlite:///{calm.folder / 'mlflow.db'}", folder)
    typer.echo(f"undisturbed: {len(wanted)} runs in {time.monotonic() - began:.0f} s")
    numbers: dict[tuple[str, str], int] = Counter(islice(cycle(sites), rounds))
    for pair, count in numbers.items():
        rng = random.Random(f"{seed} {pair}")
        with _site(folder, *pair) as site:
            names = [name for name in possible(site) if not only or name in only]
            deck = Deck(names, rng)
            for number in range(count if names else 0):
                study = _study(folder / f"{'-'.join(pair)}-{number + 1}", template, site, database)
                done.append(campaign.run(site, study, deck, faults, wanted, rng))
                _tell(done[-1])
    return done


def _study(folder: Path, template: Path, site: Site, database: Path) -> Study:
    study = Study(folder, template, site.arguments())
    if not site.server:
        copy(database, folder)  # to make one takes longer than the study
    return study


@contextmanager
def _site(folder: Path, executor: str, kept: str) -> Iterator[Site]:
    """A site's servers and nodes, which last for its studies."""
    site = Site(f"{executor}, {kept}", folder)
    with ExitStack() as stack:
        if kept == "server":
            site.postgres = stack.enter_context(Postgres(programs()))
            site.server = stack.enter_context(MlflowServer(folder, site.postgres.uri))
            site.serve()
        if executor == "ray":
            site.ray = stack.enter_context(RayNodes())
            site.ray.start()
        yield site


def _tell(done: Round) -> None:
    faults = ", ".join(f"{name} {count}" for name, count in sorted(done.faults.items()))
    said = "" if done.ended else "; it did not come to its end"
    typer.echo(
        f"{done.study}: {faults}; {done.starts} starts, {done.seconds:.0f} s; {' '.join(map(str, done.counts))}{said}"
    )


def _print(done: list[Round]) -> None:
    """Two tables: by site, and by kind; what went wrong in a study counts at each kind that hit it."""
    sites = Table("executor, store", "studies", "faults", "starts", "min", *ZEROS)
    for name in dict.fromkeys(each.site for each in done):
        those = [each for each in done if each.site == name]
        numbers = (len(those), sum(each.faults.total() for each in those), sum(each.starts for each in those))
        minutes, counts = sum(each.seconds for each in those) / 60, sum((each.counts for each in those), Counts())
        sites.add_row(name, *map(str, numbers), f"{minutes:.1f}", *map(str, counts))
    by_kind = Table("kind", "faults", *ZEROS)
    for name in KINDS:
        if those := [each for each in done if each.faults[name]]:
            counts = sum((each.counts for each in those), Counts())
            by_kind.add_row(name, str(sum(each.faults[name] for each in those)), *map(str, counts))
    console = Console(width=None if sys.stdout.isatty() else 120)
    console.print(sites)
    console.print(by_kind)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # or what was started here would outlive it
    app()
