"""A made-up speed phase, for the tests of the speed page."""

from dataclasses import replace
from typing import Any

import numpy as np
from made_reports.toys import ENVIRONMENTS, records

from experiments.spec import ExperimentSpec
from experiments.speed.schedule import Timing
from reports.data.links import Links
from reports.data.results import RecordedTiming, Results, join, planned_frame

TWINS = ("tf2", "pytorch")
OPERATORS = {"tf2": "_MklMatMul", "pytorch": "mkldnn_rnn_layer_backward"}


def spec(cell: str = "lstm", form: str = "layer", task: Any = "imdb", **parts: dict[str, Any]) -> ExperimentSpec:
    """A variant; ``parts`` may add to ``network`` and ``training``."""
    extra = {"projection_size": 32} if cell == "lstm_projection" else {}
    network = {"cell": cell, "form": form} | extra | parts.get("network", {})
    return ExperimentSpec.model_validate({"task": task, "network": network, "training": parts.get("training", {})})


def record(round: int, steady: list[float], framework: str = "tf2", **changed: Any) -> dict[str, Any]:
    """One process's record; ``changed`` replaces ``first``, ``floor``, ``load``, ``settled`` or ``gflop``."""
    train = {"first": changed.get("first", 0.5), "warm_up": steady[:1] * 6, "settled": changed.get("settled", True)}
    floor = changed.get("floor", steady[0] / 2)
    return {
        "round": round,
        "environment": ENVIRONMENTS[framework],
        "load_before": 0.0,
        "load": changed.get("load", 0.01),
        "build_s": 0.05,
        "idle_bytes": 250 * 2**20,
        "peak_bytes": 450 * 2**20,
        "step_bytes": 200 * 2**20,
        "train": train | {"steady": steady},
        "forward": {"first": 0.1, "warm_up": [], "settled": True, "steady": [each / 3 for each in steady]},
        "floor": {"train": [floor] * 10, "forward": [floor / 3] * 10},
        "gflop": changed.get("gflop", 4.6),
        **({"operators": [[OPERATORS[framework], 0.45], ["mul", 0.2], ["cat", 0.1]]} if round == 0 else {}),
    }


def timing(variant: ExperimentSpec, framework: str, threads: int = 2, processes: int = 2, group: int = 0) -> Timing:
    """A planned timing."""
    return Timing(variant, framework, f"{framework} 1.0", threads, processes, 20, "operators", group)


def timed(
    variant: ExperimentSpec, framework: str, *steady: list[float], threads: int = 2, group: int = 0, **changed: Any
) -> RecordedTiming:
    """A finished timing with the given steady steps of each process."""
    planned = timing(variant, framework, threads, len(steady), group)
    processes = tuple(record(place, list(steps), framework, **changed) for place, steps in enumerate(steady))
    return RecordedTiming(planned, "done", f"s{planned.fingerprint[:8]}", "", processes)


def steady(step: float, rng: np.random.Generator, spread: float = 0.02, n: int = 20) -> list[float]:
    """Steps scattered around a median."""
    return [float(each) for each in step * (1 + spread * rng.standard_normal(n))]


def steps_only(timed: RecordedTiming) -> RecordedTiming:
    """The same timing with its training steps alone: no forward pass, floor or profile."""
    more = {"forward", "floor", "gflop", "operators"}
    processes = tuple({key: process[key] for key in process.keys() - more} for process in timed.processes)
    return replace(timed, timing=replace(timed.timing, depth="step"), processes=processes)


def results(*timings: RecordedTiming, absent: tuple[tuple[str, str, str], ...] = ()) -> Results:
    """The sections' input, without any trial."""
    trials, history = join(planned_frame([]), records([]))
    made = Results("toy", trials, history, Links(experiment_id="7"))
    return replace(made, timings=timings, speed_links=Links(experiment_id="9"), absent=absent)


# --- a whole phase, as large as that of the study speed

