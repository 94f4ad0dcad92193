"""A study: TOML → experiments → trials."""

import itertools
import tomllib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import BaseModel, Field, PositiveInt, ValidationError, model_validator

from experiments.errors import UserError
from experiments.parity.check import FORMS, REFERENCE, Climb, LadderGrid, lay_out
from experiments.probes import gradient_norms, same_text
from experiments.probes.source_calls import PrintedCalls
from experiments.protocol import Absent, Job, Support
from experiments.running.executor import usable_cores
from experiments.spec import Cell, ExperimentSpec, Frozen
from experiments.speed.measure import Depth
from experiments.speed.schedule import Timing
from experiments.tasks import DataSource
from experiments.training.trial import Trial

TASKS = ("imdb", "sine", "digits", "chars")
STUDIES = Path(__file__).parent / "studies"

Values = Annotated[list[Any], Field(min_length=1)]
FrameworkName = Literal["tf2", "pytorch", "reference"]


class Grid(Frozen):
    """Experiments that share most of their fields: ``vary`` maps a dotted field to the values it takes.

    Fields that only go together are varied as a table: ``network = [{ cell = "lstm" }, { cell = …, … }]``. What stands
    in ``vary`` is combined, each value with each; what stands in ``sweep`` changes alone, all else as told before.
    ``frameworks`` and ``seeds`` are the study's unless told.
    """

    task: str | dict[str, Any] = Field(default_factory=dict)
    network: dict[str, Any] = Field(default_factory=dict)
    training: dict[str, Any] = Field(default_factory=dict)
    conventions: str | dict[str, Any] = "stock"
    vary: dict[str, Values] = Field(default_factory=dict)
    sweep: dict[str, Values] = Field(default_factory=dict)
    seeds: PositiveInt | None = None
    frameworks: Annotated[tuple[FrameworkName, ...], Field(min_length=1)] | None = None

    @model_validator(mode="after")
    def _has_a_task(self) -> Self:
        if not self.task and "task" not in self.vary:
            raise ValueError("task: missing; a table needs one, or varies it")
        return self

    def experiments(self) -> Iterator[dict[str, Any]]:
        """Every combination of the varied values, the last one changing fastest, and each with every sweep's values."""
        base = {
            "task": {"name": self.task} if isinstance(self.task, str) else self.task,
            "network": self.network,
            "training": self.training,
            "conventions": {"base": self.conventions} if isinstance(self.conventions, str) else self.conventions,
        }
        varied = (list(zip(self.vary, values, strict=True)) for values in itertools.product(*self.vary.values()))
        swept = [[(path, value)] for path, values in self.sweep.items() for value in values] or [[]]
        for together, alone in itertools.product(varied, swept):
            data: dict[str, Any] = {part: dict(fields) for part, fields in base.items()}
            for path, value in together + alone:
                _place(data, path, value)
            yield data


class SpeedGrid(Grid):
    """A study's ``[[speed]]`` table: variants timed in the same processes, one after the other.

    ``processes``: fresh ones of each framework, the frameworks' alternating; ``threads``: for each of these numbers
    anew, ``"all"`` being every usable core; ``steps``: steady ones in each process; ``depth``: training steps alone, or
    also forward passes and the floor, or also the operators that took the time, of the most threads.
    """

    processes: PositiveInt = 2
    threads: Annotated[tuple[PositiveInt | Literal["all"], ...], Field(min_length=1)] = ("all",)
    steps: Annotated[int, Field(ge=4)] = 20
    depth: Depth = "operators"


