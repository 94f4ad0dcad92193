"""A Keras model's graph, walked from its output back to its input: one chain of layers, or a refusal.

A list of layers does not show branches, residual connections, operations between layers, layers called twice or masks
of their own: two models with the same list and weights can predict differently.
"""

from collections.abc import Iterator
from typing import Any

import keras
from keras import tree

from experiments.errors import UserError

CHAIN = "one chain: Embedding, then recurrent layers, then Dense on their output"


def chain(model: keras.Model) -> list[keras.Layer]:
    """Return the layers of a model in the order in which they run; nested models are unfolded.

    Raises:
        UserError: the model is not one chain; the message names the layer where it is not.
    """
    layers = list(_chain(model))
    seen: set[int] = set()
    for layer in layers:
        if id(layer) in seen:
            raise UserError(f"layer {layer.name} is called twice; allowed: {CHAIN}")
        seen.add(id(layer))
    return layers


def _chain(model: keras.Model) -> Iterator[keras.Layer]:
    if isinstance(model, keras.Sequential):
        steps = model.layers
    elif isinstance(model, keras.models.Model) and hasattr(model, "operations"):
        steps = _walk(model)
    else:
        raise UserError(f"model {model.name} ({type(model).__name__}) has no graph to walk; allowed: {CHAIN}")
    for step in steps:
        if isinstance(step, keras.Model):
            yield from _chain(step)
        else:
            yield step


def _walk(model: keras.Model) -> list[keras.Layer]:
    """Return a functional model's layers and nested models, from its input to its output."""
    for what, tensors in {"inputs": model.inputs, "outputs": model.outputs}.items():
        if len(tensors) != 1:
            raise UserError(f"model {model.name} has {len(tensors)} {what}; allowed: one input, one output")
    layers: list[keras.Layer] = []
    masks: list[tuple[keras.Layer, Any]] = []
    consumed: dict[int, Any] = {}  # layer -> the tensor that it takes
    tensor = model.outputs[0]
    while tensor is not model.inputs[0]:
        layer, node_index, output = tensor._keras_history
        if output:
            raise UserError(f"layer {layer.name}: its output {output} (a state) is used; allowed: output 0 alone")
        if not isinstance(layer, keras.Layer):
            raise UserError(f"{layer.name} ({type(layer).__name__}) is an operation on tensors; allowed: {CHAIN}")
        tensor, mask = _input(layer, layer._inbound_nodes[node_index])
        masks += [(layer, mask)] if mask is not None else []
        consumed[id(layer)] = tensor
        layers.append(layer)
    for layer, mask in masks:
        if not any(_marks(step, consumed[id(step)], mask) for step in layers):
            raise UserError(f"layer {layer.name} has a mask of its own; allowed: mask_zero=True, Masking")
    return layers[::-1]


def _input(layer: keras.Layer, node: Any) -> tuple[Any, Any]:
    """Return the one tensor that a call takes, and its mask, None without one."""
    arguments = dict(node.arguments.kwargs)
    mask, training = arguments.pop("mask", None), arguments.pop("training", None)
    if training:
        raise UserError(f"layer {layer.name} is called with training=True; allowed: the default, dropout only in fit")
    if given := [name for name, value in arguments.items() if value is not None]:
        raise UserError(f"layer {layer.name} is called with {', '.join(given)}; allowed: one input")
    tensors = [x for x in tree.flatten(node.arguments.args) if x is not None]
    if len(tensors) != 1 or not isinstance(tensors[0], keras.KerasTensor):
        names = ", ".join(x._keras_history.operation.name for x in tensors if isinstance(x, keras.KerasTensor))
        raise UserError(f"layer {layer.name} joins {len(tensors)} inputs ({names}); allowed: {CHAIN}")
    return tensors[0], mask


def _marks(layer: keras.Layer, taken: Any, mask: Any) -> bool:
    """Tell whether a mask is the one that a layer computes from its input, and not one that was given by hand."""
    operation, node_index, _ = mask._keras_history
    node = operation._inbound_nodes[node_index]
    if isinstance(layer, keras.layers.Masking) and type(operation).__name__ == "Any" and operation.axis == -1:
        inner, inner_index, _ = node.arguments.args[0]._keras_history
        return _compares(inner, inner._inbound_nodes[inner_index], taken, layer.mask_value)
    is_table = isinstance(layer, keras.layers.Embedding) and layer.mask_zero
    return is_table and _compares(operation, node, taken, 0)


def _compares(operation: Any, node: Any, tensor: Any, value: float) -> bool:
    first, *rest = node.arguments.args
    return type(operation).__name__ == "NotEqual" and first is tensor and rest == [value]
