"""Traps of the start: what weights are drawn from."""

from experiments.traps import cases
from experiments.traps.trap import Trap

TRAPS = (
    Trap(
        "starts",
        "forget_bias",
        "The forget gate's bias of 1",
        "Keras starts the forget gate's bias at 1 and all others at 0, PyTorch draws two biases around 0: an untrained "
        "LSTM forgets half of its state at every step instead of a quarter.",
        "the last output before training",
        cases.started,
        ("pytorch/pytorch#20102",),
    ),
    Trap(
        "starts",
        "embedding_scale",
        "Embeddings from N(0, 1)",
        "Keras draws a word's vector from U(±0.05), PyTorch from N(0, 1), 35 times as wide: the network then starts "
        "saturated, and each word's vector hardly moves from its random place.",
        "accuracy on film reviews after 2 epochs",
        cases.reviews,
        ("pytorch/pytorch#3121", "pytorch/examples#595"),
        scores=True,
    ),
    Trap(
        "starts",
        "orthogonal_gates",
        "Orthogonal over the whole matrix or gate by gate",
        "Keras makes the recurrent kernel orthogonal as one matrix, recipes for PyTorch do so gate by gate: all its "
        "singular values are then 2 instead of 1.",
        "the recurrent kernel's singular values",
        cases.units,
        ("vwxyzjn/cleanrl#358",),
    ),
)
