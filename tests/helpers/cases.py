"""The grid of models that the suites share, small enough to be quick, odd-sized enough to catch a transposition."""

import itertools
from functools import partialmethod
from typing import NamedTuple
from zlib import crc32

import numpy as np
import pytest

import frameworks
from experiments.cells import CELLS
from experiments.draws import generator
from experiments.parity.grid import FORMS
from experiments.parity.tolerances import CLOSE
from experiments.protocol import Absent, Batch
from experiments.spec import ExperimentSpec
from experiments.tasks import Interface
from experiments.training.batches import draw_masks

TWINS = ("tf2", "pytorch")
TIME, WORDS, BATCH = 3, 20, 5
TOKENS = Interface("tokens", TIME, WORDS, 1, "binary_crossentropy")


class Case(NamedTuple):
    """One twin's model to be held to the reference."""

    twin: str
    cell: str
    form: str
    dtype: str = "float64"
    depth: int = 2
    conventions: str = "keras"
    bidirectional: bool = False

    @property
    def spec(self) -> ExperimentSpec:
        return make_spec(
            self.cell,
            self.form,
            self.conventions,
            depth=self.depth,
            network={"bidirectional": self.bidirectional},
            dtype=self.dtype,
        )


def make_spec(cell, form, conventions="keras", depth=2, dropout=0.5, network=None, **training) -> ExperimentSpec:
    """A tiny spec on tokens, layers of unequal size; ``network`` adds fields of the network's."""
    own = {"projection_size": 2} if cell == "lstm_projection" else {}
    return ExperimentSpec.model_validate(
        {
            "task": {"name": "imdb", "words": WORDS, "tokens": TIME},
            "network": {
                "cell": cell,
                "form": form,
                "units": [4, 3, 6][:depth],
                "encoder": "embedding",
                "embedding_size": 5,
                "dropout": dropout,
            }
            | own
            | (network or {}),
            "training": training,
            "conventions": conventions,
        }
    )


def offered(twin: str, cell: str, form: str) -> bool:
    """Whether the twin has the form for the cell."""
    return not isinstance(frameworks.supports(twin, make_spec(cell, form)), Absent)


#: What a case may vary beside twin, cell and form: dtype, depth, conventions, both directions.
LEVELS = list(itertools.product(("float64", "float32"), (1, 2), ("keras", "pytorch"), (False, True)))


def sampled(twin: str, cell: str, form: str) -> list["Case"]:
    """The suite's one rule: every twin × cell × form twice, at complementary levels of everything else.

    Each form of each cell so meets both levels of every factor, and all sixteen combinations occur over the grid,
    the same for both twins. The parity ladder covers the rest.
    """
    first = crc32(f"{cell}/{form}".encode()) % len(LEVELS)
    return [Case(twin, cell, form, *LEVELS[index]) for index in (first, len(LEVELS) - 1 - first)]


PAIRS = [(cell, form) for cell in CELLS for form in FORMS]


def params(cases) -> list:
    """Pytest parameters, each in its twin's process."""
    return [pytest.param(case, marks=getattr(pytest.mark, case.twin), id="-".join(map(str, case))) for case in cases]


def twin_params() -> list:
    """One parameter a twin, in its process."""
    return [pytest.param(twin, marks=getattr(pytest.mark, twin), id=twin) for twin in TWINS]


def fit_without_graphs(twin: str, patch: pytest.MonkeyPatch) -> None:
    """Let Keras's ``fit`` run eagerly: to trace what runs a few steps takes most of the time."""
    if twin == "tf2":
        import keras

        patch.setattr(keras.Model, "compile", partialmethod(keras.Model.compile, run_eagerly=True))


def make_batch(spec: ExperimentSpec, seed: int = 0, interface: Interface = TOKENS) -> Batch:
    """A random batch with imposed dropout masks."""
    rng = generator(seed, "test batch")
    masks = draw_masks(spec, interface, BATCH, rng)
    dtype = spec.training.dtype
    if interface.input == "tokens":
        x = rng.integers(0, WORDS, (BATCH, interface.time)).astype(np.int32)
    else:
        x = rng.standard_normal((BATCH, interface.time, interface.features)).astype(dtype)
    if interface.loss == "cross_entropy":
        return Batch(x, np.eye(interface.outputs, dtype=dtype)[rng.integers(0, interface.outputs, BATCH)], masks)
    return Batch(x, rng.integers(0, 2, (BATCH, 1)).astype(dtype), masks)


def close(case: Case, got: dict, wanted: dict):
    """Assert equality within the table's tolerance; the message names the case and the largest error."""
    rtol, atol = CLOSE[case.dtype]
    assert set(got) == set(wanted)
    for name, value in wanted.items():
        error = np.max(np.abs(got[name] - value) - rtol * np.abs(value), initial=0)
        assert np.shape(got[name]) == np.shape(value), f"{case}: {name}"
        assert error <= atol, f"{case}: {name} is off by {error:.2e} beyond rtol {rtol}"


def flat(forward) -> dict:
    states = {f"state {i}.{j}": state for i, layer in enumerate(forward.states) for j, state in enumerate(layer)}
    return {"outputs": forward.outputs, "sequence": forward.sequence} | states
