"""Every trap, by theme: a folder of each twin's ``traps`` is a module here."""

from experiments.traps.catalogue import batches, dropout, layers, optimisers, padding, speed, starts
from experiments.traps.trap import NotYet, Trap

THEMES = (padding, layers, starts, dropout, optimisers, batches, speed)
TRAPS: dict[str, Trap] = {trap.name: trap for theme in THEMES for trap in theme.TRAPS}

NOT_YET = (
    NotYet(
        "onnx_export",
        "Export to ONNX",
        "A batch size is fixed by the example that the export ran on, and a masked layer becomes a Loop.",
        ("microsoft/onnxruntime#19270", "onnx/tensorflow-onnx#1871", "keras-team/keras#21799"),
        "It needs onnx and onnxruntime, which this program does not install.",
    ),
    NotYet(
        "stateful_batch",
        "A stateful layer and a smaller batch",
        "A Keras layer of stateful=True that was called with one row wrote that row's state over all others.",
        ("keras-team/keras#21183",),
        "It is no trap any more: Keras 3.15 refuses another batch size with an error.",
    ),
    NotYet(
        "cudnn_masks",
        "Masks that cuDNN refuses",
        "On a GPU Keras's fused layers fail on rows that are all padding and on masks that do not end in padding.",
        ("tensorflow/tensorflow#36139", "tensorflow/tensorflow#33148"),
        "It needs a GPU: on a CPU Keras has no fused layer.",
    ),
)
