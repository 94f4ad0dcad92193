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
    Trap(
        "padding",
        "padding_side",
        "Padded left, read from the left",
        "Keras's pad_sequences pads in front; pack_padded_sequence reads the first steps of each row, so it reads the "
        "padding and drops the last words.",
        "the last output",
        cases.either_side,
        ("pytorch/pytorch#10536", "keras-team/keras#20898"),
        harmless={"tf2": "On a CPU Keras's mask may stand on either side; cuDNN's kernels want it at the end."},
    ),
    Trap(
        "padding",
        "backward_in_padding",
        "The backward direction starts in the padding",
        "A backward pass begins at the last step: without a mask or packing its state has read all the padding before "
        "it reaches the first word, so that even the outputs at words are wrong.",
        "both directions' outputs at every word",
        cases.padded_both_ways,
        ("pytorch/pytorch#3662",),
    ),
    Trap(
        "padding",
        "masked_outputs",
        "What padded steps give",
        "At masked steps a Keras LSTM repeats the row's last output, while unpacking gives 0: pooling over time sees "
        "the difference.",
        "the largest output over time",
        cases.padded,
        ("keras-team/keras#1569", "keras-team/keras#17596"),
    ),
    Trap(
        "padding",
        "mask_lost",
        "The mask is lost between layers",
        "A bare operation between two layers drops Keras's mask, and unpacking for it drops PyTorch's packing: the "
        "layer above reads the padding.",
        "the upper layer's last output",
        cases.padded_two_layers,
        ("keras-team/keras#4786",),
    ),
    Trap(
        "padding",
        "loss_over_padding",
        "The loss's mean counts padding",
        "A loss at every step is averaged over the padded steps too; in Keras even with their weights at 0, since the "
        "mean is taken over the number of steps.",
        "the loss",
        cases.tagged,
        ("tensorflow/tensorflow#26784",),
    ),
    Trap(
        "padding",
        "empty_rows",
        "Rows that are all padding",
        "Packing refuses rows of length 0; made 1 to pass, each reads a padding word. (On a GPU cuDNN fails on them in "
        "Keras too, which cannot be shown on a CPU.)",
        "the last output",
        cases.with_empty_rows,
        ("tensorflow/tensorflow#36139", "tensorflow/tensorflow#33148"),
        harmless={"tf2": "On a CPU a row that is masked throughout keeps its zero state."},
    ),
)
