"""A cell run over a sequence, and backpropagation through time, written by hand."""

import numpy as np

from frameworks.reference.cells import CELLS, CellWeights, State


class Scratch:
    """One recurrent layer: ``x (B, T, I)`` and states ``(B, H)`` -> sequence ``(B, T, H)`` and the last states."""

    def __init__(self, cell: str, w: CellWeights):
        self.cell, self.w = CELLS[cell], w

    def __call__(self, x: np.ndarray, states: State) -> tuple[np.ndarray, State]:
        """Run forward and keep the tape for ``backward``."""
        projected = np.tensordot(x, self.w["kernel"], axes=1) + self.w.get("bias", 0)  # (B, T, G, H)
        self.x, self.tape, outputs = x, [], []
        for step in range(x.shape[1]):
            before = states[0]
            states, tape = self.cell.step(projected[:, step], states, self.w)
            self.tape.append((before, tape))
            outputs.append(states[0])
        self.state_count = len(states)
        return np.stack(outputs, axis=1), states

    def backward(self, d_sequence: np.ndarray) -> tuple[np.ndarray, CellWeights]:
        """Werbos (1990): from the sequence's gradient ``(B, T, H)`` to the input's ``(B, T, I)`` and every weight's."""
        grads = {name: np.zeros_like(value) for name, value in self.w.items()}
        d_x = np.empty_like(self.x)
        d_states = (np.zeros_like(d_sequence[:, 0]),) * self.state_count
        for step in reversed(range(d_sequence.shape[1])):
            before, tape = self.tape[step]
            d_states = (d_states[0] + d_sequence[:, step], *d_states[1:])
            d_projected, d_recurrent, d_states = self.cell.backward(d_states, tape)
            d_states = (d_states[0] + np.einsum("bgh,kgh->bk", d_recurrent, self.w["recurrent_kernel"]), *d_states[1:])
            d_x[:, step] = np.einsum("bgh,igh->bi", d_projected, self.w["kernel"])
            grads["kernel"] += np.einsum("bi,bgh->igh", self.x[:, step], d_projected)
            grads["recurrent_kernel"] += np.einsum("bk,bgh->kgh", before, d_recurrent)
            for name, d in (("bias", d_projected), ("recurrent_bias", d_recurrent)):
                if name in grads:
                    grads[name] += d.sum(axis=0)
        return d_x, grads


FORMS = {"scratch": Scratch}
