"""The calls that the sources show, made live by one framework: a job beside the trials."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property

from experiments.events import Event, guarded
from experiments.frozen import digest
from experiments.probes.job import Probe
from experiments.probes.published import CALLS
from experiments.probes.record import answered
from experiments.protocol import Framework
from experiments.spec import ExperimentSpec
from experiments.training.trial import Trial
from experiments.twins import REFERENCE

FILE = "printed.json"
VERSION = 1  # raise it with any change of what a call does: answers of another version do not count as done

#: The largest network among them, so that the job has a spec as a trial has one.
SPEC = ExperimentSpec.model_validate(
    {
        "task": "sine",
        "network": {"cell": "lstm", "form": "layer", "units": [128]},
        "training": {"epochs": 1, "batch_size": 512},
    }
)


@dataclass(frozen=True)
class SourceCalls(Probe):
    """One framework's answers to ``CALLS``; a job."""

    framework: str
    version: str  # of the framework's packages
    spec: ExperimentSpec = SPEC
    kind = "printed"  # the stored name of the runs

    @cached_property
    def fingerprint(self) -> str:
        """Equal for two jobs that are the same: of calls, framework and version."""
        return digest([self.kind, [asdict(call) for call in CALLS], self.framework, self.version, VERSION])

    def run(self, framework: Framework) -> Iterator[Event]:
        """Yield ``Finished`` with the answers as ``printed.json``; a fault becomes ``Failed``."""
        return guarded(answered(self.kind, FILE, framework.printed, framework))


def jobs(trials: Sequence[Trial], frameworks: Sequence[str], versions: Callable[[str], str]) -> list[SourceCalls]:
    """One job for each twin; the trials do not matter."""
    return [SourceCalls(name, versions(name)) for name in frameworks if name != REFERENCE]
