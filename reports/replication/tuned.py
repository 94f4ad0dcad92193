"""``python run_all.py tuned STUDY``: whether each cell's tuned form is the fastest, written down for the README."""

import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Literal

import typer
from pydantic import Field, ValidationError

from experiments.errors import UserError
from experiments.frozen import Frozen
from experiments.study import schema
from experiments.study.explain import explain
from experiments.tracking.database import DEFAULT_URI, absolute
from reports.data.load import gather_timings
from reports.data.results import Results
from reports.html.format import count, listed, name, significant
from reports.pages.speed.page import comparisons
from reports.pages.speed.timed.benchmarks import benchmarks, timed_variants
from reports.pages.speed.timed.timings import Ratio
from reports.pages.speed.tuned import compared
from reports.replication.command import Door

FILE, README = Path("docs/tuned.json"), Path("README.md")
#: Between these marks the README has the sentence that is made from ``FILE``; it is empty until there is one.
MARKS = ("<!-- made by `run_all.py tuned speed` -->\n", "<!-- until here -->\n")
WIDTH = 120

checking = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


class TunedRow(Frozen):
    """One cell in one framework: how many times the step of its tuned form the fastest other form's takes."""

    setting: str  # task and threads
    cell: str
    framework: str
    other: str  # the form
    ratio: float
    low: float | None  # of the 95 % interval; none without a common round
    high: float | None
    verdict: Literal["faster", "slower", "too close to call"]  # the tuned form's
    steps: int = Field(ge=1)  # of each process
    processes: int = Field(ge=1)  # of the variant that has fewer


class TunedCheck(Frozen):
    """What a study found."""

    format: Literal[1] = 1
    study: str
    looks: int = Field(ge=1)  # at the growing timings, at most
    made: dict[str, str]  # releases and the machine
    rows: list[TunedRow] = Field(min_length=1)


@checking.command()
def tuned(
    context: typer.Context,
    study: Annotated[str, typer.Argument(help="a study that has timed: its name, or a TOML file's path")] = "speed",
    out: Annotated[Path, typer.Option(help="where the check is written")] = FILE,
    readme: Annotated[Path, typer.Option(help="whose sentence is made from it")] = README,
    tracking_uri: Annotated[str, typer.Option(help="MLflow's database or server")] = DEFAULT_URI,
) -> None:
    """Say of each cell whether its tuned form is the fastest; write that down, and the README's sentence."""
    door: Door = context.obj
    with door.exit_codes():
        path = schema.find(study)
        plan = door.lay_out(schema.read(path), path, None, tracking_uri)
        checked = check(gather_timings(plan, absolute(tracking_uri)))
        text = put(readme.read_text(encoding="utf-8"), sentence(checked), readme)
        out.write_text(checked.model_dump_json(indent=1) + "\n", encoding="utf-8")
        readme.write_text(text, encoding="utf-8")
        for row in checked.rows:
            typer.echo(f"{row.setting}  {row.cell:17}{row.framework:9}{row.verdict}: {_times(row)} {row.other}")
        typer.echo(f"wrote {out} and the sentence in {readme}")


def check(results: Results) -> TunedCheck:
    """The verdicts of the page on every tuned form.

    Raises:
        UserError: none was timed beside another form.
    """
    variants = timed_variants(results)
    known = benchmarks(variants)
    ratios = comparisons(known, variants, results)
    rows = [
        TunedRow(
            setting=benchmark.title,
            cell=best.cell,
            framework=best.framework,
            other=other.form,
            steps=len(best.timed.processes[0]["train"]["steady"]),
            processes=min(len(best.timed.processes), len(other.timed.processes)),
            **_judged(ratios.of(other, best)),
        )
        for benchmark in known
        for other, best in compared(benchmark)
    ]
    if not rows:
        raise UserError(
            f"{results.study}: no tuned form is timed beside another one; run the study's speed phase first"
        )
    made = {each.framework: each.timed.timing.version for each in variants}
    place = variants[0].timed.processes[0]["environment"]
    made |= {key: str(place[key]) for key in ("processor", "system", "python") if key in place}
    return TunedCheck(study=results.study, looks=results.looks, made=made, rows=rows)


