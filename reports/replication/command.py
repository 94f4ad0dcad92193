"""``python run_all.py freeze STUDY`` writes a bundle; ``python run_all.py replicate BUNDLE.json`` judges it."""

import dataclasses
import tomllib
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from experiments.errors import UserError
from experiments.hardware import describe
from experiments.protocol import Framework
from experiments.spec import ExperimentSpec
from experiments.study.phase import Work
from experiments.study.plan import Plan
from experiments.study.schema import Study, find
from experiments.tracking.database import DEFAULT_URI, absolute
from experiments.twins import REFERENCE
from reports.data.load import gather
from reports.data.results import planned_frame
from reports.replication import bundle as bundles
from reports.replication import claims, digests, judge
from reports.replication.bundle import Bundle
from reports.replication.judge import Line

FIRST_SEED = 1000  # far from any study's own
FOLDER = Path("reports/replication")
STYLES = {"PASS": "green", "FAIL": "bold red", "UNDECIDED": "yellow"}

freezing = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
replicating = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@dataclass(frozen=True)
class Door:
    """What the front door hands in: planning and running stay with it."""

    lay_out: Callable[[Study, Path, str | None, str], Plan]  # study, its file, reviews' source, tracking URI
    run: Callable[..., list[tuple[str, str]]]  # plan, jobs by phase, tracking URI, folder=: of the reports
    load: Callable[[str], Framework]
    exit_codes: Callable[[], AbstractContextManager[None]]


@freezing.command()
def freeze(
    context: typer.Context,
    study: Annotated[str, typer.Argument(help="a study that has run: its name, or a TOML file's path")],
    out: Annotated[Path, typer.Option(help="the bundle")] = Path("bundle.json"),
    tracking_uri: Annotated[str, typer.Option(help="MLflow's database or server")] = DEFAULT_URI,
    imdb: Annotated[str | None, typer.Option(metavar="packaged|keras|PATH", help="where reviews come from")] = None,
) -> None:
    """Freeze a study's claims, with what they rest on, into a bundle that another machine can judge."""
    door: Door = context.obj
    with door.exit_codes():
        path = find(study)
        text = path.read_text(encoding="utf-8")
        plan = door.lay_out(_parse(text, path), path, imdb, tracking_uri)
        made = bundles.freeze(claims.claims(gather(plan, absolute(tracking_uri))))
        if not made:
            raise UserError(f"{study}: no claim has enough seeds for an interval; run the study first")
        specs = _imposed(plan)
        bundle = Bundle(
            study=text,
            made=_made(plan),
            data=_data(plan),
            draws=digests.draws(specs),
            losses=digests.reference_losses(specs, door.load(REFERENCE)),
            claims=made,
        )
        out.write_text(bundle.model_dump_json(indent=1) + "\n", encoding="utf-8")
        typer.echo(f"wrote {out}: {len(made)} claims, {len(bundle.draws)} draws, {len(bundle.losses)} losses")


@replicating.command()
def replicate(
    context: typer.Context,
    bundle: Annotated[Path, typer.Argument(help="what freeze has written, here or on another machine")],
    first_seed: Annotated[int, typer.Option(min=1, help="seeds begin here; they must not be the study's")] = FIRST_SEED,
    tracking_uri: Annotated[str, typer.Option(help="MLflow's database or server")] = DEFAULT_URI,
    imdb: Annotated[str | None, typer.Option(metavar="packaged|keras|PATH", help="where reviews come from")] = None,
) -> None:
    """Run a frozen study with other seeds and say PASS, FAIL or UNDECIDED of each of its claims."""
    door: Door = context.obj
    with door.exit_codes():
        frozen = bundles.read(bundle)
        study = _parse(frozen.study, bundle)
        study = study.model_copy(update={"name": f"{study.name}-replication"})
        plan = _reseeded(door.lay_out(study, bundle, imdb, tracking_uri), first_seed)
        specs = _imposed(plan)
        lines = judge.data(frozen, _data(plan)) + judge.draws(frozen, digests.draws(specs))
        lines.append(judge.losses(frozen, digests.reference_losses(specs, door.load(REFERENCE))))
        uri = absolute(tracking_uri)
        failures = door.run(plan, {phase: list(plan.jobs(phase)) for phase in plan.work}, uri, folder=FOLDER)
        lines += judge.claims(frozen, claims.claims(gather(plan, uri)))
        show(frozen, lines)
        if failures or any(line.verdict == "FAIL" for line in lines):
            raise typer.Exit(1)


def show(frozen: Bundle, lines: Sequence[Line]) -> None:
    """Print the verdicts and the rules behind them."""
    table = Table("claim", "frozen", "here", "verdict")
    for line in lines:
        style = STYLES[line.verdict]
        table.add_row(line.what, line.frozen, line.new, f"[{style}]{line.verdict}[/{style}]")
    console = Console()
    console.print(table)
    console.print(frozen.rules, highlight=False)
    counts = {verdict: sum(line.verdict == verdict for line in lines) for verdict in STYLES}
    console.print(", ".join(f"{count} {verdict}" for verdict, count in counts.items()), highlight=False)


def _parse(text: str, path: Path) -> Study:
    try:
        return Study.model_validate(tomllib.loads(text))
    except ValueError as error:  # tomllib's and pydantic's are
        raise UserError(f"{path}: the study in it cannot be read: {error}") from error


def _reseeded(plan: Plan, first_seed: int) -> Plan:
    """The trials that the claims rest on with other seeds, and the parity checks; no other phase."""
    trials = plan.jobs("training")
    wanted = set(claims.table(planned_frame(trials)).fingerprint)
    moved = tuple(
        dataclasses.replace(trial, seed=first_seed + trial.seed) for trial in trials if trial.fingerprint in wanted
    )
    work = {phase: Work() for phase in plan.work}
    return dataclasses.replace(plan, work=work | {"training": Work(moved), "parity": Work(plan.jobs("parity"))})


def _imposed(plan: Plan) -> list[ExperimentSpec]:
    """The imposed experiments of the table, whose draws are ours."""
    wanted = set(claims.table(planned_frame(plan.jobs("training"))).spec_fingerprint)
    specs = {trial.spec.fingerprint: trial.spec for trial in plan.jobs("training") if trial.spec.conventions.imposed}
    return [spec for fingerprint, spec in specs.items() if fingerprint in wanted]


def _data(plan: Plan) -> dict[str, str]:
    """The digest of each task's data in the table."""
    wanted = set(claims.table(planned_frame(plan.jobs("training"))).fingerprint)
    return {trial.data.name: trial.data.digest for trial in plan.jobs("training") if trial.fingerprint in wanted}


def _made(plan: Plan) -> dict[str, str]:
    """What the frozen study ran with."""
    versions = {trial.framework: trial.version for trial in plan.jobs("training")}
    return versions | {key: str(value) for key, value in describe().items()}
