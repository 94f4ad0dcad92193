"""The job that measures one framework for the parity ladder, in its own process: a rung's numbers at a time."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import count, islice
from time import perf_counter
from typing import Any

import numpy as np

from experiments import canonical
from experiments.canonical import Weights, zero_states
from experiments.draws import generator
from experiments.events import Event, Finished, RungMeasured, guarded
from experiments.frozen import digest
from experiments.protocol import Batch, Forward, Framework, Lengths, Model, States
from experiments.spec import ExperimentSpec
from experiments.tasks import Interface, Split
from experiments.training.batches import imposed_batches

SEED, STEPS = 0, 200
CHARACTERS = 20  # of the chars task, its windows of the same length
#: Odd and unequal, so that a transposition shows. The batch size divides the samples: a smaller last batch would
#: make TensorFlow trace its step a second time, which is most of a check's time.
WORDS, TOKENS, SAMPLES, BATCH = 60, 7, 80, 16
NETWORK = {"units": (8, 6), "embedding_size": 5, "dropout": 0.3}
TRAINING = {"epochs": -(-STEPS * BATCH // SAMPLES), "batch_size": BATCH, "optimiser": "adam", "learning_rate": 1e-3}
TRAINING |= {"clip_norm": None, "clip_global": False}
TASKS = {"imdb": {"words": WORDS, "tokens": TOKENS}, "chars": {"window": TOKENS}}
PADDING = ("padding_side", "padding_treatment")  # options of the task
#: Rung 3's optimisers. The limit lies among the gradients' norms: some variables are clipped, some are not.
CLIPPED = {"clip_norm": 0.02}
OPTIMISERS = {
    f"{name}{' clipped' if clip else ''}": {"optimiser": name, "learning_rate": rate} | clip
    for name, rate in {"sgd": 0.5, "adam": 1e-3, "rmsprop": 1e-3, "adagrad": 1e-3}.items()
    for clip in ({}, CLIPPED)
}
ALL = tuple(OPTIMISERS)


def make_spec(network: dict, conventions: str, dtype: str, device: str = "cpu") -> ExperimentSpec:
    """The ladder's experiment for a cell, its form and options, on ``task``, imdb unless told; sizes are the ladder's.

    Characters carry their states, unless padding is masked.

    Raises:
        ValidationError: a field of ``network`` is unknown, or does not go with the cell.
    """
    usual, task = dict(NETWORK), network.get("task", "imdb")
    padding = {key: network[key] for key in PADDING if key in network}
    stateless = task == "chars" and padding.get("padding_treatment") == "masked"
    if task == "chars" and network.get("encoder") == "one_hot":
        del usual["embedding_size"]  # the vectors as they are; times a table they are imdb's
    return ExperimentSpec.model_validate(
        {
            "task": {"name": task} | TASKS[task] | padding | ({"stateful": False} if stateless else {}),
            "network": usual | {key: value for key, value in network.items() if key not in ("task", *PADDING)},
            "training": TRAINING | {"dtype": dtype, "device": device},
            "conventions": conventions,
        }
    )


class TokenTask:
    """Random tokens, the same in every process; the label is whether the first token is odd."""

    def __init__(self, spec: ExperimentSpec) -> None:
        self.interface = Interface("tokens", TOKENS, WORDS, 1, "binary_crossentropy")
        x = generator(SEED, "ladder task").integers(0, WORDS, (SAMPLES, TOKENS)).astype(np.int32)
        self.train = Split(x, (x[:, :1] % 2).astype(spec.training.dtype), given_lengths(spec))


class TextTask:
    """Random characters in windows of one text, the same in every process; the label is the next character."""

    def __init__(self, spec: ExperimentSpec) -> None:
        self.interface = Interface(
            "tokens", TOKENS, CHARACTERS, CHARACTERS, "sequence_cross_entropy", stateful=spec.task.stateful
        )
        text = generator(SEED, "ladder text").integers(0, CHARACTERS, SAMPLES * TOKENS + 1).astype(np.int32)
        x, y = text[:-1].reshape(SAMPLES, TOKENS), text[1:].reshape(SAMPLES, TOKENS)
        self.train = Split(x, y, given_lengths(spec))


def given_lengths(spec: ExperimentSpec) -> Lengths:
    """Where padding is masked, lengths from 0, a row that is all padding, to the whole window, for every sample."""
    if not spec.task.masked:
        return None
    return (generator(SEED, "ladder lengths").permutation(SAMPLES) % (TOKENS + 1)).astype(np.int32)


def load(spec: ExperimentSpec) -> TokenTask | TextTask:
    """The ladder's small task in place of the spec's."""
    return (TextTask if spec.task.name == "chars" else TokenTask)(spec)


@dataclass(frozen=True)
class Measurement:
    """One framework's numbers for one spec; a job."""

    spec: ExperimentSpec
    framework: str
    version: str
    optimisers: tuple[str, ...] = ALL  # rung 3's
    steps: int = STEPS  # rung 4's
    name = "parity"

    @cached_property
    def fingerprint(self) -> str:
        """What makes two measurements the same."""
        return digest([self.spec.fingerprint, self.framework, self.version, *unless_all(self.optimisers, self.steps)])

    def run(self, framework: Framework) -> Iterator[Event]:
        """Yield a ``RungMeasured`` for every rung from 0 to 4, then ``Finished``; a fault becomes ``Failed``."""
        return guarded(self._measure(framework))

    def _measure(self, framework: Framework) -> Iterator[Event]:
        began, spec, task = perf_counter(), self.spec, load(self.spec)
        weights = canonical.draw(spec, task.interface, SEED)
        model = framework.build(spec, task.interface, weights, SEED)
        batch = next(imposed_batches(spec, task, SEED, 1))
        if task.interface.stateful:
            batch = batch._replace(states=given_states(spec, len(batch.x)))
        yield RungMeasured(0, model.weights())
        yield RungMeasured(1, _passes(model, spec, batch))
        yield RungMeasured(2, model.gradients(batch))
        yield RungMeasured(3, self._updates(framework, task, weights, batch))
        yield RungMeasured(4, {"loss": np.array(list(islice(losses(model, spec, task, SEED), self.steps)))})
        facts = framework.environment() | {"device": model.device}
        environment = json.dumps(facts, ensure_ascii=False).encode()
        yield Finished({"time/climb_s": perf_counter() - began}, {"environment.json": environment})

    def _updates(self, framework: Framework, task: TokenTask | TextTask, weights: Weights, batch: Batch) -> Weights:
        """Every weight after one step of each optimiser; eager, since to trace a step only once run is a waste."""
        updated = {}
        for name in self.optimisers:
            training = self.spec.training.model_copy(update=OPTIMISERS[name] | {"execution": "eager"})
            chosen = self.spec.model_copy(update={"training": training})
            model = framework.build(chosen, task.interface, weights, SEED)
            model.train_step(batch)
            updated |= {f"{name}: {key}": value for key, value in model.weights().items()}
        return updated


