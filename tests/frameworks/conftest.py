"""Fixtures of the tests of the twins."""

import pytest
from conversions.halves import HALVES
from conversions.processes import run_half
from conversions.stages import Stage


@pytest.fixture(scope="session")
def conversions(tmp_path_factory) -> dict[str, Stage]:
    """Run every conversion, each framework in its own processes; what was found, by part."""
    folder = tmp_path_factory.mktemp("conversions")
    stages = {part: Stage(folder / part) for part in HALVES["keras_first"]}
    for half in HALVES:
        run_half(half, stages, folder)
    return stages
