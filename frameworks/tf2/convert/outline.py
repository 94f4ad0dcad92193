"""What each layer of a Keras chain computes, as the steps of an outline; what has no step is refused."""

import itertools
from collections.abc import Iterator
from typing import Any

import keras

from experiments.errors import UserError
from frameworks.convert import outline as neutral
from frameworks.convert.outline import ACTIVATIONS, Outline, Step
from frameworks.tf2.convert.graph import chain

_CELLS = {
    keras.layers.SimpleRNNCell: "simple_rnn",
    keras.layers.LSTMCell: "lstm",
    keras.layers.GRUCell: "gru",
}
#: Layers that act in training alone and that torch.nn does not have.
_NOISE = (
    keras.layers.GaussianNoise,
    keras.layers.GaussianDropout,
    keras.layers.AlphaDropout,
    keras.layers.ActivityRegularization,
)
#: Options of which each half of a Bidirectional must have the same.
_ALIKE = ("units", "activation", "recurrent_activation", "use_bias", "reset_after")
SUPPORTED = "Embedding, SimpleRNN, LSTM, GRU, RNN of their cells, Bidirectional, Dense, Dropout, Masking, activations"


def outline(model: keras.Model) -> tuple[Outline, list[keras.Layer]]:
    """Return what a model computes, and its layers in order, without their wrappers of time.

    Raises:
        UserError: the model is no chain, or a layer computes what no step says.
    """
    layers = [layer for layer in chain(model) if not isinstance(layer, keras.layers.InputLayer)]
    steps = tuple(step for layer in layers for step in _steps(layer))
    _check_order(steps)
    batch, time = model.input_shape[:2]
    described = Outline(steps=steps, batch=batch, time=time)
    if described.padding:
        _check_masks_arrive(model, described.padding.layer)
    return described, [_unwrapped(layer) for layer in layers]


def cells(layer: keras.layers.RNN, backwards: bool | None = None) -> list[Any]:
    """Return the cells that a layer stacks; ``backwards`` is the direction that it must have, None for either."""
    stacked = isinstance(layer.cell, keras.layers.StackedRNNCells)
    if (backwards is not None or stacked) and layer.go_backwards is not bool(backwards):
        raise UserError(
            f"layer {layer.name}: go_backwards={layer.go_backwards} here; allowed: {not layer.go_backwards}"
        )
    return layer.cell.cells if stacked else [layer.cell]


def unsupported(layer: keras.Layer) -> UserError:
    """Make the refusal of a layer that no step describes."""
    names = ", ".join(variable.name for variable in layer.weights) or "none"
    return UserError(
        f"layer {layer.name} ({type(layer).__name__}, weights: {names}) is unsupported; allowed: {SUPPORTED}"
    )


def _unwrapped(layer: keras.Layer) -> keras.Layer:
    """Return the layer that TimeDistributed applies to each step, if that is what the layer does to a sequence too."""
    if type(layer) is not keras.layers.TimeDistributed:
        return layer
    if type(layer.layer) not in (keras.layers.Dense, keras.layers.Dropout, keras.layers.Activation):
        raise unsupported(layer)
    return layer.layer


def _steps(layer: keras.Layer) -> Iterator[Step]:
    layer = _unwrapped(layer)
    if layer.compute_dtype not in ("float32", "float64") or layer.quantization_mode:
        raise UserError(f"layer {layer.name} computes in {layer.dtype_policy.name}; allowed: float32, float64")
    if isinstance(layer, keras.layers.Bidirectional):
        yield _both_ways(layer)
    elif isinstance(layer, keras.layers.RNN):
        yield from _recurrent(layer, cells(layer))
    elif (make := _PLAIN.get(type(layer))) is not None:
        yield from make(layer)
    else:
        raise unsupported(layer)


def _embedding(layer: Any) -> Iterator[Step]:
    yield neutral.Embedding(layer=layer.name, skips_padding=layer.mask_zero)


def _dense(layer: Any) -> Iterator[Step]:
    yield neutral.Dense(layer=layer.name, activation=_function(layer, layer.activation))


def _dropout(layer: Any) -> Iterator[Step]:
    if getattr(layer, "noise_shape", None) is not None and type(layer) is keras.layers.Dropout:
        raise UserError(f"layer {layer.name}: noise_shape {layer.noise_shape}; allowed: none, or SpatialDropout1D")
    shared = type(layer) is keras.layers.SpatialDropout1D
    yield neutral.Dropout(layer=layer.name, rate=layer.rate, shared_in_time=shared)


def _relu(layer: Any) -> Iterator[Step]:
    if (layer.max_value, layer.negative_slope, layer.threshold) != (None, 0.0, 0.0):
        raise UserError(f"layer {layer.name}: a ReLU with max_value, negative_slope or threshold; allowed: a plain one")
    yield neutral.Activation(layer=layer.name, function="relu")


def _softmax(layer: Any) -> Iterator[Step]:
    if layer.axis != -1:
        raise UserError(f"layer {layer.name}: a Softmax over axis {layer.axis}; allowed: -1")
    yield neutral.Activation(layer=layer.name, function="softmax")


_PLAIN: dict[type, Any] = {
    keras.layers.Embedding: _embedding,
    keras.layers.Masking: lambda layer: [neutral.Masking(layer=layer.name, value=layer.mask_value)],
    keras.layers.Dense: _dense,
    keras.layers.Dropout: _dropout,
    keras.layers.SpatialDropout1D: _dropout,
    keras.layers.Activation: lambda layer: [
        neutral.Activation(layer=layer.name, function=_function(layer, layer.activation))
    ],
    keras.layers.ReLU: _relu,
    keras.layers.Softmax: _softmax,
    keras.layers.Identity: lambda layer: [],
}
_PLAIN |= dict.fromkeys(_NOISE, lambda layer: [neutral.TrainingOnly(layer=layer.name, what=type(layer).__name__)])


