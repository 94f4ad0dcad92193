"""Traps of the optimisers: the same name, another rule or another default."""

from experiments.traps import cases
from experiments.traps.trap import Trap

TRAPS = (
    Trap(
        "optimisers",
        "adam_epsilon",
        "Adam's ε",
        "Keras adds ε = 1e-7 to the uncorrected √v, PyTorch 1e-8 to the corrected √v̂: parameters with small gradients "
        "move at another rate.",
        "how far the parameter moved in 50 steps",
        cases.updates,
        ("keras-team/keras#17391", "pytorch/pytorch#104857", "google-deepmind/optax#571"),
    ),
)
