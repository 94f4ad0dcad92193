"""Gradients that vanish over many steps: PyTorch leaves denormal numbers, which slow it, unless told otherwise."""

import subprocess
import sys

import pytest

DENORMAL = """
import torch
from frameworks.pytorch import runtime
torch.manual_seed(0)
lstm = torch.nn.LSTM(4, 8, batch_first=True)
x = torch.randn(2, 240, 4, requires_grad=True)
with torch.no_grad():
    for bias in (lstm.bias_ih_l0, lstm.bias_hh_l0):
        bias[8:16] = -1.0  # the forget gate: the state halves at each step, and more
def denormals():
    x.grad = None
    lstm(x)[0][:, -1].sum().backward()
    torch.set_flush_denormal(False)  # or the comparison itself takes them for 0
    size = x.grad.abs()
    return int(((size > 0) & (size < torch.finfo(torch.float32).tiny)).sum())
before = denormals()
runtime.configure(1)
print(before, denormals())
"""


@pytest.mark.pytorch
def test_the_twin_flushes_the_denormal_numbers_that_pytorch_keeps():
    """In an input's gradient over 240 steps, in a process of its own."""
    command = [sys.executable, "-c", DENORMAL]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    before, configured = map(int, printed.split())
    assert configured == 0 < before
