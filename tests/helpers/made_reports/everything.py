"""A made-up study that has every page, finished or midway, for the tests in a browser."""

import json
from dataclasses import replace
from datetime import datetime

import pandas as pd
from ladder.cases import make_check, outcome
from made_reports import switches, timings, toys
from made_reports.calls import answers
from plans import experiments_of
from trap_cases import ERRORS, SCORED, TIMED, measured, recorded
from trap_cases import outcome as trap_outcome

from experiments.probes.published import CALLS
from experiments.study import schema
from experiments.training.trial import Trial
from experiments.twins import TWINS
from reports.data import artifacts
from reports.data.query import FIELDS
from reports.data.results import RECIPES, RecordedTiming, Results, join_records
from reports.render import render

RUNNING = "trials: 40 of 300 done; timings: 20 of 90 done; about 12 minutes are left"
LINES = (
    "rnn = lstm(weights)  # a line about as long as the longest in a port, which no phone shows whole\nreturn rnn(x)"
)


def pages(midway: bool) -> dict[str, str]:
    """Every page's HTML; midway a third of each phase is done."""
    return render(results(3 if midway else 1), "A toy.", datetime.now(), RUNNING if midway else "")


def results(every: int) -> Results:
    """What is known when one of ``every`` jobs of each phase is done."""
    planned, switched = _trials()
    done = planned[::every]
    runs = [switches.run(trial) if trial.fingerprint in switched else toys.run_of(trial) for trial in done]
    files = {f"r{place}": run.files for place, run in enumerate(runs)}

    def parsed(name, parse):
        return {key: parse(contents[name]) for key, contents in files.items() if name in contents}

    timed = [
        each if place % every == 0 else RecordedTiming(each.timing) for place, each in enumerate(timings.whole((2,)))
    ]
    return replace(
        toys.results(planned, runs),
        forecasts=parsed("forecast.csv", artifacts.forecast),
        samples=parsed("samples.json", artifacts.samples),
        texts=parsed("samples.txt", artifacts.texts),
        calls=answers() if every == 1 else {},
        printed={twin: {call.name: dict(call.printed) for call in CALLS if twin in call.calls} for twin in TWINS},
        writings=_writings() if every == 1 else {},
        recipes=_recipes(),
        checks=_checks(every),
        timings=tuple(timed),
        traps=_traps(every),
    )


def _trials() -> tuple[list[Trial], set[str]]:
    """Trials of every task, every experiment of the sources and a table of defaults, whose fingerprints come too."""
    of_sources = [
        Trial(spec, twin, f"{twin} 1.0", 0, toys.SINE if spec.task.name == "sine" else toys.REVIEWS)
        for spec, _ in experiments_of(schema.find("seeds"))
        for twin in TWINS
    ]
    switched = switches.planned(switches.table(seeds=4))
    trials = [*toys.planned(cells=("lstm", "gru")), *toys.planned_chars(), *of_sources, *switched]
    return list({trial.fingerprint: trial for trial in trials}.values()), {trial.fingerprint for trial in switched}


def _writings() -> dict:
    texts = [{"temperature": each, "text": "Once upon a time " * 8} for each in (0.0, 0.8)]
    record = {"prompt": "Once ", "trained_by": "tf2", "texts": texts}
    return {("lstm", twin): record for twin in TWINS}


def _recipes() -> pd.DataFrame:
    setting = switches.results(switches.planned(switches.table(seeds=1))).trials.setting.iloc[0]
    rows = [
        (twin, fields, seed, 0.8 + 0.03 * len(fields) + seed / 500, "imdb", "lstm", 2, setting)
        for twin in TWINS
        for fields in ((), ("embedding",), ("embedding", "dropout"))
        for seed in range(4)
    ]
    return pd.DataFrame(rows, columns=RECIPES)


def _checks(every: int) -> tuple:
    planned = [make_check(conventions=label) for label in ("keras", "pytorch")]
    ran = {f"c{place}": outcome("Network", check) for place, check in enumerate(planned[::every])}
    whole = {"status": "FINISHED", "complete": True, "failure": None, "artifact_uri": "", "start_time": 0}
    rows = [whole | {"run_id": run, "fingerprint": each.check.fingerprint} for run, each in ran.items()]
    records = {run: json.loads(each.files["ladder.json"]) for run, each in ran.items()}
    return join_records(planned, pd.DataFrame(rows, columns=FIELDS), records)


def _traps(every: int) -> tuple:
    code = ("x = 0", LINES, f"{LINES}\n# changed")
    slow, fast = [(0.4, 90_000), (0.2, 90_000), (0.8, 80_000)], [(0.1, 0), (0.05, 0), (0.2, 0)]
    values = {name: ([1.0], [1.5], [1.0]) for name in ERRORS}
    values |= {name: ([0.5] * 3, [0.50, 0.52, 0.51], [0.70, 0.73, 0.71]) for name in SCORED}
    values |= dict.fromkeys(TIMED, (slow, slow, fast))
    done, left = [*values][::every], [name for place, name in enumerate(values) if place % every]
    return recorded(*(trap_outcome(name, *[measured(*values[name], code)] * 2) for name in done), missing=left).traps
