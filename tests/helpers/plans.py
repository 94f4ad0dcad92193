"""Studies laid out for tests."""

from pathlib import Path

from experiments.protocol import Native
from experiments.spec import ExperimentSpec
from experiments.study import schema
from experiments.study.phase import Answers
from experiments.tasks import DataSource
from experiments.training.phase import wanted

DATA = DataSource("imdb-test", "d" * 64, None, "made for tests")


def native(framework: str, spec: ExperimentSpec) -> Native:
    return Native()


def experiments_of(path: Path) -> list[tuple[ExperimentSpec, int]]:
    """A study's experiments, and the most seeds that a framework trains each with."""
    answers = Answers(path, native, lambda name: "1", lambda task: DATA)
    return [(spec, max(seeds.values())) for spec, seeds in wanted(schema.read(path), answers).items()]
