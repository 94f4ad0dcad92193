"""How far back a cell's gradient reaches: the norms of ∂h_T/∂h_t and ∂c_T/∂c_t, before and after training.

The first layer of a trained trial is measured on the first test reviews. The reference multiplies the steps' Jacobians
(Pascanu et al. 2013, eq. 5); each twin computes the same by its automatic differentiation.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from experiments import canonical, tasks
from experiments.canonical import STATES, Weights
from experiments.events import Event, guarded
from experiments.frozen import digest
from experiments.probes.job import Probe, finished
from experiments.probes.record import chosen
from experiments.protocol import Framework
from experiments.spec import ExperimentSpec
from experiments.tasks import DataSource, Interface
from experiments.training.trial import Trial
from experiments.twins import REFERENCE

FILE = "horizon.json"
VERSION = 1  # raise it with any change of what is measured
REVIEWS = 2
STAGES = ("start", "trained")


def first_layer(spec: ExperimentSpec, form: str) -> ExperimentSpec:
    """The spec of the first recurrent layer alone, in float64, nothing dropped."""
    network = spec.network.model_copy(update={"units": spec.network.units[:1], "dropout": 0.0, "form": form})
    training = spec.training.model_copy(update={"dtype": "float64"})
    return spec.model_copy(update={"network": network, "training": training})


def first_weights(weights: Weights, spec: ExperimentSpec, interface: Interface) -> Weights:
    """The encoder's and the first layer's weights; the head, which nothing here depends on, is zeros."""
    wanted = canonical.shapes(spec, interface)
    return {
        name: np.zeros(shape) if name.startswith("head/") else np.asarray(weights[name], np.float64)
        for name, shape in wanted.items()
    }


def norms(jacobians: np.ndarray, cell: str, sizes: tuple[int, ...]) -> dict[str, list[float]]:
    """For each state ‖∂s_T/∂s_t‖, t = 1 … T: Frobenius, over √size so that ∂s_T/∂s_T is 1; the reviews' geometric mean.

    Args:
        jacobians: ``(T, B, S, S)`` over the states side by side.
        cell: the cell that the states belong to.
        sizes: of the states.
    """
    by_state, start = {}, 0
    for name, size in zip(STATES[cell], sizes, strict=True):
        block = jacobians[:, :, start : start + size, start : start + size]
        each = np.sqrt((block**2).sum(axis=(-2, -1)) / size)
        by_state[name] = np.exp(np.log(np.maximum(each, np.finfo(float).tiny)).mean(axis=1)).tolist()
        start += size
    return by_state


@dataclass(frozen=True)
class GradientNorms(Probe):
    """One framework's measurement of one trained trial; a job."""

    spec: ExperimentSpec  # of the first layer alone
    framework: str
    version: str
    data: DataSource
    source: str  # the trial's fingerprint
    seed: int
    trained: Weights = field(default_factory=dict)  # the trial's last weights, filled in when it has run
    kind = "horizon"  # the stored name of the runs

    @cached_property
    def fingerprint(self) -> str:
        """Equal for two measurements that are the same: of trained trial, form, the framework's version, and ours."""
        return digest([self.spec.fingerprint, self.framework, self.version, self.source, VERSION])

    def run(self, framework: Framework) -> Iterator[Event]:
        """Yield a ``Finished`` with ``horizon.json``; a fault becomes ``Failed``."""
        return guarded(self._measure(framework))

    def _measure(self, framework: Framework) -> Iterator[Event]:
        spec = self.spec
        task = tasks.load(spec.task, self.data, spec.training.dtype)
        weights = {"start": canonical.draw(spec, task.interface, self.seed), "trained": self.trained}
        by_stage = {}
        for stage in STAGES:
            own = first_weights(weights[stage], spec, task.interface)
            model = framework.build(spec, task.interface, own, self.seed)
            states = canonical.zero_states(spec.network, lambda size: size)[0]
            by_stage[stage] = norms(model.state_jacobians(task.test.x[:REVIEWS]), spec.network.cell, states)
        yield finished(by_stage, FILE, framework)


def jobs(trials: Sequence[Trial], frameworks: Iterable[str], versions: Callable[[str], str]) -> list[GradientNorms]:
    """The measurements: each cell's chosen trial, by the reference and by each twin."""
    names = dict.fromkeys([REFERENCE, *frameworks])
    return [
        GradientNorms(
            first_layer(trial.spec, "scratch" if name == REFERENCE else "cell_loop"),
            name,
            versions(name),
            trial.data,
            trial.fingerprint,
            trial.seed,
        )
        for trial in choose(trials)
        for name in names
    ]


def choose(trials: Iterable[Trial]) -> list[Trial]:
    """For each cell the trial to measure: on IMDB, under Keras's conventions, in one direction; the longest trained."""
    return chosen(trials, _fits, _effort)


def _fits(trial: Trial) -> bool:
    network, conventions = trial.spec.network, trial.spec.conventions
    plain = trial.spec.task.name == "imdb" and conventions.label == "keras"
    return plain and not network.bidirectional and network.encoder != "bag"


def _effort(trial: Trial) -> tuple[int, bool, int]:
    spec = trial.spec
    reviews = spec.task.train_reviews or 10**9
    return reviews * spec.training.epochs, spec.network.form == "layer", -trial.seed