COST = {"simple_rnn": 14, "lstm": 30, "gru": 26, "minimal": 11, "gru_reset_before": 28}
COST |= {"lstm_peephole": 36, "lstm_coupled": 27, "lstm_projection": 33}
FORMS = {"layer": 1.2, "cell_loop": 2.4, "unrolled": 1.8, "wrapped": 2.0, "scratch": 1.5, "tuned": 1.0}
NATIVE = ("simple_rnn", "lstm", "gru", "gru_reset_before")
FIRST = {"tf2": 1.8, "pytorch": 0.08}


def offered(cell: str, form: str, framework: str) -> bool:
    """Whether a twin has the form, much like the real ones."""
    if form in ("layer", "unrolled"):
        return cell in NATIVE and not (framework == "pytorch" and (form == "unrolled" or cell == "gru_reset_before"))
    return True


def whole(threads: tuple[int, ...] = (2, 1)) -> tuple[RecordedTiming, ...]:
    """Eight cells in six forms and both twins, some executions, sweeps and a second task."""
    rng = np.random.default_rng(0)
    timings = [_variant(spec(cell, form), twin, rng, many) for many in threads for cell in COST for form in FORMS
             for twin in TWINS if offered(cell, form, twin)]  # fmt: skip
    more = {"eager": {"training": {"execution": "eager"}}, "compiled": {"training": {"execution": "compiled"}}}
    timings += [_variant(spec("lstm", "layer", **parts), "tf2", rng, threads[0], 4) for parts in more.values()]
    timings += [_variant(spec("lstm", "cell_loop", **more["eager"]), "tf2", rng, threads[0], 9)]
    sine = [("lstm", "layer"), ("lstm", "tuned"), ("minimal", "scratch"), ("minimal", "tuned")]
    timings += [_variant(spec(*each, "sine"), twin, rng, threads[0], 0.4) for each in sine for twin in TWINS]
    return (*timings, *sweeps(rng))


def _variant(
    variant: ExperimentSpec, twin: str, rng: np.random.Generator, threads: int, factor: float = 1
) -> RecordedTiming:
    """A made-up cost; one variant in ten is unsteady."""
    cell, form = variant.network.cell, variant.network.form
    bent = (0.75 if (twin == "tf2") == (form != "layer") else 1.1) * (1 + 0.15 * rng.standard_normal())
    step = max(COST[cell] * FORMS[form] * bent, 0.7 * COST[cell]) / 1000 * factor * (2 / threads) ** 0.6
    spread = 0.12 if rng.random() < 0.1 else 0.02
    processes = [steady(step * each, rng, spread) for each in (1, 1 + 0.03 * rng.random())]
    floor = COST[cell] / 1000 * (0.55 if twin == "tf2" else 0.6) * factor * (2 / threads) ** 0.6
    first = FIRST[twin] * (1 + FORMS[form] * rng.random())
    return timed(variant, twin, *processes, threads=threads, floor=floor, first=first, gflop=COST[cell] / 6)


def sweeps(rng: np.random.Generator) -> list[RecordedTiming]:
    """The LSTM's and the GRU's cost by length, units and batch."""
    points = [("tokens", value, value / 80) for value in (20, 40, 80, 160, 320)]
    points += [("units", value, (value / 64) ** 1.4) for value in (16, 32, 64, 128, 256)]
    points += [("batch", value, (value / 128) ** 0.7) for value in (8, 32, 128, 512)]
    return [
        _variant(_swept(cell, form, quantity, value), twin, rng, 2, factor)
        for cell in ("lstm", "gru")
        for quantity, value, factor in points
        for form in ("layer", "tuned")
        for twin in TWINS
        if factor != 1
    ]


def _swept(cell: str, form: str, quantity: str, value: int) -> ExperimentSpec:
    if quantity == "tokens":
        return spec(cell, form, {"name": "imdb", "tokens": value})
    if quantity == "units":
        return spec(cell, form, network={"units": [value, value]})
    return spec(cell, form, training={"batch_size": value})
