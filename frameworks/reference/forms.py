"""A cell run over a sequence, and backpropagation through time, written by hand; stacking and directions."""

import numpy as np

from experiments.spec import NetworkSpec
from frameworks.reference.cells import CELLS, CellWeights, State


class Scratch:
    """One direction of a layer: ``x (B, T, I)`` and states ``(B, H)`` -> sequence ``(B, T, H)`` and the last states."""

    def __init__(self, network: NetworkSpec, w: CellWeights):
        self.network, self.cell, self.w = network, CELLS[network.cell], w

    def __call__(self, x: np.ndarray, states: State) -> tuple[np.ndarray, State]:
        """Run forward and keep the tape for ``backward``."""
        from_input = np.tensordot(x, self.w["kernel"], axes=1) + self.w.get("bias", 0)  # (B, T, G, H)
        self.x, self.tape, outputs = x, [], []
        for step in range(x.shape[1]):
            states, tape = self.cell.step(from_input[:, step], states, self.w, self.network)
            self.tape.append(tape)
            outputs.append(states[0])
        self.last = states
        return np.stack(outputs, axis=1), states

    def backward(self, d_sequence: np.ndarray) -> tuple[np.ndarray, CellWeights]:
        """Werbos (1990): from the sequence's gradient ``(B, T, H)`` to the input's ``(B, T, I)`` and every weight's."""
        grads = {name: np.zeros_like(value) for name, value in self.w.items()}
        d_x = np.empty_like(self.x)
        d_states = tuple(np.zeros_like(state) for state in self.last)
        for step in reversed(range(d_sequence.shape[1])):
            d_states = (d_states[0] + d_sequence[:, step], *d_states[1:])
            d_projected, d_states, found = self.cell.backward(d_states, self.tape[step], self.w, self.network)
            d_x[:, step] = np.tensordot(d_projected, self.w["kernel"], axes=((1, 2), (1, 2)))
            found["kernel"] = np.tensordot(self.x[:, step], d_projected, axes=(0, 0))
            if "bias" in grads:
                found["bias"] = d_projected.sum(axis=0)
            for name, value in found.items():
                grads[name] += value
        return d_x, grads

    def state_jacobians(self) -> np.ndarray:
        """∂s_T/∂s_t for t = 1 … T of the sequence last run: ``(T, B, S, S)``, s the states side by side.

        Each step's own Jacobian by its derivative on every unit vector, then their product from the end (Pascanu et al.
        2013, eq. 5): ∂s_T/∂s_t = ∂s_T/∂s_{T−1} · … · ∂s_{t+1}/∂s_t.
        """
        sizes = [state.shape[-1] for state in self.last]
        batch, total = len(self.x), sum(sizes)
        units = np.tile(np.eye(total), (batch, 1))  # every sample once for each component
        product = units.reshape(batch, total, total)
        found = [product]
        for tape in reversed(self.tape[1:]):
            repeated = tuple(np.repeat(part, total, axis=0) for part in tape)
            d_states = tuple(np.split(units, np.cumsum(sizes)[:-1], axis=-1))
            _, rows, _ = self.cell.backward(d_states, repeated, self.w, self.network)
            product = product @ np.concatenate(rows, axis=-1).reshape(batch, total, total)
            found.append(product)
        return np.stack(found[::-1])


FORMS = {"scratch": Scratch}
