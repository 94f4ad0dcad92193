"""What ``--list`` says: every job, done or to run, what is absent, and what each phase will cost."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from experiments.hardware import usable_cores
from experiments.running.outlook import spoken
from experiments.study.phase import Phase
from experiments.study.phases import PHASES
from experiments.study.plan import Plan
from experiments.study.select import matches, read_filters
from experiments.tracking.durations import Durations
from experiments.tracking.missing import missing


def lines(
    plan: Plan, chosen: Mapping[str, Sequence[Any]], only: Sequence[str], uri: str, workers: int | None
) -> Iterator[str]:
    """Every job and what is absent, phase by phase; after each phase its count and the minutes it will take.

    Args:
        plan: the study laid out.
        chosen: the jobs that are asked for, by phase.
        only: the filters that they were chosen by.
        uri: where MLflow's database is; nothing is created.
        workers: at a time; as many as there are usable cores if not told.
    """
    wanted, durations = read_filters(only), Durations(uri)
    all_to_run = missing(chosen, uri, plan.study.name)
    for phase in PHASES:
        jobs = chosen[phase.name]
        # What is absent is so with every seed; but a phase that has no job with the seed asked for lists nothing.
        of_absent = {key: values for key, values in wanted.items() if key != "seed" or not jobs}
        absent = [each for each in plan.absent(phase.name) if matches(each, of_absent)]
        if not jobs and not absent:
            continue
        to_run = all_to_run[phase.name]
        yield from _of_jobs(jobs, {job.fingerprint for job in to_run})
        for each in absent:
            yield f"{'absent':8}{each.framework:10} {each.what}: {each.reason}"
        text = f"{phase.count(len(jobs))}: {len(jobs) - len(to_run)} done, {len(to_run)} to run"
        text += _cost(durations, plan.study.name, phase, to_run, workers or usable_cores()) if to_run else ""
        yield text + (f"; {len(absent)} absent" if absent else "") + _more(phase, plan, jobs)


def _more(phase: Phase, plan: Plan, jobs: Sequence[Any]) -> str:
    """How many jobs the results may ask for at most."""
    further = phase.more(plan.study, jobs)
    if not further.jobs:
        return ""
    within = f"begun within {further.minutes:g} minutes"
    return f"; at most {len(further.jobs)} more where the results ask for them, {within}"


def _cost(durations: Durations, study: str, phase: Phase, to_run: Sequence[Any], workers: int) -> str:
    """The minutes, and what they rest on."""
    seconds, known = durations.estimate(study, phase, to_run, workers)
    by = [f"{known} by earlier runs here"] * bool(known)
    if unknown := len(to_run) - known:
        usual = phase.usual_s
        by.append(f"{unknown} by " + ("their size" if callable(usual) else f"a default of {usual:g} s each"))
    return f", {spoken(seconds)} ({', '.join(by)})"


def _of_jobs(jobs: Sequence[Any], to_run: Collection[str]) -> Iterator[str]:
    """A line for each job; trials that differ only in their seed share one."""
    seeds: dict[tuple[str, str, str], list[str]] = {}
    for job in jobs:
        label, text, seed = job.listing
        state = "to run" if job.fingerprint in to_run else "done"
        seeds.setdefault((state, label, text), []).append(seed)
    for (state, label, text), of_line in seeds.items():
        yield f"{state:8}{label:11}{text}" + (f"  seed {', '.join(of_line)}" if of_line[0] else "")
