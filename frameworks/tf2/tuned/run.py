"""The tuned form's run over a sequence: backpropagation through time (Werbos 1990), written by hand.

Time is the first axis. A step, forward or back, takes a small product. The inputs' product, each weight's gradient and
the inputs' gradient are a large one for every few steps, which a second thread computes while the first walks on. The
graph holds the few steps once, in a loop: it is traced in a fifth of the time that all steps take.
"""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from experiments.canonical import STATES
from experiments.spec import NetworkSpec
from frameworks.tf2.cells import CellWeights, States, input_product, split_candidate, unpack
from frameworks.tf2.padding import Padding, hold
from frameworks.tf2.tuned.cells import CELLS, Tape, product_gradient, sum_steps

TOGETHER = 10  # steps in one pass of the loop, at most


def run(
    x: tf.Tensor, states: States, w: CellWeights, network: NetworkSpec, padding: Padding | None
) -> tuple[tf.Tensor, States]:
    """Run over a sequence: ``x (B, T, I)``, states ``(B, H)`` -> outputs, held where padded ``(B, T, H)``, states."""
    valid = None if padding is None else tf.transpose(padding.valid)[..., None]  # (T, B, 1)
    names, kinds = STATES[network.cell], tuple(w)

    @tf.custom_gradient
    def through_time(x: tf.Tensor, *given: tf.Tensor) -> tuple[tuple[tf.Tensor, ...], Callable]:
        """All steps as one operation: ``x (T, B, I)``, states, weights -> outputs ``(T, B, H)``, last states."""
        # No tape need follow the steps.
        constant_x, *constants = (tf.stop_gradient(each) for each in (x, *given))
        states, w = tuple(constants[: len(names)]), dict(zip(kinds, constants[len(names) :], strict=True))
        tape, sequence, last = forwards(constant_x, states, w, network, valid)

        def backward(d_sequence: tf.Tensor, *d_last: tf.Tensor) -> tuple[tf.Tensor, ...]:
            """Run every step back; return the gradients of ``through_time``'s arguments."""
            d_x, d_states, grads = backwards(tape, d_sequence, d_last, w, network, valid)
            return d_x, *d_states, *(grads[kind] for kind in kinds)

        def once(*d: tf.Tensor) -> tuple[tf.Tensor, ...]:
            return differentiable_once(backward, len(d))(*d, x, *given)

        return (sequence, *last), once

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


class Kept:
    """The inputs, and what the steps keep for the way back: a stack, since what was kept last is needed first."""

    def __init__(self, x: tf.Tensor, names: tuple[str, ...]):
        self.x, self.names, self.shapes = x, names, {}
        self.stack = tf.raw_ops.EmptyTensorList(element_shape=-1, max_num_elements=-1, element_dtype=x.dtype)

    def push(self, stack: tf.Tensor, s: Tape) -> tf.Tensor:
        """Put a step's tape on the stack."""
        self.shapes = {name: vars(s)[name].shape for name in self.names if name in vars(s)}
        for name in self.shapes:
            stack = tf.raw_ops.TensorListPushBack(input_handle=stack, tensor=vars(s)[name])
        return stack

    def pop(self, stack: tf.Tensor) -> tuple[tf.Tensor, Tape]:
        """Take the last step's tape from the stack."""
        s, any_shape = Tape(), tf.constant(-1)
        for name, shape in reversed(self.shapes.items()):
            stack, value = tf.raw_ops.TensorListPopBack(
                input_handle=stack, element_shape=any_shape, element_dtype=self.x.dtype
            )
            value.set_shape(shape)
            setattr(s, name, value)
        return stack, s


def loop(count: int, body: Callable, *values: Any) -> tuple:
    """Call ``values = body(i, *values)`` for every i below ``count``."""
    if count == 1:
        return body(0, *values)

    def step(i: tf.Tensor, *values: Any) -> tuple:
        return i + 1, *body(i, *values)

    return tf.while_loop(lambda i, *_: i < count, step, (tf.constant(0), *values), maximum_iterations=count)[1:]


