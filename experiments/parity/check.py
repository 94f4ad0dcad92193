"""The parity ladder: what one check compares, rung by rung.

Rung 0: the weights come back bit for bit. 1: outputs and every state. 2: the gradient of every weight and of the input.
3: every weight after one step of each optimiser, or of those that a study chooses. 4: the loss of each of 200
steps, or of fewer that a study chooses.
(5, equal accuracy over seeds, is computed by the reports: it needs the trained trials.)
"""

from dataclasses import dataclass
from functools import cached_property
from itertools import combinations, product

from experiments.frozen import digest
from experiments.parity.measure import ALL, STEPS, Measurement, unless_all
from experiments.spec import ExperimentSpec
from experiments.twins import REFERENCE

VERSION = 3  # raise it with any change of what is measured: checks of another version do not count as done
RUNGS = (0, 1, 2, 3, 4)


@dataclass(frozen=True)
class ParityCheck:
    """One spec on the ladder: the twins that have its form, and the reference, compared pair by pair."""

    spec: ExperimentSpec
    versions: tuple[tuple[str, str], ...]  # of the twins' and the reference's packages, by framework
    optimisers: tuple[str, ...] = ALL  # rung 3's
    steps: int = STEPS  # rung 4's

    @cached_property
    def fingerprint(self) -> str:
        """Equal for two checks that are the same: of spec, every framework's version, and the ladder's version."""
        return digest([self.spec.fingerprint, sorted(self.versions), VERSION, *unless_all(self.optimisers, self.steps)])

    @property
    def listing(self) -> tuple[str, str, str]:
        """Its line in a listing: phase, name and frameworks."""
        return "parity", f"{self.slug}  {', '.join(self.twins)}", ""

    @property
    def facets(self) -> dict[str, str]:
        """What ``--only KEY=VALUE`` may select it by: it has neither task nor seed of its own."""
        return {key: value for key, value in self.spec.facets.items() if key != "task"} | {"phase": "parity"}

    @property
    def slug(self) -> str:
        """A readable name, such as ``lstm-layer-keras-float64``."""
        spec = self.spec
        device = f"-{spec.training.device}" * (spec.training.device != "cpu")
        return f"{spec.variant}-{spec.network.form}-{spec.conventions.label}-{spec.training.dtype}{device}"

    @property
    def twins(self) -> tuple[str, ...]:
        """The twins that have the form."""
        return tuple(name for name, _ in self.versions if name != REFERENCE)

    @property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        """The pairs compared: each twin with the reference, and every two twins with each other."""
        reference = (REFERENCE,) * any(name == REFERENCE for name, _ in self.versions)
        return (*product(self.twins, reference), *combinations(self.twins, 2))

    def jobs(self) -> dict[str, Measurement]:
        """What each framework has to measure.

        The reference knows one form and steps every optimiser: all forms share its measurement.
        """
        return {name: self._job(name, version) for name, version in self.versions}

    def _job(self, framework: str, version: str) -> Measurement:
        if framework == REFERENCE:
            return Measurement(as_reference(self.spec), framework, version, steps=self.steps)
        return Measurement(self.spec, framework, version, self.optimisers, self.steps)


def as_reference(spec: ExperimentSpec) -> ExperimentSpec:
    """The spec in the one form and on the one device that the reference has."""
    network = spec.network.model_copy(update={"form": "scratch"})
    return spec.model_copy(update={"network": network, "training": spec.training.model_copy(update={"device": "cpu"})})