def _function(layer: keras.Layer, activation: Any) -> str:
    """Return an activation's name, if it is Keras's own function and means the same number in both frameworks."""
    name = getattr(activation, "__name__", type(activation).__name__)
    if name not in ACTIVATIONS or getattr(keras.activations, name) is not activation:
        raise UserError(f"layer {layer.name}: activation {name}; allowed: {', '.join(ACTIVATIONS)}")
    return name


def _both_ways(layer: keras.layers.Bidirectional) -> Step:
    halves = (layer.forward_layer, layer.backward_layer)
    if layer.merge_mode is None:
        raise UserError(f"layer {layer.name}: merge_mode None gives two outputs; allowed: concat, sum, mul, ave")
    if not all(isinstance(half, keras.layers.RNN) for half in halves):
        raise unsupported(layer)
    one, other = cells(halves[0], backwards=False), cells(halves[1], backwards=True)
    if len(one) != 1 or len(other) != 1 or _kind(one[0], layer) != _kind(other[0], layer):
        raise UserError(f"layer {layer.name} has several cells in a direction, or two kinds; allowed: the same in both")
    unlike = [name for name in _ALIKE if getattr(one[0], name, None) != getattr(other[0], name, None)]
    if unlike:
        raise UserError(f"layer {layer.name}: its directions differ in {', '.join(unlike)}; allowed: the same in both")
    (step,) = _recurrent(halves[0], one)
    return step.model_copy(
        update={"layer": layer.name, "both_ways": True, "merge": layer.merge_mode, "at_padding": "zeros"}
    )


def _recurrent(layer: keras.layers.RNN, stacked: list[Any]) -> Iterator[neutral.Recurrent]:
    if layer.stateful:
        raise UserError(f"layer {layer.name}: stateful=True carries states from batch to batch; allowed: False")
    if layer.zero_output_for_mask and not layer.return_sequences:
        raise UserError(f"layer {layer.name}: zero_output_for_mask zeroes the last output; allowed: False")
    for cell in stacked:
        yield neutral.Recurrent(
            layer=layer.name,
            cell=_kind(cell, layer),
            backwards=layer.go_backwards,
            activation=cell.activation.__name__,
            sequences=layer.return_sequences or cell is not stacked[-1],
            at_padding="zeros" if layer.zero_output_for_mask else "repeat",
            dropout=cell.dropout,
            recurrent_dropout=cell.recurrent_dropout,
        )


def _kind(cell: Any, layer: keras.Layer) -> str:
    """Return a stock cell's name in this project; other activations than both frameworks have are refused."""
    if type(cell) not in _CELLS:
        raise unsupported(layer)
    kind = _CELLS[type(cell)]
    allowed = {"activation": ("tanh", "relu") if kind == "simple_rnn" else ("tanh",)}
    allowed |= {"recurrent_activation": ("sigmoid",)}
    for option, names in allowed.items():
        if (activation := getattr(cell, option, None)) is None:
            continue
        name = getattr(activation, "__name__", type(activation).__name__)
        if name not in names or getattr(keras.activations, name) is not activation:
            raise UserError(f"layer {layer.name}: {option} {name}; allowed: {', '.join(names)}")
    return kind if getattr(cell, "reset_after", True) else "gru_reset_before"


def _check_order(steps: tuple[Step, ...]) -> None:
    """Refuse what stands in another place than an embedding, recurrent layers and dense layers may."""
    places = {neutral.Embedding: 0, neutral.Masking: 1, neutral.Recurrent: 2, neutral.Dense: 3}
    placed = [step for step in steps if type(step) in places]
    for before, step in itertools.pairwise(placed):
        if places[type(step)] < places[type(before)]:
            raise UserError(
                f"layer {before.layer} is out of place: {step.layer} follows; "
                "allowed: embedding, then recurrent layers, then dense"
            )
    if sum(isinstance(step, neutral.Masking) or getattr(step, "skips_padding", False) for step in steps) > 1:
        raise UserError("two layers mark padding; allowed: one Embedding(mask_zero=True) or one Masking")
    _check_backwards(steps)


def _check_masks_arrive(model: keras.Model, marker: str) -> None:
    """Refuse a nested model that destroys the mask of its input: Keras warns of it once, as the model is made."""
    for inner in model.layers:
        if isinstance(inner, keras.Model):
            marks = any(layer.name == marker for layer in chain(inner))
            if not marks and not inner.supports_masking and any(_is_recurrent(layer) for layer in chain(inner)):
                raise UserError(f"layer {inner.name} destroys the mask of layer {marker}; allowed: without nesting")
            _check_masks_arrive(inner, marker)


def _is_recurrent(layer: keras.Layer) -> bool:
    return isinstance(layer, keras.layers.RNN | keras.layers.Bidirectional)


def _check_backwards(steps: tuple[Step, ...]) -> None:
    """Refuse a layer that hands outputs in reverse order to layers whose mask is not reversed."""
    masked = Outline(steps=steps).padding is not None
    for step in steps:
        if isinstance(step, neutral.Recurrent) and step.backwards and step.sequences and masked:
            raise UserError(
                f"layer {step.layer}: go_backwards reverses its outputs but not their mask; allowed: without a mask"
            )