def apart(x: tf.Tensor) -> tf.Tensor:
    """Split the time axis by passes of the loop: ``(T, B, N) -> (passes, steps, B, N)``."""
    time = x.shape[0]
    steps = max(steps for steps in range(1, TOGETHER + 1) if time % steps == 0)
    return tf.reshape(x, (time // steps, steps, -1, x.shape[-1]))


def steps_at(parts: tf.Tensor | None, i: tf.Tensor) -> list[tf.Tensor] | list[None]:
    """Return each step of pass i, ``(B, N)``; None for each where there is nothing."""
    return [None] * TOGETHER if parts is None else tf.unstack(parts[i])


def together(parts: tf.TensorArray) -> tf.Tensor:
    """Join them again: ``(steps, B, N)`` each -> ``(T, B, N)``."""
    joined = parts.stack()
    return tf.reshape(joined, (joined.shape[0] * joined.shape[1], -1, joined.shape[-1]))


def forwards(
    x: tf.Tensor, states: States, w: CellWeights, network: NetworkSpec, valid: tf.Tensor | None
) -> tuple[Kept, tf.Tensor, States]:
    """Run every step; return what they leave, the outputs ``(T, B, H)`` and the last states."""
    w, cell, names = arrange(w, network), CELLS[network.cell], STATES[network.cell]
    columns, w = split_columns(w, network), split_recurrent(w, network)
    tape, x, valid = Kept(x, cell.kept), apart(x), None if valid is None else apart(valid)

    def several(i: tf.Tensor, stack: tf.Tensor, outputs: tf.TensorArray, states: States) -> tuple:
        part, held, new = x[i], steps_at(valid, i), []
        products = [tf.unstack(input_product(part, columns[name])) for name in columns]
        for t, gates in enumerate(zip(*products, strict=True)):
            s = Tape(**dict(zip(columns, gates, strict=True)), **dict(zip(names, states, strict=True)))
            cell.step(s, w, network)
            stack = tape.push(stack, s)
            states = hold(held[t], [vars(s)[f"new_{name}"] for name in names], states)
            new.append(states[0])
        return stack, outputs.write(i, tf.stack(new)), states

    outputs = tf.TensorArray(x.dtype, x.shape[0])
    tape.stack, outputs, states = loop(x.shape[0], several, tape.stack, outputs, states)
    return tape, together(outputs), states


def backwards(
    tape: Kept,
    d_sequence: tf.Tensor,
    d_last: States,
    w: CellWeights,
    network: NetworkSpec,
    valid: tf.Tensor | None,
) -> tuple[tf.Tensor, States, CellWeights]:
    """Run every step back, the last first; return the gradients of x, of the initial states and of the weights."""
    cell, back = CELLS[network.cell], transposed(split_recurrent(w, network))
    d_states = (d_last[0] + d_sequence[-1], *d_last[1:])
    outside = apart(tf.concat([tf.zeros_like(d_sequence[:1]), d_sequence[:-1]], axis=0))  # reaches each step's old h
    x, valid = apart(tape.x), None if valid is None else apart(valid)
    last = x.shape[0] - 1

    def several(i: tf.Tensor, stack: tf.Tensor, d_x: tf.TensorArray, d_states: States, grads: CellWeights) -> tuple:
        i = last - i
        part, held, given, tapes, ds = x[i], steps_at(valid, i), steps_at(outside, i), [], []
        for t in reversed(range(x.shape[1])):
            (stack, s), d = tape.pop(stack), Tape()
            cell.derivatives(s, d, back, network)
            d_new = hold(held[t], d_states, [tf.zeros_like(each) for each in d_states])
            d_old = cell.backward(d_new, given[t], d, back, network)
            if valid is not None:
                d_old = [old + after - new for old, after, new in zip(d_old, d_states, d_new, strict=True)]
            d_states = tuple(d_old)
            tapes.insert(0, s)
            ds.insert(0, d)
        s, d = Joined(tapes, x=tf.reshape(part, (-1, x.shape[-1]))), Joined(ds)
        of_part = gradients(s, d, w, network)
        d_part = tf.reshape(input_gradient(d, w, network), tf.shape(part))
        return stack, d_x.write(i, d_part), d_states, {kind: grads[kind] + of_part[kind] for kind in grads}

    d_x, grads = tf.TensorArray(x.dtype, x.shape[0]), {kind: tf.zeros_like(w[kind]) for kind in w}
    _, d_x, d_states, grads = loop(x.shape[0], several, tape.stack, d_x, d_states, grads)
    return together(d_x), d_states, grads


class Joined:
    """Several steps' tapes as one: what each has of a name, ``(B, N)``, is joined to ``(t·B, N)`` when it is read."""

    def __init__(self, tapes: list[Tape], **joined: tf.Tensor):
        self.tapes = tapes
        vars(self).update(joined)

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
    columns, kinds = CELLS[network.cell].columns, ("kernel", "bias")
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


def transposed(w: CellWeights) -> CellWeights:
    """Transpose the matrices, by which a step back multiplies: once, since each product with a turned one is slower."""
    turned = {kind: tf.transpose(w[kind]) for kind in w if kind.endswith(("kernel", "projection"))}
    return w | turned


def gradients(s: Tape, d: Tape, w: CellWeights, network: NetworkSpec) -> CellWeights:
    """Compute each weight's gradient over several steps."""
    cell = CELLS[network.cell]
    grads = {"kernel": tf.concat([product_gradient(s.x, getattr(d, name)) for name in cell.columns], axis=-1)}
    grads["bias"] = tf.concat([sum_steps(getattr(d, name)) for name in cell.columns], axis=-1)
    if "recurrent_bias" in w:
        grads["recurrent_bias"] = grads["bias"]
    return grads | cell.gradients(s, d, w, network)


def input_gradient(d: Tape, w: CellWeights, network: NetworkSpec) -> tf.Tensor:
    """Compute the gradient of x, ``(t·B, I)``."""
    columns = split_columns(w, network)
    return tf.add_n([tf.matmul(getattr(d, name), transposed(columns[name])["kernel"]) for name in columns])
