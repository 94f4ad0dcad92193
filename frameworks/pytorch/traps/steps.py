"""Steps that are timed, for the traps that cost time: in seconds of the processor, which no other process lengthens."""

from collections.abc import Iterator
from resource import RUSAGE_SELF, getrusage
from time import process_time

import numpy as np
import torch
from torch import Tensor, nn


def backward(rnn: nn.LSTM, x: Tensor) -> list[float]:
    """Go back from the last output to the input, on one thread; return the seconds and the denormal numbers found."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # numbers are flushed by the thread that was told to
    x.requires_grad_()
    last = rnn(x)[0][:, -1].sum()
    began = process_time()
    last.backward()
    seconds = process_time() - began
    torch.set_num_threads(threads)
    return [seconds, denormals(x.grad.numpy())]


def denormals(values: np.ndarray) -> int:
    """Count the float32 numbers below the normal range, by their bits: flushed arithmetic takes them for 0."""
    bits = np.ascontiguousarray(values).view(np.uint32) & 0x7FFFFFFF
    return int(((bits > 0) & (bits < 0x00800000)).sum())


def train(batch: int, steps: int, units: int) -> Iterator[list[float]]:
    """Train two layers on random numbers; yield each step's seconds and page faults."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    rnn, x = nn.LSTM(units, units, num_layers=2, batch_first=True), torch.randn(batch, steps, units)
    optimiser = torch.optim.SGD(rnn.parameters(), lr=0.01)
    while True:
        began, faults = process_time(), getrusage(RUSAGE_SELF).ru_minflt
        optimiser.zero_grad()
        rnn(x)[0].square().mean().backward()
        optimiser.step()
        yield [process_time() - began, getrusage(RUSAGE_SELF).ru_minflt - faults]
