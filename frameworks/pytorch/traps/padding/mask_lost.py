"""The mask is lost between two layers, where an operation stands that knows nothing of it."""

from torch import Tensor
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from experiments.traps.cases import Cell
from frameworks.pytorch.traps.building import lstm


def naive(x: Tensor, lengths: Tensor, lower: Cell, upper: Cell) -> Tensor:
    """Unpack for the operation, and go on unpacked: the upper layer reads the padding."""
    packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
    sequence, _ = pad_packed_sequence(lstm(lower)(packed)[0], batch_first=True)
    _, (h, _) = lstm(upper)(sequence.relu())
    return h[-1]


def right(x: Tensor, lengths: Tensor, lower: Cell, upper: Cell) -> Tensor:
    """Apply the operation inside the packed rows."""
    packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
    packed, _ = lstm(lower)(packed)
    _, (h, _) = lstm(upper)(packed._replace(data=packed.data.relu()))
    return h[-1]


original = right
