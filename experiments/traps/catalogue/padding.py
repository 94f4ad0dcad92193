"""Traps of padding: rows of unequal length in one batch."""

from experiments.traps import cases
from experiments.traps.trap import Trap

TRAPS = (
    Trap(
        "padding",
        "no_mask",
        "Padding drives the state",
        "Without a mask (Keras) or packing (PyTorch) the network goes on reading the padding after a row has ended.",
        "the last output",
        cases.padded,
        ("keras-team/keras#2897", "pytorch/pytorch#517"),
    ),
)
