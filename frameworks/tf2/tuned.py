"""The tuned form's run over a sequence: backpropagation through time (Werbos 1990), written by hand.

Time is the first axis. A step, forward or back, takes a small product; the inputs' product, each weight's gradient and
the inputs' gradient are a few large products each, of ``TOGETHER`` steps: while one thread walks from step to step,
the others compute those.
"""

from collections.abc import Callable, Sequence

import tensorflow as tf

from experiments.canonical import STATES
from experiments.spec import NetworkSpec
from frameworks.tf2.cells import CellWeights, States, input_product, split_candidate, unpack
from frameworks.tf2.padding import Padding, hold
from frameworks.tf2.tuned_cells import CELLS, Tape, product_gradient, sum_steps

TOGETHER = 20


def run(
    x: tf.Tensor, states: States, w: CellWeights, network: NetworkSpec, padding: Padding | None
) -> tuple[tf.Tensor, States]:
    """Run over a sequence: ``x (B, T, I)``, states ``(B, H)`` -> outputs, held where padded ``(B, T, H)``, states."""
    valid = None if padding is None else tf.unstack(tf.transpose(padding.valid)[..., None], x.shape[1])  # (B, 1) each
    names, kinds = STATES[network.cell], tuple(w)

    @tf.custom_gradient
    def through_time(x: tf.Tensor, *given: tf.Tensor) -> tuple[tuple[tf.Tensor, ...], Callable]:
        """All steps as one operation: ``x (T, B, I)``, states, weights -> outputs ``(T, B, H)``, last states."""
        constants = [tf.stop_gradient(each) for each in given]  # no tape need follow the steps
        states, w = tuple(constants[: len(names)]), dict(zip(kinds, constants[len(names) :], strict=True))
        tapes, outputs, last = forwards(tf.stop_gradient(x), states, w, network, valid)

        def backward(d_sequence: tf.Tensor, *d_last: tf.Tensor) -> tuple[tf.Tensor, ...]:
            """Run every step back; return the gradients of ``through_time``'s arguments."""
            ds, d_states = backwards(tapes, tf.unstack(d_sequence), d_last, w, network, valid)
            grads = gradients(tapes, ds, w, network)
            return input_gradient(ds, w, network), *d_states, *(grads[kind] for kind in kinds)

        def once(*d: tf.Tensor) -> tuple[tf.Tensor, ...]:
            return differentiable_once(backward, len(d))(*d, x, *given)

        return (tf.stack(outputs), *last), once

    sequence, *last = through_time(tf.transpose(x, (1, 0, 2)), *states, *w.values())
    return tf.transpose(sequence, (1, 0, 2)), tuple(last)


def differentiable_once(function: Callable, count: int) -> Callable:
    """Call ``function`` on the first ``count`` arguments; a gradient with respect to any of them is refused."""

    @tf.custom_gradient
    def call(*arguments: tf.Tensor) -> tuple[tuple[tf.Tensor, ...], Callable]:
        def refuse(*d: tf.Tensor) -> None:
            raise NotImplementedError("no gradient of the tuned form's gradient is written: take another form")

        return function(*(tf.stop_gradient(each) for each in arguments[:count])), refuse

    return call


def forwards(
    x: tf.Tensor, states: States, w: CellWeights, network: NetworkSpec, valid: Sequence[tf.Tensor] | None
) -> tuple[list[Tape], list[tf.Tensor], States]:
    """Run every step; return what each leaves, its output, and the last states."""
    w, cell, names = arrange(w, network), CELLS[network.cell], STATES[network.cell]
    columns, w = split_columns(w, network), split_recurrent(w, network)
    tapes, outputs = [], []
    for start in range(0, x.shape[0], TOGETHER):
        together = x[start : start + TOGETHER]
        gates = {name: tf.unstack(input_product(together, columns[name])) for name in columns}
        for t, x_t in enumerate(tf.unstack(together)):
            s = Tape(x=x_t, **{name: part[t] for name, part in gates.items()}, **dict(zip(names, states, strict=True)))
            cell.step(s, w, network)
            held = None if valid is None else valid[start + t]
            states = hold(held, [vars(s)[f"new_{name}"] for name in names], states)
            tapes.append(s)
            outputs.append(states[0])
    return tapes, outputs, states


