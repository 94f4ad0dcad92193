"""What must come out the same on any machine: NumPy's draws, and the reference's losses in float64."""

import hashlib
from collections.abc import Iterable, Iterator
from itertools import islice

import numpy as np

from experiments import canonical
from experiments.draws import generator
from experiments.parity.measure import losses
from experiments.protocol import Framework
from experiments.spec import ExperimentSpec
from experiments.tasks import Interface, Split
from experiments.training.batches import imposed_batches

SEED, BATCHES, STEPS, SAMPLES = 0, 3, 5, 32
TOKENS, WORDS = 8, 40
ORTHOGONAL = "recurrent_kernel"  # drawn by LAPACK, whose last bits differ between processors


class Made:
    """A task of random tokens; both its sizes are fixed, so that its draws do not depend on a study's data."""

    def __init__(self, time: int, words: int) -> None:
        rng = generator(SEED, "replication")
        self.interface = Interface("tokens", time, words, 1, "binary_crossentropy")
        x = rng.integers(0, words, (SAMPLES, time)).astype(np.int32)
        self.train = Split(x, (x[:, :1] % 2).astype(np.float64))


def draws(specs: Iterable[ExperimentSpec]) -> dict[str, str]:
    """sha256 of each initial weight, of the first batches' orders and of their dropout masks, by a readable name."""
    return {name: digest for spec in specs for name, digest in _draws(spec)}


def _draws(spec: ExperimentSpec) -> Iterator[tuple[str, str]]:
    made = Made(spec.task.tokens, spec.task.words)
    for name, weight in canonical.draw(spec, made.interface, SEED).items():
        yield f"{spec.slug} {name}", _digest(weight)
    small = spec.model_copy(update={"training": spec.training.model_copy(update={"batch_size": SAMPLES // 4})})
    for number, batch in enumerate(islice(imposed_batches(small, made, SEED, 1), BATCHES), start=1):
        yield f"{spec.slug} batch {number}", _digest(batch.x)
        for layer, mask in enumerate(mask for mask in batch.masks or () if mask is not None):
            yield f"{spec.slug} batch {number} mask {layer}", _digest(np.asarray(mask))


def _digest(array: np.ndarray) -> str:
    data = np.ascontiguousarray(array)
    return hashlib.sha256(f"{data.dtype.str} {data.shape}".encode() + data.tobytes()).hexdigest()


def may_differ(name: str) -> bool:
    """Whether a draw goes through LAPACK, so that another processor may give other last bits."""
    return name.rpartition("/")[2] == ORTHOGONAL


def reference_losses(specs: Iterable[ExperimentSpec], reference: Framework) -> dict[str, list[float]]:
    """The float64 losses of the reference's first steps on small networks, by the experiment's name."""
    return {spec.slug: _losses(spec, reference) for spec in specs}


def _losses(spec: ExperimentSpec, reference: Framework) -> list[float]:
    network = spec.network.model_copy(
        update={"form": "scratch", "units": tuple(min(each, 6) for each in spec.network.units), "embedding_size": 5}
    )
    training = spec.training.model_copy(update={"dtype": "float64", "batch_size": SAMPLES // 4})
    small = spec.model_copy(update={"network": network, "training": training})
    made = Made(TOKENS, WORDS)
    model = reference.build(small, made.interface, canonical.draw(small, made.interface, SEED), SEED)
    return [float(loss) for loss in islice(losses(model, small, made, SEED), STEPS)]
