"""The backward direction starts in the padding: its first steps are a row's padded ones."""

from torch import Tensor
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from experiments.traps.cases import Cell
from frameworks.pytorch.traps.building import before, lstm


def naive(x: Tensor, lengths: Tensor, forward: Cell, backward: Cell) -> Tensor:
    """Leave out the padded outputs afterwards: the backward state has read the padding by then."""
    sequence, _ = lstm(forward, backward=backward)(x)
    return sequence * before(x.shape[1], lengths)


def right(x: Tensor, lengths: Tensor, forward: Cell, backward: Cell) -> Tensor:
    """Pack the rows, so that each direction starts in its own words."""
    packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
    sequence, _ = pad_packed_sequence(lstm(forward, backward=backward)(packed)[0], batch_first=True)
    return sequence


original = right
