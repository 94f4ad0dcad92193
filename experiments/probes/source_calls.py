"""The sources' calls made live by one framework, in a process of its own: a job beside the trials."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cached_property
from time import perf_counter

from experiments.probes.published import CALLS
from experiments.protocol import Event, Finished, Framework
from experiments.spec import ExperimentSpec, digest
from experiments.training.trial import guarded

FILE = "printed.json"
VERSION = 1  # to be raised with any change of what a call does: answers of another version do not count as done

#: The largest network among them, so that the job has a spec as a trial has one.
SPEC = ExperimentSpec.model_validate(
    {
        "task": "sine",
        "network": {"cell": "lstm", "form": "layer", "units": [128]},
        "training": {"epochs": 1, "batch_size": 512},
    }
)


@dataclass(frozen=True)
class PrintedCalls:
    """One framework's answers to ``CALLS``; what an executor runs, as it runs a trial."""

    framework: str
    version: str  # of the framework's packages
    spec: ExperimentSpec = SPEC
    name = "printed"

    @cached_property
    def fingerprint(self) -> str:
        """What makes two jobs the same: the calls, the framework and its version."""
        return digest([self.name, [asdict(call) for call in CALLS], self.framework, self.version, VERSION])

    def run(self, framework: Framework) -> Iterator[Event]:
        """Yield ``Finished`` with the answers as ``printed.json``; a fault becomes ``Failed``."""
        return guarded(self._answer(framework))

    def _answer(self, framework: Framework) -> Iterator[Event]:
        began = perf_counter()
        found = {FILE: framework.printed(), "environment.json": framework.environment()}
        files = {name: json.dumps(value, ensure_ascii=False, indent=1).encode() for name, value in found.items()}
        yield Finished({"time/printed_s": perf_counter() - began}, files)
