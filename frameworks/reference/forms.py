"""The one way to run a cell over a sequence here: a loop, with backpropagation through time written by hand."""

import numpy as np

from experiments.spec import NetworkSpec
from frameworks.reference.cells import CELLS, CellWeights, State, times, times_backward, times_transposed
from frameworks.reference.padding import Padding, hold, no_padding


class Scratch:
    """One direction of a layer: ``x (B, T, I)``, states ``(B, H)`` -> sequence ``(B, T, H)``, last states.

    Where there is padding, each state keeps its value at a padded step, in the backward pass its gradient.
    """

    def __init__(self, network: NetworkSpec, w: CellWeights):
        self.network, self.cell, self.w = network, CELLS[network.cell], w

    def __call__(self, x: np.ndarray, states: State, padding: Padding | None = None) -> tuple[np.ndarray, State]:
        """Run forward and keep what ``backward`` needs."""
        padding = padding or no_padding(*x.shape[:2])
        from_input = times(x, self.w["kernel"]) + self.w.get("bias", 0)  # (B, T, G, H)
        self.x, self.padding, self.tape, outputs = x, padding, [], []
        for step in range(x.shape[1]):
            new, tape = self.cell.step(from_input[:, step], states, self.w, self.network)
            states = hold(padding.valid[:, step], new, states)
            self.tape.append(tape)
            outputs.append(states[0])
        self.last = states
        return np.where(padding.shown[..., None], np.stack(outputs, axis=1), 0.0), states

    def backward(self, d_sequence: np.ndarray, d_last: np.ndarray | float = 0.0) -> tuple[np.ndarray, CellWeights]:
        """Turn the gradients of the sequence ``(B, T, H)`` and the last output into the input's ``(B, T, I)`` and the
        weights' (Werbos 1990).
        """
        grads = {name: np.zeros_like(value) for name, value in self.w.items()}
        d_x = np.empty_like(self.x)
        d_states = tuple(np.zeros_like(state) for state in self.last)
        d_states = (d_states[0] + d_last, *d_states[1:])
        d_sequence = np.where(self.padding.shown[..., None], d_sequence, 0.0)
        for step in reversed(range(d_sequence.shape[1])):
            d_after, valid = (d_states[0] + d_sequence[:, step], *d_states[1:]), self.padding.valid[:, step]
            d_new = hold(valid, d_after, tuple(map(np.zeros_like, d_after)))
            d_from_input, d_old, step_grads = self.cell.backward(d_new, self.tape[step], self.w, self.network)
            d_states = hold(valid, d_old, d_after)
            d_x[:, step] = times_transposed(d_from_input, self.w["kernel"])
            step_grads["kernel"] = times_backward(self.x[:, step], d_from_input)
            if "bias" in grads:
                step_grads["bias"] = d_from_input.sum(axis=0)
            for name, value in step_grads.items():
                grads[name] += value
        return d_x, grads

    def state_jacobians(self) -> np.ndarray:
        """Compute ∂s_T/∂s_t for t = 1 … T of the last sequence: ``(T, B, S, S)``, s the states side by side.

        Each step's Jacobian is its backward step applied to every unit vector; their product from the end follows
        Pascanu et al. (2013), eq. 5: ∂s_T/∂s_t = ∂s_T/∂s_{T−1} · … · ∂s_{t+1}/∂s_t.
        """
        sizes = [state.shape[-1] for state in self.last]
        batch, total = len(self.x), sum(sizes)
        units = np.tile(np.eye(total), (batch, 1))  # each sample once per component of s
        product = units.reshape(batch, total, total)
        jacobians = [product]
        for tape in reversed(self.tape[1:]):
            repeated = tuple(np.repeat(part, total, axis=0) for part in tape)
            d_states = tuple(np.split(units, np.cumsum(sizes)[:-1], axis=-1))
            _, rows, _ = self.cell.backward(d_states, repeated, self.w, self.network)
            product = product @ np.concatenate(rows, axis=-1).reshape(batch, total, total)
            jacobians.append(product)
        return np.stack(jacobians[::-1])


FORMS = {"scratch": Scratch}
