"""One framework's part of a trap: its three functions run, and their code as it ran."""

import ast
import inspect
import json
import textwrap
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from time import perf_counter
from typing import Any

import numpy as np

from experiments.events import Event, Finished, guarded
from experiments.frozen import digest
from experiments.protocol import Framework
from experiments.spec import ExperimentSpec
from experiments.traps import child
from experiments.traps.catalogue import TRAPS
from experiments.traps.trap import FUNCTIONS, Trap

FILE = "measured.json"
VERSION = 2  # raise it with any change of a case or of a twin's code: traps of another version do not count as done
SEEDS = 6  # of a trap that trains
ROUNDS = 12  # of a trap that costs time, of whose functions there are two

#: Executors ask every job for a spec. A trap's networks are its own; this is the size of the largest that is trained.
SPEC = ExperimentSpec.model_validate({"task": "digits", "network": {"cell": "lstm", "form": "layer", "units": [32]}})


@dataclass(frozen=True)
class Measurement:
    """What one framework's functions of a trap return; a job."""

    trap: str  # its name
    framework: str
    version: str  # of the framework's packages
    spec: ExperimentSpec = SPEC

    @cached_property
    def fingerprint(self) -> str:
        """Equal for two measurements that are the same: of trap, framework and its version, and ours."""
        return digest(["trap", self.trap, self.framework, self.version, VERSION, SEEDS])

    @property
    def name(self) -> str:
        """What the display calls it."""
        return f"{self.trap} · {self.framework}"

    def run(self, framework: Framework) -> Iterator[Event]:
        """Yield a ``Finished`` with ``measured.json``; a fault becomes ``Failed``."""
        return guarded(self._measure(framework))

    def _measure(self, framework: Framework) -> Iterator[Event]:
        began, trap = perf_counter(), TRAPS[self.trap]
        functions = framework.trap(trap.path)
        measured = {
            "values": all_values(trap, functions),
            "code": {name: body(functions[name]) for name in FUNCTIONS},
            "environment": framework.environment(),
        }
        yield Finished({"time/trap_s": perf_counter() - began}, {FILE: json.dumps(measured).encode()})


def all_values(trap: Trap, functions: Mapping[str, Callable[..., np.ndarray]]) -> dict[str, list[Any]]:
    """What each function returns; one that stands under two names is run once."""
    distinct = {inspect.unwrap(function): function for function in functions.values()}
    if trap.counted:
        returned = in_turn(trap, distinct)
    else:
        returned = {key: values(trap, function) for key, function in distinct.items()}
    return {name: returned[inspect.unwrap(functions[name])] for name in FUNCTIONS}


def in_turn(trap: Trap, functions: Mapping[Any, Callable[..., np.ndarray]]) -> dict[Any, list[tuple[float, float]]]:
    """Seconds and count of each function in each round, in which all run one after the other, then the other way.

    What else the machine does meanwhile slows all alike.
    """
    measured: dict[Any, list[tuple[float, float]]] = {key: [] for key in functions}
    case, rounds = trap.case(0), ROUNDS if len(functions) > 1 else trap.warm_up  # one alone is compared with nothing
    try:
        for number in range(trap.warm_up + rounds):
            for key in [*functions][:: 1 if number % 2 else -1]:
                seconds, count = functions[key](**case)
                measured[key].append((float(seconds), float(count)))
    finally:
        child.close()
    return {key: each[trap.warm_up :] for key, each in measured.items()}


def values(trap: Trap, function: Callable[..., np.ndarray]) -> list[Any]:
    """What a function returns for the trap's case, as nested lists; of one that scores, a score for each seed."""
    if trap.scores:
        return [float(function(**trap.case(seed))) for seed in range(SEEDS)]
    return np.asarray(function(**trap.case(0)), np.float64).tolist()


def body(function: Callable[..., Any]) -> str:
    """A function's lines as they ran, without its head and docstring."""
    source = textwrap.dedent(inspect.getsource(function))
    statements = ast.parse(source).body[0].body
    first = statements[0]
    documented = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    start = first.end_lineno if documented else first.lineno - 1
    return textwrap.dedent("\n".join(source.splitlines()[start:])).strip("\n")
