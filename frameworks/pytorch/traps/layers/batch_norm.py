"""BatchNorm's momentum: the share of the old average that is kept, or of the new one that is taken."""

from torch import Tensor, nn


def original(batches: Tensor, x: Tensor) -> Tensor:
    """Take PyTorch's defaults: a tenth of each new average, ε = 1e-5."""
    norm = nn.BatchNorm1d(x.shape[-1])
    for batch in batches:
        norm(batch)
    return norm.eval()(x)


def naive(batches: Tensor, x: Tensor) -> Tensor:
    """Copy Keras's momentum of 0.99: the last batch alone then counts."""
    norm = nn.BatchNorm1d(x.shape[-1], momentum=0.99)
    for batch in batches:
        norm(batch)
    return norm.eval()(x)


def right(batches: Tensor, x: Tensor) -> Tensor:
    """Take its complement, and Keras's ε."""
    norm = nn.BatchNorm1d(x.shape[-1], momentum=1 - 0.99, eps=1e-3)
    for batch in batches:
        norm(batch)
    return norm.eval()(x)
