"""Traps of the layers themselves: how weights and states are laid out, and which equations they follow."""

from experiments.traps import cases
from experiments.traps.trap import Trap

TRAPS = (
    Trap(
        "layers",
        "gate_order",
        "The GRU's gates stand in another order",
        "Keras keeps a GRU's gates in the order z, r, h, PyTorch in the order r, z, n: copied kernels fit in shape, "
        "and the gates swap.",
        "the last output",
        cases.gru_arrays,
        ("keras-team/keras#8720", "keras-team/keras#15915"),
    ),
)
