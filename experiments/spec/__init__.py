"""What an experiment is: task × network × training × conventions, and no framework in it."""

from experiments.spec.experiment import ExperimentSpec, to_toml
from experiments.spec.network import Form, NetworkSpec
from experiments.spec.training import TrainingSpec

__all__ = ["ExperimentSpec", "Form", "NetworkSpec", "TrainingSpec", "to_toml"]
