"""Masked padding: states that keep their value at padded steps, and packed sequences for the stock layers."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from experiments.padding import Side
from frameworks.pytorch.cells import States


class Padding(NamedTuple):
    """Which steps of a batch are valid, in the order in which a direction reads them."""

    lengths: Tensor  # (B,)
    valid: Tensor  # (B, T) bool
    side: Side
    zeros: bool  # whether a padded step outputs 0, not the last output

    def reversed(self) -> "Padding":
        """Return the same as read from the end."""
        return self._replace(valid=self.valid.flip(1), side="right" if self.side == "left" else "left")


def make_padding(lengths: Tensor, time: int, side: Side, zeros: bool) -> Padding:
    """Make the padding of a batch of ``lengths (B,)`` in a window of ``time`` steps."""
    steps, lengths = torch.arange(time, device=lengths.device), lengths.long()
    valid = steps >= time - lengths[:, None] if side == "left" else steps < lengths[:, None]
    return Padding(lengths, valid, side, zeros)


def steps_of(padding: Padding | None, time: int) -> Iterator[Tensor | None]:
    """Yield for each step which rows are valid ``(B, 1)``, or None where all are."""
    yield from (None,) * time if padding is None else padding.valid[..., None].unbind(1)


def hold(valid: Tensor | None, new: States, old: States) -> States:
    """Return the new states where a row's step is valid, else the old ones."""
    if valid is None:
        return new
    return tuple(torch.where(valid, after, before) for after, before in zip(new, old, strict=True))


def masked_output(sequence: Tensor, padding: Padding | None) -> Tensor:
    """Set what padded steps output, in a sequence ``(B, T, H)`` of held states, which repeat the last output.

    Before the first valid step there is no last output: it is 0, as Keras has it.
    """
    if padding is None:
        return sequence
    shown = padding.valid if padding.zeros else padding.valid.cumsum(1) > 0
    return torch.where(shown[..., None], sequence, 0)


def run_packed(call: Callable, x: Tensor, states: States, padding: Padding) -> tuple[Tensor, States]:
    """Run a stock layer over the valid steps alone: ``x (B, T, I)``, states ``(layers, B, H)`` -> sequence, states.

    Packing begins at the first step and takes no empty row: rows padded on the left are moved to the right and back,
    and an empty row is run over one step, whose result is dropped.
    """
    x = _rolled(x, padding, 1) if padding.side == "left" else x
    packed = pack_padded_sequence(x, padding.lengths.clamp(min=1).cpu(), batch_first=True, enforce_sorted=False)
    sequence, last = call(packed, states)
    sequence, _ = pad_packed_sequence(sequence, batch_first=True, total_length=x.shape[1])
    last = last if isinstance(last, tuple) else (last,)
    last = hold((padding.lengths > 0)[:, None], last, states)
    sequence = _rolled(sequence, padding, -1) if padding.side == "left" else sequence
    if not padding.zeros:  # one direction of one layer: its last output is the last state
        sequence = torch.where(padding.valid[..., None], sequence, last[0][-1][:, None])
    return masked_output(sequence, padding), last


def _rolled(x: Tensor, padding: Padding, turn: int) -> Tensor:
    """Roll each row's steps by its padding: left to right with 1, back with -1."""
    time = x.shape[1]
    shift = turn * (time - padding.lengths)[:, None]
    places = (torch.arange(time, device=x.device) + shift) % time
    return x.gather(1, places[..., None].expand_as(x))