def backwards(
    tapes: list[Tape],
    d_sequence: list[tf.Tensor],
    d_last: Sequence[tf.Tensor],
    w: CellWeights,
    network: NetworkSpec,
    valid: Sequence[tf.Tensor] | None,
) -> tuple[list[Tape], States]:
    """Run every step back, the last first; return the gates' gradients, and the initial states'."""
    cell, w = CELLS[network.cell], split_recurrent(w, network)
    outside = [tf.zeros_like(tapes[0].h), *d_sequence]  # reaches each step's old h
    d_states = (d_last[0] + outside.pop(), *d_last[1:])
    ds = []
    for t, s in reversed(list(enumerate(tapes))):
        d = Tape()
        cell.derivatives(s, d, w, network)
        d_new = d_states if valid is None else hold(valid[t], d_states, [tf.zeros_like(each) for each in d_states])
        d_old = cell.backward(d_new, outside.pop(), d, w, network)
        if valid is not None:
            d_old = tuple(old + after - new for old, after, new in zip(d_old, d_states, d_new, strict=True))
        d_states = d_old
        ds.append(d)
    return ds[::-1], d_states


class Joined:
    """Several steps' tapes as one: what each has of a name, ``(B, N)``, is joined to ``(t·B, N)`` when it is read."""

    def __init__(self, tapes: list[Tape]):
        self.tapes = tapes

    def __getattr__(self, name: str) -> tf.Tensor:
        """Join what the steps have of the name, and keep it."""
        joined = tf.concat([vars(tape)[name] for tape in self.tapes], axis=0)
        setattr(self, name, joined)
        return joined


def arrange(w: CellWeights, network: NetworkSpec) -> CellWeights:
    """Join two biases that are only added."""
    if "recurrent_bias" not in w:
        return w
    added = w["recurrent_bias"]
    if network.cell == "gru":  # r scales that of n
        gated, candidate = split_candidate(added, w["recurrent_kernel"].shape[0])
        added = tf.concat([gated, tf.zeros_like(candidate)], axis=0)
    return w | {"bias": w["bias"] + added}


def split_columns(w: CellWeights, network: NetworkSpec) -> dict[str, CellWeights]:
    """Split the input's weights by the gates that a step takes in one tensor."""
    columns, kinds = CELLS[network.cell].columns, [kind for kind in ("kernel", "bias") if kind in w]
    units = w["kernel"].shape[-1] // sum(columns.values())
    parts = {kind: tf.split(w[kind], [count * units for count in columns.values()], axis=-1) for kind in kinds}
    return {name: {kind: parts[kind][place] for kind in kinds} for place, name in enumerate(columns)}


def split_recurrent(w: CellWeights, network: NetworkSpec) -> CellWeights:
    """Split the recurrent weights as a step takes them: the GRU's candidate has a product of its own here."""
    w = unpack(w, network)
    if network.cell == "gru":
        for kind in ("recurrent_kernel", "recurrent_bias"):
            w[kind], w[f"candidate_{kind}"] = split_candidate(w[kind], w["recurrent_kernel"].shape[0])
    return w


def gradients(tapes: list[Tape], ds: list[Tape], w: CellWeights, network: NetworkSpec) -> CellWeights:
    """Compute each weight's gradient over all steps."""
    cell, parts = CELLS[network.cell], []
    for start in range(0, len(tapes), TOGETHER):
        s, d = Joined(tapes[start : start + TOGETHER]), Joined(ds[start : start + TOGETHER])
        grads = {"kernel": tf.concat([product_gradient(s.x, getattr(d, name)) for name in cell.columns], axis=-1)}
        if "bias" in w:
            grads["bias"] = tf.concat([sum_steps(getattr(d, name)) for name in cell.columns], axis=-1)
        if "recurrent_bias" in w:
            grads["recurrent_bias"] = grads["bias"]
        parts.append(grads | cell.gradients(s, d, w, network))
    return {kind: tf.add_n([part[kind] for part in parts]) for kind in w}


def input_gradient(ds: list[Tape], w: CellWeights, network: NetworkSpec) -> tf.Tensor:
    """Compute the gradient of x, ``(T, B, I)``."""
    columns, parts = split_columns(w, network), []
    for start in range(0, len(ds), TOGETHER):
        d = ds[start : start + TOGETHER]
        products = [
            tf.tensordot(tf.stack([vars(each)[name] for each in d]), columns[name]["kernel"], axes=((2,), (1,)))
            for name in columns
        ]
        parts.append(tf.add_n(products))
    return tf.concat(parts, axis=0)
