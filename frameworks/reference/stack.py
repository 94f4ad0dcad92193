"""Recurrent layers on top of each other, in one direction or both, forward and backward."""

import numpy as np

from experiments.canonical import Weights
from experiments.spec import NetworkSpec
from frameworks.reference.cells import State
from frameworks.reference.forms import FORMS
from frameworks.reference.padding import Padding
from frameworks.reference.weights import layer

STEPS_IN_TIME = (1, -1)  # forward, backward


class Stack:
    """Recurrent layers on top of each other; a layer's directions run side by side and their outputs are joined."""

    def __init__(self, network: NetworkSpec, weights: Weights):
        self.network = network
        self.layers = [
            [FORMS["scratch"](network, layer(weights, index, direction)) for direction in network.directions]
            for index in range(len(network.units))
        ]

    def __call__(
        self, x: np.ndarray, states: tuple[State, ...], masks: tuple, padding: Padding | None = None
    ) -> tuple[np.ndarray, tuple[State, ...]]:
        """Run all layers: ``x (B, T, I)`` -> the top layer's sequence, the last states by layer and direction."""
        initial, last = iter(states), []
        for directions, mask in zip(self.layers, masks, strict=True):
            x = x if mask is None else x * mask
            parts = []
            for step, run in zip(STEPS_IN_TIME, directions, strict=False):
                read = padding if step > 0 or padding is None else padding.reversed()
                sequence, state = run(x[:, ::step], next(initial), read)
                parts.append(sequence[:, ::step])
                last.append(state)
            x = np.concatenate(parts, axis=-1)
        return x, tuple(last)

    def backward(self, d_sequence: np.ndarray, d_last: np.ndarray, masks: tuple) -> tuple[np.ndarray, Weights]:
        """Turn the gradients of the top sequence and of its last output into the input's and every weight's."""
        gradients: Weights = {}
        names = self.network.directions
        for index in reversed(range(len(self.layers))):
            parts = list(zip(*(np.split(d, len(names), axis=-1) for d in (d_sequence, d_last)), strict=True))
            d_sequence, d_last = 0.0, np.zeros((1, len(names)))  # only the top layer's last output is read
            for step, name, run, (part, last) in zip(STEPS_IN_TIME, names, self.layers[index], parts, strict=False):
                d_x, grads = run.backward(part[:, ::step], last)
                d_sequence = d_sequence + d_x[:, ::step]
                gradients |= {f"rnn/{index}/{name}/{kind}": value for kind, value in grads.items()}
            if masks[index] is not None:
                d_sequence = d_sequence * masks[index]
        return d_sequence, gradients
