"""What a twin must provide, and what a worker runs with it.

NumPy arrays and plain data cross between packages; tensors never leave a twin.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np

from experiments.canonical import STATES, Weights
from experiments.conventions import Owner
from experiments.draws import Masks
from experiments.events import Event
from experiments.spec import ExperimentSpec
from experiments.tasks import Interface

# --- a twin's answer about a form


@dataclass(frozen=True)
class Native:
    """The framework has it."""

    detail: str = ""


@dataclass(frozen=True)
class Written:
    """We wrote it, since the framework has none."""

    detail: str


@dataclass(frozen=True)
class Absent:
    """It cannot be offered; the reason was measured."""

    reason: str


Support = Native | Written | Absent

# --- what goes into a model and comes out


States = tuple[tuple[np.ndarray, ...], ...]  # for each layer its states in canonical order, each (B, H)
Lengths = np.ndarray | None  # (B,) int32, the valid steps of each row; None where every step is valid


class Batch(NamedTuple):
    """``x (B, T)`` int32 or ``(B, T, F)``; ``y (B, outputs)``, or ``(B, T)`` int32 for a loss over every step.

    Without ``masks`` the framework draws its own; without ``states`` the rows begin at zero ones. ``lengths (B,)``
    int32 are given where padding is masked.
    """

    x: np.ndarray
    y: np.ndarray
    masks: Masks | None = None
    states: States | None = None
    lengths: Lengths = None


class Step(NamedTuple):
    """One training step: the batch's mean loss before the update, and the outputs ``(B[, T], outputs)`` it came from.

    ``states`` are the last ones; none are returned where the interface is not stateful.
    """

    loss: float
    outputs: np.ndarray
    states: States = ()


class Forward(NamedTuple):
    """An evaluation: ``outputs (B[, T], outputs)``, the top layer's ``sequence (B, T, H)``, all last states."""

    outputs: np.ndarray
    sequence: np.ndarray
    states: States


@dataclass(frozen=True)
class NativeWeight:
    """One weight as the framework holds it, beside the canonical weights it carries."""

    name: str
    shape: tuple[int, ...]
    canonical: tuple[str, ...]  # more than one where the framework keeps the sum of two
    canonical_shape: tuple[int, ...]
    layout: str  # the canonical axes along the native ones, e.g. "(G·H, I)" for a transposed kernel
    gates: tuple[str, ...]  # in native order; empty outside recurrent layers
    trained: bool = True
    note: str = ""


@dataclass(frozen=True)
class NativeShapes:
    """What a live model takes, returns and holds; every entry probed, none typed in."""

    calls: tuple[tuple[str, tuple[int, ...]], ...]  # e.g. ("layer 0 input", (2, 80, 100)), ("layer 0 state h", (2, 64))
    weights: tuple[NativeWeight, ...]
    parameters: int
    trained_parameters: int


def name_shapes(where: str, cell: str, shapes: list[tuple[int, ...]]) -> list[tuple[str, tuple[int, ...]]]:
    """Name what a native call returned, flattened: the output first, unless the first state is the output.

    Args:
        where: what the call covers, such as "layer 0".
        cell: whose states they are.
        shapes: of the returned tensors, in order.
    """
    states = [f"state {name}" for name in STATES[cell]]
    names = states if len(shapes) == len(states) else ["output", *states]
    return [(f"{where} {name}", shape) for name, shape in zip(names, shapes, strict=True)]


class Product(NamedTuple):
    """The matrix product ``(rows, inner) · (inner, columns)``, done ``times`` over, one after the other."""

    rows: int
    inner: int
    columns: int
    times: int = 1

    @property
    def flop(self) -> int:
        """A multiplication and an addition for each term."""
        return 2 * self.rows * self.inner * self.columns * self.times

    def backward(self, by_input: bool = True) -> tuple["Product", ...]:
        """The weights' gradient, in one product for all times, and the input's, as often as forward."""
        weights = Product(self.inner, self.rows * self.times, self.columns)
        return (weights, Product(self.rows, self.columns, self.inner, self.times)) if by_input else (weights,)


class Model(Protocol):
    """A network of one twin, in one process with no other framework."""

    device: str  # where it computes, by the framework's name

    def train_step(self, batch: Batch) -> Step: ...
    def predict(self, x: np.ndarray, lengths: Lengths = None) -> np.ndarray: ...
    def forward(self, x: np.ndarray, states: States | None = None, lengths: Lengths = None) -> Forward: ...
    def advance(  # outputs, last states
        self, x: np.ndarray, states: States | None = None, lengths: Lengths = None
    ) -> tuple[np.ndarray, States]: ...
    def gradients(self, batch: Batch) -> Weights: ...
    def weights(self) -> Weights: ...
    def set_learning_rate(self, rate: float) -> None: ...
    def checkpoint(self) -> Weights: ...  # all that training goes on from: as held, not canonical
    def restore(self, kept: Weights) -> None: ...
    def state_jacobians(self, x: np.ndarray) -> np.ndarray: ...
    def batches(self, x: np.ndarray, y: np.ndarray, lengths: Lengths = None) -> Iterator[Batch]: ...
    def native_shapes(self) -> NativeShapes: ...
    def synchronise(self) -> None: ...


@dataclass(frozen=True)
class Framework:
    """A twin, loaded: its framework is imported and the process belongs to it."""

    name: str
    home: Owner  # whose habits ``stock`` falls back on
    configure: Callable[[int], None]  # threads; before anything else
    build: Callable[[ExperimentSpec, Interface, Weights | None, int], Model]  # spec, interface, weights, seed
    environment: Callable[[], dict[str, Any]]  # versions, threads, processor
    printed: Callable[[], dict[str, Any]] = dict  # the sources' calls, made live
    calls: Callable[[], dict[str, Any]] = dict  # what calls take and return, by lines that are run
    floor: Callable[[Sequence[Product], str, str], Callable[[], Any]] | None = None  # of products, dtype, device
    profile: Callable[[Callable[[], Any]], dict[str, float]] | None = None  # seconds by operator of what is called
    trap: Callable[[str], dict[str, Callable[..., np.ndarray]]] | None = None  # a trap's functions, by its module
    bare: Callable[..., float] | None = None  # a tutorial's training: spec, task, test batch, seed, recipes' fields
    reuse: Callable[[Model], Model] = lambda new: new  # an equal network that is already traced, if there is one
    model_files: Callable[[ExperimentSpec, Weights], dict[str, bytes]] | None = None  # a network as an MLflow model's
    expected: Callable[..., np.ndarray] | None = None  # an engine's: the reference's outputs


class Job(Protocol):
    """What a worker runs with its framework: a trial, or one framework's part of a check."""

    spec: ExperimentSpec
    framework: str

    @property
    def fingerprint(self) -> str: ...
    @property
    def name(self) -> str: ...
    def run(self, framework: Framework) -> Iterator[Event]: ...


class Twins(Protocol):
    """The package ``frameworks`` as it is handed in, so that nothing here imports it."""

    def load(self, name: str) -> Framework: ...
    def supports(self, name: str, spec: ExperimentSpec) -> Support: ...
    def versions(self, name: str) -> str: ...
