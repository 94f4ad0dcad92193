"""Traps of batches: their order, and the mean over them."""

from experiments.traps import cases
from experiments.traps.trap import Trap

TRAPS = (
    Trap(
        "batches",
        "shuffle_buffer",
        "The shuffle buffer",
        "tf.data's shuffle(1000) draws from a buffer of 1,000 samples: data sorted by class stay nearly sorted, where "
        "PyTorch's DataLoader permutes all.",
        "the spread of the batches' mean labels",
        cases.sorted_labels,
        ("tensorflow/tensorflow#36626",),
        tolerance=0.2,  # 512 batches leave about 4 %
    ),
    Trap(
        "batches",
        "batch_means",
        "The mean of the batches' means",
        "A loss averaged over batches weighs a last batch of one sample as much as one of 32.",
        "the loss over all samples",
        cases.last_batch_of_one,
        ("mlcommons/training#89", "Lightning-AI/pytorch-lightning#2924"),
    ),
)
