"""Every trap, by theme: a folder of each twin's ``traps`` is a module here."""

from experiments.traps.catalogue import batches, dropout, layers, optimisers, padding, starts
from experiments.traps.trap import NotYet, Trap

THEMES = (padding, layers, starts, dropout, optimisers, batches)
TRAPS: dict[str, Trap] = {trap.name: trap for theme in THEMES for trap in theme.TRAPS}

TIME = "It costs time, not accuracy, and a trap here is measured by numbers that go wrong."

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
    NotYet(
        "denormal_numbers",
        "Denormal numbers",
        "On a CPU TensorFlow takes numbers below 1.2e-38 for zero, PyTorch computes with them, many times slower: the "
        "backward pass of an LSTM whose gradients vanish over 240 steps took 1,403 ms, and 90 ms after "
        "torch.set_flush_denormal(True).",
        ("pytorch/pytorch#23862", "uxlfoundation/oneDNN#561"),
        f"{TIME} The PyTorch twin sets torch.set_flush_denormal(True).",
    ),
    NotYet(
        "page_faults",
        "Memory that is freed and taken again",
        "glibc gives large blocks back to the system when PyTorch frees them, and each step takes them anew: a step of "
        "nn.LSTM (2×64, batch 128 × 80) made 13,500 page faults and took 90 ms; 59 ms with MALLOC_MMAP_MAX_=0, "
        "MALLOC_TOP_PAD_=67108864 and MALLOC_TRIM_THRESHOLD_=2147483647 in the environment.",
        ("pytorch/pytorch#55675", "pytorch/pytorch#53715"),
        f"{TIME} A trial's process keeps what it frees, by the same settings.",
    ),
)
