"""Traps that cost time: the numbers are right."""

from experiments.traps import cases
from experiments.traps.trap import Trap

TRAPS = (
    Trap(
        "speed",
        "denormal_numbers",
        "Denormal numbers",
        "On a CPU TensorFlow takes numbers below 1.2e-38 for zero, PyTorch computes with them, and gradients that "
        "vanish over many steps are such numbers. What they cost depends on the processor: on one the backward pass of "
        "an LSTM over 240 steps took 1,403 ms in place of 90; on others nothing is seen.",
        "the processor's time for one backward pass",
        cases.vanishing,
        ("pytorch/pytorch#23862", "uxlfoundation/oneDNN#561"),
        counted="denormal numbers",
        harmless={"tf2": "TensorFlow's kernels take denormal numbers for zero by themselves."},
    ),
    Trap(
        "speed",
        "page_faults",
        "Memory that is freed and taken again",
        "glibc gives large blocks back to the system when PyTorch frees them, and each training step takes them anew, "
        "page by page.",
        "the processor's time for one training step, in processes side by side",
        cases.large_blocks,
        ("pytorch/pytorch#55675", "pytorch/pytorch#53715"),
        counted="page faults",
        warm_up=10,
        harmless={
            "tf2": "TensorFlow's process keeps most of what it frees: the same settings save 5 % of a step (0 to 9, "
            "n = 24 rounds on an AMD EPYC)."
        },
    ),
)
