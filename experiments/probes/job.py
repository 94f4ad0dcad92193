"""What the probes' jobs have in common: how a listing shows them, what selects them, and how they end."""

import json
from collections.abc import Mapping
from typing import Any

from experiments.events import Finished
from experiments.protocol import Framework
from experiments.spec import ExperimentSpec


class Probe:
    """A measurement beside the trials, on one framework; a job (``experiments.protocol.Job``)."""

    kind: str  # the stored name of the runs
    spec: ExperimentSpec
    framework: str

    @property
    def listing(self) -> tuple[str, str, str]:
        """Its line in a listing: phase, kind, cell and framework, and nothing more."""
        return "probes", f"{self.kind} {self.spec.network.cell}  {self.framework}", ""

    @property
    def facets(self) -> dict[str, str]:
        """What ``--only KEY=VALUE`` may select it by."""
        return {"phase": "probes", "framework": self.framework}

    @property
    def name(self) -> str:
        """What the display calls it."""
        return self.kind


def finished(
    record: Mapping[str, Any], file: str, framework: Framework, metrics: dict[str, float] | None = None
) -> Finished:
    """End a probe with its record as a JSON file, beside the framework's environment."""
    contents = {file: record, "environment.json": framework.environment()}
    files = {name: json.dumps(value, ensure_ascii=False, indent=1).encode() for name, value in contents.items()}
    return Finished(metrics or {}, files)
