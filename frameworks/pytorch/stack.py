"""Recurrent layers on top of each other, in one direction or both, with dropout."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from experiments.canonical import layer_inputs
from experiments.spec import ExperimentSpec
from experiments.tasks import Interface
from frameworks.pytorch.cells import States
from frameworks.pytorch.forms import FORMS, layer_options
from frameworks.pytorch.padding import Padding, run_packed
from frameworks.pytorch.support import stock_dropout, stock_layer


class QuickDropout(nn.Module):
    """nn.Dropout by uniform draws: its Bernoulli draws take five times as long on a CPU."""

    def __init__(self, rate: float):
        super().__init__()
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        """While training, set each number to 0 with probability ``rate``, else multiply it by 1/(1−rate)."""
        if not self.training or not self.rate:
            return x
        return x * ((torch.rand_like(x) >= self.rate) / (1 - self.rate))


class StackedLayer(nn.Module):
    """The stock layer as PyTorch's tutorials write it: ``num_layers`` and both directions in one call, with dropout.

    Keras's layers have no such option. It needs layers of equal size, and no dropout masks can be passed.
    """

    def __init__(self, spec: ExperimentSpec, inputs: int):
        super().__init__()
        units, *more = spec.network.units
        kind = getattr(nn, stock_layer(spec.network, "layer"))
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
        """Tell whether a tutorial would write the spec's stack as one layer."""
        network = spec.network
        several = len(network.units) > 1 or network.bidirectional
        return network.form == "layer" and not spec.conventions.imposed and several and len(set(network.units)) == 1

    def forward(
        self, x: Tensor, states: tuple[States, ...], padding: Padding | None = None
    ) -> tuple[Tensor, tuple[States, ...]]:
        """Call the layer once for all layers and the whole sequence, packed where some of it is padding."""
        if padding is not None:
            sequence, last = run_packed(self._call, x, self._initial(states), padding)
        else:
            sequence, last = self.native_call(x, states)
        by_kind = last if isinstance(last, tuple) else (last,)
        return sequence, tuple(zip(*by_kind, strict=True))

    def native_call(self, x: Tensor, states: tuple[States, ...]):
        """Call ``layer(x, states) -> sequence, states``; its states are (layers·directions, B, H)."""
        return self._call(x, self._initial(states))

    def _initial(self, states: tuple[States, ...]) -> States:
        return tuple(torch.stack(kind) for kind in zip(*states, strict=True))

    def _call(self, x, initial: States):
        return self.layer(x, initial if len(initial) > 1 else initial[0])


STEPS_IN_TIME = (1, -1)  # forward, backward


class Stack(nn.Module):
    """Recurrent layers on top of each other, in one direction or both, with dropout where the conventions place it."""

    def __init__(self, spec: ExperimentSpec, interface: Interface):
        super().__init__()
        form, self.network = FORMS[spec.network.form], spec.network
        sizes = layer_inputs(spec, interface)
        self.stacked = StackedLayer(spec, sizes[0]) if StackedLayer.fits(spec) else None
        self.layers = nn.ModuleList(
            nn.ModuleList(form(spec, index, inputs) for _ in spec.network.directions)
            for index, inputs in enumerate(() if self.stacked else sizes)
        )
        # PyTorch drops between layers with a new mask at every step, as nn.LSTM(dropout=) does.
        rate = stock_dropout(spec)
        kind = QuickDropout if spec.network.form == "tuned" else nn.Dropout
        self.dropout = nn.ModuleList(kind(rate if index else 0.0) for index in range(len(self.layers)))

    def natives(self) -> Iterator[tuple[int, str, dict[str, nn.Parameter], bool]]:
        """Yield each layer's index, direction and parameters by native name, and whether the framework made them."""
        if self.stacked:
            yield from ((*native, True) for native in self.stacked.natives)
        for index, directions in enumerate(self.layers):
            for direction, layer in zip(self.network.directions, directions, strict=True):
                yield index, direction, layer.native, layer.stock

    def native_calls(self, x: Tensor, states: tuple[States, ...]) -> Iterator[tuple[str, Tensor, Any]]:
        """Make the framework's calls in order; yield the layers' name, the call's input and what it returned.

        The layers after the first are called on zeros.
        """
        if self.stacked:
            last = len(self.network.units) - 1
            yield f"layers 0–{last}" if last else "layer 0", x, self.stacked.native_call(x, states)
        initial = iter(states)
        for index, directions in enumerate(self.layers):
            layer_states = tuple(next(initial) for _ in directions)
            for direction, layer, state in zip(self.network.directions, directions, layer_states, strict=True):
                yield f"layer {index}" + f" {direction}" * self.network.bidirectional, x, layer.native_call(x, state)
            x = x.new_zeros((*x.shape[:2], sum(state[0].shape[-1] for state in layer_states)))

    def forward(
        self, x: Tensor, states: tuple[States, ...], masks: tuple, padding: Padding | None = None
    ) -> tuple[Tensor, tuple[States, ...]]:
        """Run all layers: ``x (B, T, I)`` -> the top layer's sequence, the last states by layer and direction."""
        if self.stacked:
            return self.stacked(x, states, padding)
        initial, last = iter(states), []
        for directions, dropout, mask in zip(self.layers, self.dropout, masks, strict=True):
            x = x if mask is None else x * mask
            x, state = self._run(directions, dropout(x), tuple(next(initial) for _ in directions), padding)
            last += state
        return x, tuple(last)

    def _run(
        self, directions: nn.ModuleList, x: Tensor, states: tuple[States, ...], padding: Padding | None = None
    ) -> tuple:
        """Run one layer; the backward direction reads the sequence from its end, and its outputs are reversed again."""
        parts, last = [], []
        for step, layer, state in zip(STEPS_IN_TIME, directions, states, strict=False):
            read = padding if step > 0 or padding is None else padding.reversed()
            sequence, state = layer(x if step > 0 else x.flip(1), state, read)
            parts.append(sequence if step > 0 else sequence.flip(1))
            last.append(state)
        return parts[0] if len(parts) == 1 else torch.cat(parts, dim=-1), last
