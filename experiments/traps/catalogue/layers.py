"""Traps of the layers themselves: how weights and states are laid out, and which equations they follow."""

from experiments.traps import cases
from experiments.traps.trap import Trap

TRAPS = (
    Trap(
        "layers",
        "bidirectional_last",
        "The last output of a bidirectional layer",
        "At the last step the backward direction has read one word only: out[:, -1] is not the layer's final state.",
        "both directions' final outputs",
        cases.both_ways,
        ("pytorch/pytorch#3587", "yunjey/pytorch-tutorial#149"),
    ),
    Trap(
        "layers",
        "gru_reset",
        "The GRU's reset, before or after the product",
        "Keras's GRU of reset_after=False multiplies the state by the reset gate before the recurrent product, "
        "PyTorch's afterwards: the weights fit, the equations differ.",
        "the last output",
        cases.gru_plain,
        ("keras-team/keras#9112", "apple/coremltools#1124"),
    ),
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
    Trap(
        "layers",
        "state_layout",
        "h_n is never batch-first",
        "batch_first=True turns inputs and outputs, not the states: reshaped to a row for each sample they mix "
        "samples.",
        "both layers' final outputs, a row for each sample",
        cases.two_layers,
        ("pytorch/pytorch#4145", "pytorch/pytorch#144116"),
        harmless={"tf2": "Keras returns each layer's states apart, the batch first."},
    ),
    Trap(
        "layers",
        "stateful_reset",
        "A stateful layer is not reset",
        "A Keras layer of stateful=True begins each call in the state that the last one ended with, in the next epoch "
        "and in predict too, until reset_state() is called.",
        "the last output for a second, short text",
        cases.two_texts,
        ("keras-team/keras#2849", "keras-team/keras#10231"),
        harmless={"pytorch": "PyTorch keeps no state: one that is not handed over is zero."},
    ),
    Trap(
        "layers",
        "batch_norm",
        "BatchNorm's momentum",
        "Keras's momentum is the share of the old average that is kept, PyTorch's the share of the new one that is "
        "taken: 0.99 in one is 0.01 in the other. A small error remains in the right port: PyTorch's running variance "
        "divides by n − 1, Keras's by n.",
        "the normalised outputs in evaluation, after 100 batches",
        cases.batches,
        ("huggingface/transformers#19454",),
        tolerance=0.02,
    ),
    Trap(
        "layers",
        "layer_norm",
        "LayerNorm's ε",
        "Keras adds 1e-3 to the variance, PyTorch 1e-5: outputs of a small spread are normalised less.",
        "the normalised outputs",
        cases.small_outputs,
        ("huggingface/transformers#19454", "pytorch/pytorch#104857"),
    ),
)
