"""Recurrent layers one on the other, and their directions, forward and back."""

import numpy as np

from experiments.canonical import Weights
from experiments.spec import NetworkSpec
from frameworks.reference.cells import State
from frameworks.reference.forms import FORMS
from frameworks.reference.weights import layer

STEPS_IN_TIME = (1, -1)  # through time: forward, backward


class Stack:
    """Recurrent layers one on the other, each in its directions; what comes out is the directions' side by side."""

    def __init__(self, network: NetworkSpec, weights: Weights):
        self.network = network
        self.layers = [
            [FORMS["scratch"](network, layer(weights, index, direction)) for direction in network.directions]
            for index in range(len(network.units))
        ]

    def __call__(self, x: np.ndarray, states: tuple[State, ...], masks: tuple) -> tuple[np.ndarray, tuple[State, ...]]:
        """``x (B, T, I)`` -> the top layer's sequence and every layer's last states, a layer's directions in turn."""
        given, last = iter(states), []
        for directions, mask in zip(self.layers, masks, strict=True):
            x = x if mask is None else x * mask
            parts = []
            for step, run in zip(STEPS_IN_TIME, directions, strict=False):
                sequence, state = run(x[:, ::step], next(given))
                parts.append(sequence[:, ::step])
                last.append(state)
            x = np.concatenate(parts, axis=-1)
        return x, tuple(last)

    def backward(self, d_sequence: np.ndarray, masks: tuple) -> tuple[np.ndarray, Weights]:
        """From the top sequence's gradient to the input's and every weight's."""
        gradients: Weights = {}
        for index in reversed(range(len(self.layers))):
            names, directions = self.network.directions, self.layers[index]
            parts = np.split(d_sequence, len(names), axis=-1)
            d_sequence = 0.0
            for step, name, run, part in zip(STEPS_IN_TIME, names, directions, parts, strict=False):
                d_x, found = run.backward(part[:, ::step])
                d_sequence = d_sequence + d_x[:, ::step]
                gradients |= {f"rnn/{index}/{name}/{kind}": value for kind, value in found.items()}
            if masks[index] is not None:
                d_sequence = d_sequence * masks[index]
        return d_sequence, gradients
