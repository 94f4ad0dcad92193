"""What a layer gives at padded steps: Keras repeats a row's last output, packing gives 0."""

from torch import Tensor
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from experiments.traps.cases import Cell
from frameworks.pytorch.traps.building import lstm


def naive(x: Tensor, lengths: Tensor, weights: Cell) -> Tensor:
    """Take the largest output over time: the padding's zeros count."""
    packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
    sequence, _ = pad_packed_sequence(lstm(weights)(packed)[0], batch_first=True)
    return sequence.amax(1)


def right(x: Tensor, lengths: Tensor, weights: Cell) -> Tensor:
    """Fill the padding with what no maximum takes."""
    packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
    sequence, _ = pad_packed_sequence(lstm(weights)(packed)[0], batch_first=True, padding_value=float("-inf"))
    return sequence.amax(1)


original = naive
