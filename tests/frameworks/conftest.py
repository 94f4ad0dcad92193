"""Fixtures of the tests of the twins."""

import pytest
from conversions.halves import HALVES
from conversions.processes import Half
from conversions.stages import Stage


@pytest.fixture(scope="session")
def conversions(tmp_path_factory) -> dict[str, Stage]:
    """Run every conversion, each framework in its own process; what was found, by part."""
    folder = tmp_path_factory.mktemp("conversions")
    stages = {part: Stage(folder / part) for part in HALVES["keras_first"]}
    keras, torch = Half(folder, "keras_first", "keras_again"), Half(folder, "torch")
    for half in (keras, torch, keras):
        half.run_next(stages)
    return stages
