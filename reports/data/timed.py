"""A study's planned timings joined with what MLflow holds of them: the planned rounds, and further ones."""

from collections.abc import Iterable, Mapping
from itertools import chain
from typing import Any

import pandas as pd

from experiments.speed.schedule import Timing
from reports.data.results import RecordedTiming, newest


def join_timings(
    timings: Iterable[Timing], runs: pd.DataFrame, records: Mapping[str, Any], further: Iterable[Timing] = ()
) -> tuple[RecordedTiming, ...]:
    """The planned timings with their runs; ``records`` are the runs' processes, without which none is done.

    The processes of ``further`` rounds follow the planned ones of their variant, if they began after these: where the
    planned ones were timed afresh, older further rounds belong to the times that these have replaced.
    """
    by_fingerprint = {run.fingerprint: run for run in newest(runs).itertuples()}
    rounds: dict[tuple[Any, ...], list[Any]] = {}
    for each in further:
        if (run := by_fingerprint.get(each.fingerprint)) and run.state == "done":
            rounds.setdefault(each.variant, []).append(run)
    return tuple(
        _timed(each, by_fingerprint.get(each.fingerprint), records, rounds.get(each.variant, ())) for each in timings
    )


def _timed(timing: Timing, run: Any, records: Mapping[str, Any], further: Iterable[Any]) -> RecordedTiming:
    processes = records.get(run.run_id, ()) if run else ()
    if not run or (run.state == "done" and not processes):
        return RecordedTiming(timing)
    if run.state != "done":
        return RecordedTiming(timing, run.state, run.run_id, run.failure or "")
    later = (records.get(each.run_id, ()) for each in further if each.start_time >= run.start_time)
    return RecordedTiming(timing, run.state, run.run_id, run.failure or "", (*processes, *chain.from_iterable(later)))
