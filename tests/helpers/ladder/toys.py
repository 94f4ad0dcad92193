"""Faults for the ladder, planted in the reference, and a study whose twins are the reference, one of them spoilt.

``LADDER_FAULT`` names the fault that the one called tf2 has. Apart from the tests, since every worker imports this.
"""

import os
from dataclasses import replace

import frameworks
from experiments.protocol import Absent, Framework, Native, Support
from experiments.spec import ExperimentSpec
from frameworks.reference import network

EARLY_STEPS = 3  # on rung 4, where it is about an earlier one
KERNEL, BIAS = "rnn/0/forward/kernel", "rnn/0/forward/recurrent_bias"


def swap_gates(weights):
    return weights | {KERNEL: weights[KERNEL][:, [1, 0, 2, 3]]}


class LoadsSwapped(network.Network):
    """Takes i for f, going in and coming out."""

    def __init__(self, spec, interface, weights):
        super().__init__(spec, interface, swap_gates(weights))

    def weights(self):
        return swap_gates(super().weights())


class ReadsSwapped(network.Network):
    """Takes i for f coming out only."""

    def weights(self):
        return swap_gates(super().weights())


class ForgetsStates(network.Network):
    """Starts from zero whatever it is given."""

    def forward(self, x, states=None, lengths=None):
        return super().forward(x, lengths=lengths)


class ScalesGradient(network.Network):
    """The head's bias learns a millionth too fast."""

    def _backward(self, batch):
        loss, outputs, gradients, last = super()._backward(batch)
        return loss, outputs, gradients | {"head/0/bias": gradients["head/0/bias"] * (1 + 1e-6)}, last


class LeavesBias(network.Network):
    """Never trains one bias."""

    def train_step(self, batch):
        before = self.native[BIAS].copy()
        step = super().train_step(batch)
        self.native[BIAS][...] = before
        return step


class Epsilon(network.Network):
    """Adam with PyTorch's ε under Keras's conventions."""

    def __init__(self, spec, interface, weights):
        super().__init__(spec, interface, weights)
        self.optimiser.conventions = spec.conventions.model_copy(update={"adam": "pytorch"})


class ClipsTogether(network.Network):
    """Clips by the global norm where each variable's own is asked for."""

    def __init__(self, spec, interface, weights):
        super().__init__(spec, interface, weights)
        self.optimiser.training = spec.training.model_copy(update={"clip_global": True})


class DropsNothingLater(network.Network):
    """Forgets dropout from step 120 on."""

    step = 0

    def train_step(self, batch):
        self.step += 1
        return super().train_step(batch._replace(masks=None) if self.step >= 120 else batch)


FAULTS = {fault.__name__: fault for fault in (LoadsSwapped, ReadsSwapped, ForgetsStates, ScalesGradient, LeavesBias)}
FAULTS |= {fault.__name__: fault for fault in (Epsilon, ClipsTogether, DropsNothingLater, network.Network)}


def load(name: str) -> Framework:
    """The reference under a twin's name; tf2 is spoilt as ``LADDER_FAULT`` says; for a worker."""
    chosen = FAULTS[os.environ.get("LADDER_FAULT", "Network") if name == "tf2" else "Network"]
    return replace(
        frameworks.load("reference"),
        name=name,
        build=lambda spec, interface, weights, seed: chosen(spec, interface, weights),
    )


def versions(name: str) -> str:
    return f"{name} 1.0"


STUDY = f"""
name = "toy"
description = "A study of toys."
frameworks = ["tf2", "pytorch"]

[[grid]]
task = "sine"
network = {{ cell = "lstm", form = "layer" }}

[ladder]
cells = ["simple_rnn"]
forms = ["layer", "scratch"]
conventions = ["keras"]
dtypes = ["float64"]
steps = {EARLY_STEPS}
"""


def supports(name: str, spec: ExperimentSpec) -> Support:
    absent = (name, spec.network.form) == ("pytorch", "scratch")
    return Absent("the toy has none") if absent else Native()


#: What stands in the twins' places.
TWINS = {"load": load, "supports": supports, "versions": versions}