def read(path: Path) -> TunedCheck:
    """Read and check what ``tuned`` has written.

    Raises:
        UserError: it is none of these.
    """
    try:
        return TunedCheck.model_validate_json(path.read_bytes())
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from error
    except ValidationError as error:
        raise UserError(f"{path}: not a check of the tuned forms: {explain(error, TunedCheck)}") from error


def sentence(checked: TunedCheck) -> str:
    """The README's item on the tuned forms: the first setting in words, all settings in numbers."""
    main = [row for row in checked.rows if row.setting == checked.rows[0].setting]
    faster, slower, close = (_of(main, verdict) for verdict in ("faster", "slower", "too close to call"))
    parts = [f"faster in {len(faster)} of {count(len(main), 'pair')} of cell and framework{_range(faster)}"]
    parts += [f"slower in {len(slower)}{_named(slower)}", f"too close to call in {len(close)}"]
    text = (
        f"- Is the `tuned` form the fastest? Beside the fastest other form of its framework ({main[0].setting}) it is "
        f"{listed(parts)}; {_n(main)}, 95 % intervals."
    )
    settings = dict.fromkeys(row.setting for row in checked.rows)
    if len(settings) > 1:
        numbers = [str(len(_of(checked.rows, verdict))) for verdict in ("faster", "slower", "too close to call")]
        text += f" In all {len(settings)} settings of task and threads, {count(len(checked.rows), 'pair')}: "
        text += f"{listed(numbers)}, in this order."
    return "\n".join(textwrap.wrap(text, WIDTH, subsequent_indent="  ", break_on_hyphens=False)) + "\n"


def put(text: str, made: str, path: Path) -> str:
    """A document with the sentence between its marks.

    Raises:
        UserError: it has no marks, or more than one pair.
    """
    if any(text.count(mark) != 1 for mark in MARKS):
        raise UserError(
            f"{path}: no place for the sentence; allowed: {MARKS[0].strip()} and {MARKS[1].strip()}, once each"
        )
    before, _, rest = text.partition(MARKS[0])
    return before + MARKS[0] + made + MARKS[1] + rest.partition(MARKS[1])[2]


def between(text: str) -> str:
    """What a document has between its marks."""
    return text.partition(MARKS[0])[2].partition(MARKS[1])[0]


def _judged(ratio: Ratio) -> dict[str, float | str | None]:
    verdict = "too close to call" if not ratio.decided else "faster" if ratio.value > 1 else "slower"
    known = ratio.low == ratio.low  # NaN is not
    return {"ratio": ratio.value, "low": ratio.low if known else None, "high": ratio.high if known else None} | {
        "verdict": verdict
    }


def _of(rows: Iterable[TunedRow], verdict: str) -> list[TunedRow]:
    return [row for row in rows if row.verdict == verdict]


def _times(row: TunedRow) -> str:
    """The other form's step over the tuned one's, and the interval."""
    bounds = "no interval" if row.low is None else f"{significant(row.low)} to {significant(row.high)}"
    return f"{significant(row.ratio)} ({bounds})"


def _range(rows: Sequence[TunedRow]) -> str:
    ratios = sorted(row.ratio for row in rows)
    ends = dict.fromkeys(significant(ratio, 2) for ratio in (*ratios[:1], *ratios[-1:]))
    return f" ({' to '.join(ends)} times)" if rows else ""


def _named(rows: Sequence[TunedRow]) -> str:
    """Which form is faster than the tuned one, and how much."""
    parts = [
        f"{name(row.framework)}'s `{row.other}` for `{row.cell}`, {significant(1 / row.ratio)} times as fast"
        f", {significant(1 / row.high)} to {significant(1 / row.low)}"
        for row in rows
        if row.low is not None
    ]
    return f" ({'; '.join(parts)})" if parts else ""


def _n(rows: Sequence[TunedRow]) -> str:
    def ends(numbers: Iterable[int]) -> str:
        known = sorted(set(numbers))
        return " to ".join(map(str, (*known[:1], *known[1:][-1:])))

    return f"n = {ends(row.steps for row in rows)} steps × {ends(row.processes for row in rows)} processes each"
