"""What each framework's calls take and return, tried live: a job beside the trials."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from experiments.events import Event, guarded
from experiments.frozen import digest
from experiments.probes import snippets
from experiments.probes.job import Probe
from experiments.probes.record import answered
from experiments.protocol import Framework
from experiments.spec import ExperimentSpec
from experiments.training.trial import Trial
from experiments.twins import REFERENCE

FILE = "calls.json"
VERSION = 1  # raise it with any change of how a value is kept: answers of another version do not count as done

#: A job has a spec as a trial has one: that of the layer that most of the lines make.
SPEC = ExperimentSpec.model_validate(
    {"task": "sine", "network": {"cell": "lstm", "form": "layer", "units": [8]}, "training": {"epochs": 1}}
)


@dataclass(frozen=True)
class CallConventions(Probe):
    """One framework's answers to the snippets; a job."""

    framework: str
    version: str  # of the framework's packages
    spec: ExperimentSpec = SPEC
    kind = "calls"  # the stored name of the runs

    @cached_property
    def fingerprint(self) -> str:
        """Equal for two jobs that are the same: of lines, framework and version."""
        lines = [[each.name, each.lines[self.framework]] for each in snippets.of(self.framework)]
        return digest([self.kind, snippets.PREAMBLES[self.framework], lines, self.framework, self.version, VERSION])

    def run(self, framework: Framework) -> Iterator[Event]:
        """Yield ``Finished`` with the answers as ``calls.json``; a fault becomes ``Failed``."""
        return guarded(answered(self.kind, FILE, framework.calls, framework))


def jobs(trials: Sequence[Trial], frameworks: Sequence[str], versions: Callable[[str], str]) -> list[CallConventions]:
    """One job for each twin; the trials do not matter."""
    return [CallConventions(name, versions(name)) for name in frameworks if name != REFERENCE]