def unless_all(optimisers: tuple[str, ...], steps: int) -> list[list[str] | int]:
    """What a choice of optimisers and steps adds to a fingerprint: nothing where it is all of them."""
    return [*([] if optimisers == ALL else [list(optimisers)]), *([] if steps == STEPS else [steps])]


def _passes(model: Model, spec: ExperimentSpec, batch: Batch) -> Weights:
    """Outputs, every step of the top layer and every last state; from zero states, and from given ones."""
    given = given_states(spec, len(batch.x))
    from_zero = _named(model.forward(batch.x, lengths=batch.lengths), spec)
    from_given = _named(model.forward(batch.x, given, batch.lengths), spec)
    return from_zero | {f"from given states: {name}": value for name, value in from_given.items()}


def given_states(spec: ExperimentSpec, size: int) -> States:
    """Random states, uniform in ±1."""
    rng = generator(SEED, "ladder states")
    return zero_states(spec.network, lambda units: rng.uniform(-1, 1, (size, units)).astype(spec.training.dtype))


def _named(forward: Forward, spec: ExperimentSpec) -> Weights:
    names = canonical.STATES[spec.network.cell]
    directions = spec.network.directions
    states = {
        f"state {name} of layer {place // len(directions)} {directions[place % len(directions)]}": value
        for place, layer in enumerate(forward.states)
        for name, value in zip(names, layer, strict=True)
    }
    return {"outputs": forward.outputs, "sequence": forward.sequence} | states


def losses(model: Model, spec: ExperimentSpec, task: Any, seed: int) -> Iterator[float]:
    """The loss of every step, epoch after epoch, dropout on, states carried within an epoch where the task's are."""
    for epoch in count(1):
        states = None
        for batch in imposed_batches(spec, task, seed, epoch):
            step = model.train_step(batch._replace(states=states))
            states = step.states or None
            yield step.loss