class Study(Frozen):
    """What a study file says."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]
    description: str
    frameworks: Annotated[tuple[FrameworkName, ...], Field(min_length=1)] = ("tf2", "pytorch")
    seeds: PositiveInt = 1  # seeds 0 … seeds−1
    imdb: str = "packaged"
    grid: tuple[Grid, ...] = ()
    speed: tuple[SpeedGrid, ...] = ()
    ladder: LadderGrid | None = None
    #: Beside the trials: gradients through time, sources' calls, texts that both twins write.
    measure: tuple[Literal["horizon", "printed", "writing"], ...] = ()

    @model_validator(mode="after")
    def _has_something_to_do(self) -> Self:
        if not (self.grid or self.speed or self.ladder):
            raise ValueError("grid: missing; a study needs a [[grid]], a [[speed]] or a [ladder]")
        return self


@dataclass(frozen=True)
class Plan:
    """A study laid out: what would run, and what cannot and why."""

    study: Study
    trials: tuple[Trial, ...]
    absent: tuple[tuple[str, str, str], ...]  # (framework, slug, reason)
    climbs: tuple[Climb, ...] = ()
    unclimbed: tuple[tuple[str, Climb, str], ...] = ()  # (framework, what it cannot climb, reason)
    measurements: tuple[Job, ...] = ()
    timings: tuple[Timing, ...] = ()


def find(name: str) -> Path:
    """The file of a study: one of ours by name, or a path.

    Raises:
        UserError: neither a study of ours nor a file.
    """
    ours = STUDIES / f"{name}.toml"
    path = ours if ours.is_file() else Path(name)
    if not path.is_file():
        names = ", ".join(sorted(file.stem for file in STUDIES.glob("*.toml")))
        raise UserError(f"study {name!r}: no such study or file; allowed: {names}, or a path to a TOML file")
    return path


def read(path: Path) -> Study:
    """Read and check a study file.

    Raises:
        UserError: in one line, the file, the key and what is allowed.
    """
    try:
        return Study.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not valid TOML: {error}") from error
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from error
    except ValidationError as error:
        raise UserError(f"{path}: {explain(error, Study)}") from error


def expand(study: Study, path: Path) -> list[tuple[ExperimentSpec, int]]:
    """The study's experiments with the number of seeds each runs under; repeated ones are taken once.

    Raises:
        UserError: an experiment of the grid is not valid.
    """
    return [(spec, max(wanted.values())) for spec, wanted in _wanted(study, path).items()]


def _wanted(study: Study, path: Path) -> dict[ExperimentSpec, dict[str, int]]:
    """Each experiment with the number of seeds each framework runs it under."""
    found: dict[ExperimentSpec, dict[str, int]] = {}
    for number, grid in enumerate(study.grid, start=1):
        for spec in _specs(grid, path, f"grid {number}"):
            wanted = found.setdefault(spec, {})
            for name in grid.frameworks or study.frameworks:
                wanted[name] = max(wanted.get(name, 0), grid.seeds or study.seeds)
    return found


def _specs(grid: Grid, path: Path, where: str) -> Iterator[ExperimentSpec]:
    for data in grid.experiments():
        try:
            yield ExperimentSpec.model_validate(data)
        except ValidationError as error:
            raise UserError(f"{path}: {where}: {explain(error, ExperimentSpec)}") from error


def plan(
    study: Study,
    path: Path,
    supports: Callable[[str, ExperimentSpec], Support],
    versions: Callable[[str], str],
    locate: Callable[[Any], DataSource],
) -> Plan:
    """Lay a study out as trials, twin beside twin, in the order they should run.

    Args:
        study: the study read from ``path``.
        path: where it came from, for messages.
        supports: what a twin says of a spec.
        versions: a twin's releases.
        locate: a task spec's data, found and checked.
    """
    trials, absent = [], []
    for spec, wanted in _wanted(study, path).items():
        for name, seeds in wanted.items():
            answer = supports(name, spec)
            if isinstance(answer, Absent):
                absent.append((name, spec.slug, answer.reason))
                continue
            data = locate(spec.task)
            trials += [Trial(spec, name, versions(name), seed, data) for seed in range(seeds)]
    climbs = _ladder(study, path, supports, versions)
    timings, untimed = _speed(study, path, supports, versions)
    absent += untimed
    return Plan(study, tuple(trials), tuple(absent), *climbs, _measurements(study, trials, versions), timings)


def _speed(
    study: Study, path: Path, supports: Callable[[str, ExperimentSpec], Support], versions: Callable[[str], str]
) -> tuple[tuple[Timing, ...], list[tuple[str, str, str]]]:
    """The variants to be timed, each once for every number of threads, and what cannot be timed and why."""
    found, absent = {}, {}
    for group, grid in enumerate(study.speed):
        specs = list(_specs(grid, path, f"speed {group + 1}"))
        threads = dict.fromkeys(usable_cores() if each == "all" else each for each in grid.threads)
        for count, name, spec in itertools.product(threads, _twins(grid.frameworks or study.frameworks), specs):
            answer = supports(name, spec)
            if isinstance(answer, Absent):
                absent[name, spec.slug, answer.reason] = None
                continue
            depth = "floor" if grid.depth == "operators" and count < max(threads) else grid.depth
            each = Timing(spec, name, versions(name), count, grid.processes, grid.steps, depth, group)
            found.setdefault(each.fingerprint, each)
    return tuple(found.values()), list(absent)


def _twins(frameworks: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for name in frameworks if name != REFERENCE)


def _ladder(
    study: Study, path: Path, supports: Callable[[str, ExperimentSpec], Support], versions: Callable[[str], str]
) -> tuple[tuple[Climb, ...], tuple[tuple[str, Climb, str], ...]]:
    try:
        return lay_out(study.ladder, study.frameworks, supports, versions)
    except ValidationError as error:
        raise UserError(f"{path}: ladder: {explain(error, ExperimentSpec)}") from error


def _measurements(study: Study, trials: Sequence[Trial], versions: Callable[[str], str]) -> tuple[Job, ...]:
    found: list[Job] = []
    if "horizon" in study.measure:
        found += gradient_norms.jobs(trials, study.frameworks, versions)
    if "writing" in study.measure:
        found += same_text.jobs(trials, study.frameworks, versions)
    if "printed" in study.measure:
        found += [PrintedCalls(name, versions(name)) for name in _twins(study.frameworks)]
    return tuple(found)


Planned = Trial | Climb | Timing

#: What ``--only KEY=VALUE`` may name, and how a trial answers.
SELECTORS: dict[str, Callable[[Trial], str]] = {
    "cell": lambda trial: trial.spec.network.cell,
    "form": lambda trial: trial.spec.network.form,
    "task": lambda trial: trial.spec.task.name,
    "framework": lambda trial: trial.framework,
    "conventions": lambda trial: trial.spec.conventions.label,
    "seed": lambda trial: str(trial.seed),
    "phase": lambda trial: "training",
}
#: And how a timing does, which has no seed.
TIMING_SELECTORS: dict[str, Callable[[Timing], str]] = {
    **{key: SELECTORS[key] for key in ("cell", "form", "task", "framework", "conventions")},
    "phase": lambda timing: "speed",
}
#: And how a climb does: it holds the twins against each other, and has neither task nor seed of its own.
CLIMB_SELECTORS: dict[str, Callable[[Climb], str]] = {
    **{key: SELECTORS[key] for key in ("cell", "form", "conventions")},
    "phase": lambda climb: "parity",
}


def select(planned: Sequence[Planned], only: list[str]) -> list[Planned]:
    """The trials, climbs and timings that match: the same key twice means either, different keys mean both.

    Raises:
        UserError: a filter that is no ``KEY=VALUE``, an unknown key, or a value that nothing in the study has.
    """
    wanted: dict[str, set[str]] = {}
    for text in only:
        key, equals, value = text.partition("=")
        if not equals or key not in SELECTORS:
            raise UserError(f"--only {text}: allowed: KEY=VALUE with KEY one of {', '.join(SELECTORS)}")
        present = sorted({_answer(each, key) for each in planned} - {""})
        if value not in present:
            raise UserError(f"--only {text}: no trial of this study has it; allowed: {', '.join(present)}")
        wanted.setdefault(key, set()).add(value)
    return [each for each in planned if all(_answer(each, key) in values for key, values in wanted.items())]


def _answer(planned: Planned, key: str) -> str:
    selectors = {Climb: CLIMB_SELECTORS, Timing: TIMING_SELECTORS}.get(type(planned), SELECTORS)
    return selectors[key](planned) if key in selectors else ""


def explain(error: ValidationError, model: type[BaseModel]) -> str:
    """A validation error in one line: the key, what was given, what is allowed."""
    # A misspelt key also leaves its right name missing: say the cause before the consequence.
    first, *more = sorted(error.errors(), key=lambda found: found["type"] != "extra_forbidden")
    where = ".".join(str(part) for part in first["loc"] if part not in TASKS) or "the file"
    if first["type"] == "extra_forbidden":
        text = f"no such key; allowed: {', '.join(_keys(model, first['loc'][:-1]))}"
    elif first["type"] in ("literal_error", "union_tag_invalid"):
        expected = first["ctx"].get("expected") or first["ctx"].get("expected_tags")
        given = first["input"].get("name") if isinstance(first["input"], dict) else first["input"]
        text = f"{given!r}; allowed: {expected}"
    elif first["type"] == "missing":
        text = "missing"
    else:
        text = f"{first['input']!r}: {first['msg'].removeprefix('Value error, ')}"
        text = first["msg"].removeprefix("Value error, ") if first["type"] == "value_error" else text
    return f"{where}: {text}" + (f" (and {len(more)} more)" if more else "")


def _keys(model: type[BaseModel], location: tuple[str | int, ...]) -> list[str]:
    fields = model.model_fields
    for part in location:
        if part in fields:
            candidates = [fields[part].annotation]
        else:
            continue
        while candidates:
            kind = candidates.pop()
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                tag = location[-1]
                if "name" in kind.model_fields and tag in TASKS and kind.model_fields["name"].default != tag:
                    continue
                fields = kind.model_fields
                break
            candidates += get_args(kind)
    return list(fields)


def _place(data: dict[str, Any], path: str, value: Any) -> None:
    """A varied value in its place: a field, a part's name, or a table, which joins the network's or the training's."""
    part, _, field = path.partition(".")
    if field:
        data.setdefault(part, {})[field] = value
    elif isinstance(value, str):
        data[part] = {"name" if part == "task" else "base": value}
    elif isinstance(value, dict) and part in ("network", "training"):
        data[part] = data[part] | value
    else:
        data[part] = value


CELLS: tuple[str, ...] = get_args(Cell)
__all__ = ["CELLS", "FORMS", "Plan", "Study", "expand", "explain", "find", "plan", "read", "select"]
