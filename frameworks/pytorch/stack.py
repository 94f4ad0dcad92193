"""Recurrent layers one on the other, their directions, and dropout."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from experiments.canonical import layer_inputs
from experiments.spec import ExperimentSpec
from experiments.tasks import Interface
from frameworks.pytorch.cells import States
from frameworks.pytorch.forms import FORMS, layer_options
from frameworks.pytorch.support import stock


def stock_dropout(spec: ExperimentSpec) -> float:
    """The rate the framework itself applies: none where the masks are handed in."""
    return 0.0 if spec.conventions.imposed else spec.network.dropout


class QuickDropout(nn.Module):
    """nn.Dropout from one uniform draw a number: its own Bernoulli draws take five times as long on a CPU."""

    def __init__(self, rate: float):
        super().__init__()
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        """Zero with probability ``rate``, else 1/(1−rate) of it, while training."""
        if not self.training or not self.rate:
            return x
        return x * ((torch.rand_like(x) >= self.rate) / (1 - self.rate))


class StackedLayer(nn.Module):
    """The stock layer as PyTorch's tutorials stack it: ``num_layers`` in one call, its own dropout between them.

    Only nn layers stack themselves and run both ways by themselves, and only where all layers are of one size and no
    mask is handed in.
    """

    stock = True

    def __init__(self, spec: ExperimentSpec, inputs: int):
        super().__init__()
        units, *more = spec.network.units
        kind = getattr(nn, stock(spec.network, "layer"))
        self.layer = kind(
            inputs,
            units,
            num_layers=1 + len(more),
            dropout=stock_dropout(spec) if more else 0.0,
            bidirectional=spec.network.bidirectional,
            batch_first=True,
            **layer_options(spec.network),
        )
        named = dict(self.layer.named_parameters())
        self.natives = [
            (index, direction, {name: p for name, p in named.items() if name.endswith(f"_l{index}{end}")})
            for index in range(1 + len(more))
            for direction, end in zip(spec.network.directions, ("", "_reverse"), strict=False)
        ]

    @staticmethod
    def fits(spec: ExperimentSpec) -> bool:
        """Whether a tutorial would write the spec's stack as one layer."""
        network = spec.network
        several = len(network.units) > 1 or network.bidirectional
        return network.form == "layer" and not spec.conventions.imposed and several and len(set(network.units)) == 1

    def forward(self, x: Tensor, states: tuple[States, ...]) -> tuple[Tensor, tuple[States, ...]]:
        """One call for all layers and the whole sequence."""
        sequence, last = self.native_call(x, states)
        kinds = last if len(states[0]) > 1 else (last,)
        return sequence, tuple(zip(*kinds, strict=True))

    def native_call(self, x: Tensor, states: tuple[States, ...]):
        """``layer(x, states) -> sequence, states``; its states are (layers·directions, B, H)."""
        given = tuple(torch.stack(kind) for kind in zip(*states, strict=True))
        return self.layer(x, given if len(given) > 1 else given[0])


STEPS_IN_TIME = (1, -1)  # forward, backward


class Stack(nn.Module):
    """Recurrent layers one on the other, each in its directions, with dropout where the conventions put it."""

    def __init__(self, spec: ExperimentSpec, interface: Interface):
        super().__init__()
        form, self.network = FORMS[spec.network.form], spec.network
        sizes = layer_inputs(spec, interface)
        self.whole = StackedLayer(spec, sizes[0]) if StackedLayer.fits(spec) else None
        self.layers = nn.ModuleList(
            nn.ModuleList(form(spec, index, inputs) for _ in spec.network.directions)
            for index, inputs in enumerate(() if self.whole else sizes)
        )
        # PyTorch drops between layers, each step afresh: as nn.LSTM(dropout=) does between the layers it stacks.
        rate = stock_dropout(spec)
        kind = QuickDropout if spec.network.form == "tuned" else nn.Dropout
        self.dropout = nn.ModuleList(kind(rate if index else 0.0) for index in range(len(self.layers)))

    def natives(self) -> Iterator[tuple[int, str, dict[str, nn.Parameter], bool]]:
        """Layer, direction, parameters by the framework's names, and whether a stock object holds them."""
        if self.whole:
            yield from ((*native, True) for native in self.whole.natives)
        for index, directions in enumerate(self.layers):
            for direction, layer in zip(self.network.directions, directions, strict=True):
                yield index, direction, layer.native, layer.stock

    def native_calls(self, x: Tensor, states: tuple[States, ...]) -> Iterator[tuple[str, Tensor, Any]]:
        """Each of the framework's own calls in turn: which layers it covers, its input, what it returned."""
        if self.whole:
            last = len(self.network.units) - 1
            yield f"layers 0–{last}" if last else "layer 0", x, self.whole.native_call(x, states)
        given = iter(states)
        for index, directions in enumerate(self.layers):
            own = tuple(next(given) for _ in directions)
            for direction, layer, state in zip(self.network.directions, directions, own, strict=True):
                yield f"layer {index}" + f" {direction}" * self.network.bidirectional, x, layer.native_call(x, state)
            x, _ = self._run(directions, x, own)

    def forward(self, x: Tensor, states: tuple[States, ...], masks: tuple) -> tuple[Tensor, tuple[States, ...]]:
        """``x (B, T, I)`` -> the top layer's sequence and every layer's last states, a layer's directions in turn."""
        if self.whole:
            return self.whole(x, states)
        given, last = iter(states), []
        for directions, dropout, mask in zip(self.layers, self.dropout, masks, strict=True):
            x = x if mask is None else x * mask
            x, state = self._run(directions, dropout(x), tuple(next(given) for _ in directions))
            last += state
        return x, tuple(last)

    def _run(self, directions: nn.ModuleList, x: Tensor, states: tuple[States, ...]) -> tuple:
        """One layer: backward takes the sequence from its end, and its outputs are put back in time's order."""
        parts, last = [], []
        for step, layer, state in zip(STEPS_IN_TIME, directions, states, strict=False):
            sequence, state = layer(x if step > 0 else x.flip(1), state)
            parts.append(sequence if step > 0 else sequence.flip(1))
            last.append(state)
        return parts[0] if len(parts) == 1 else torch.cat(parts, dim=-1), last
