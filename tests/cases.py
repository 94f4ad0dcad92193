"""The grid of models that the suites share, small enough to be quick, odd-sized enough to catch a transposition."""

from typing import NamedTuple

import numpy as np
import pytest

import frameworks
from experiments import canonical
from experiments.conventions import dropout_masks, stream
from experiments.protocol import Absent, Batch
from experiments.spec import ExperimentSpec, Interface
from experiments.study import CELLS, FORMS

TWINS = ("tf2", "pytorch")
TIME, WORDS, BATCH = 6, 20, 5
TOKENS = Interface("tokens", TIME, WORDS, 1, "binary_crossentropy")


class Case(NamedTuple):
    """One twin's model to be held to the reference."""

    twin: str
    cell: str
    form: str
    dtype: str = "float64"
    depth: int = 2
    conventions: str = "keras"

    @property
    def spec(self) -> ExperimentSpec:
        return make_spec(self.cell, self.form, self.conventions, depth=self.depth, dtype=self.dtype)


def make_spec(cell, form, conventions="keras", depth=2, dropout=0.5, **training) -> ExperimentSpec:
    """A tiny spec on tokens, layers of unequal size."""
    return ExperimentSpec.model_validate(
        {
            "task": {"name": "imdb", "words": WORDS, "tokens": TIME},
            "network": {
                "cell": cell,
                "form": form,
                "units": [4, 3][:depth],
                "embedding_size": 5,
                "dropout": dropout,
            },
            "training": training,
            "conventions": conventions,
        }
    )


def offered(twin: str, cell: str, form: str) -> bool:
    """Whether the twin has the form for the cell."""
    return not isinstance(frameworks.supports(twin, make_spec(cell, form)), Absent)


PAIRS = [(cell, form) for cell in CELLS for form in FORMS]


def params(cases) -> list:
    """Pytest parameters, each in its twin's process."""
    return [pytest.param(case, marks=getattr(pytest.mark, case.twin), id="-".join(map(str, case))) for case in cases]


def twin_params() -> list:
    """One parameter a twin, in its process."""
    return [pytest.param(twin, marks=getattr(pytest.mark, twin), id=twin) for twin in TWINS]


def make_batch(spec: ExperimentSpec, seed: int = 0, interface: Interface = TOKENS) -> Batch:
    """A random batch with imposed dropout masks."""
    rng = stream(seed, "test batch")
    owner = spec.conventions.owner("dropout", "keras")
    inputs = canonical.layer_inputs(spec, interface)
    dtype = spec.training.dtype
    masks = dropout_masks(owner, spec.network.dropout, inputs, BATCH, interface.time, dtype, rng)
    x = rng.integers(0, WORDS, (BATCH, interface.time)).astype(np.int32)
    return Batch(x, rng.integers(0, 2, (BATCH, 1)).astype(dtype), masks)
