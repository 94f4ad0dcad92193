"""What a chain of layers computes beside its weights: its steps in order, in no framework's words.

An outline and canonical weights together are a whole model. The n-th ``Recurrent`` has the weights ``rnn/n/…``, the
n-th ``Dense`` has ``head/n/…``; sizes are the weights' own.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from experiments.canonical import Weights
from experiments.cells import CELLS
from experiments.errors import UserError

#: Activations that mean the same number in both frameworks (Keras's leaky_relu has slope 0.2, PyTorch's 0.01).
ACTIVATIONS = ("linear", "relu", "tanh", "sigmoid", "softmax", "elu", "selu", "gelu", "silu", "softplus")
Function = Literal["linear", "relu", "tanh", "sigmoid", "softmax", "elu", "selu", "gelu", "silu", "softplus"]


class _Step(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    layer: str  # its name in the source, for messages


class Embedding(_Step):
    """A table of words; ``skips_padding``: word 0 is padding, which the recurrent layers skip."""

    kind: Literal["embedding"] = "embedding"
    skips_padding: bool = False


class Masking(_Step):
    """Steps all of whose features are ``value`` are padding, which the recurrent layers skip."""

    kind: Literal["masking"] = "masking"
    value: float = 0.0


class Recurrent(_Step):
    """A recurrent layer.

    ``backwards`` runs from the last step to the first and returns its outputs in that order; ``both_ways`` runs a layer
    each way and merges the outputs step by step. ``sequences``: the output of every step, else the last one. At padded
    steps it is the output before (``repeat``) or zeros.
    """

    kind: Literal["recurrent"] = "recurrent"
    cell: Literal[tuple(CELLS)]
    both_ways: bool = False
    backwards: bool = False
    merge: Literal["concat", "sum", "mul", "ave"] = "concat"
    activation: Literal["tanh", "relu"] = "tanh"
    sequences: bool = False
    at_padding: Literal["repeat", "zeros"] = "repeat"
    dropout: float = 0.0  # of the inputs, one mask for all steps
    recurrent_dropout: float = 0.0


class Dense(_Step):
    """A linear map of the features and its activation."""

    kind: Literal["dense"] = "dense"
    activation: Function = "linear"


class Activation(_Step):
    """A function without weights."""

    kind: Literal["activation"] = "activation"
    function: Function


class Dropout(_Step):
    """Dropout in training; ``shared_in_time``: one mask for all steps."""

    kind: Literal["dropout"] = "dropout"
    rate: float
    shared_in_time: bool = False


class TrainingOnly(_Step):
    """A layer that only acts in training and is not carried over, such as noise."""

    kind: Literal["training_only"] = "training_only"
    what: Annotated[str, Field(pattern="^[A-Za-z0-9]+$")]  # it is written into code


Step = Annotated[
    Embedding | Masking | Recurrent | Dense | Activation | Dropout | TrainingOnly, Field(discriminator="kind")
]


class Outline(BaseModel):
    """The steps of a model, and the batch and the number of time steps that it is fixed to, None where it is not."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    steps: tuple[Step, ...]
    batch: int | None = None
    time: int | None = None

    @property
    def recurrent(self) -> list[Recurrent]:
        """The recurrent layers in order."""
        return [step for step in self.steps if isinstance(step, Recurrent)]

    @property
    def dense(self) -> list[Dense]:
        """The dense layers in order."""
        return [step for step in self.steps if isinstance(step, Dense)]

    @property
    def padding(self) -> Embedding | Masking | None:
        """The step that marks padding, None where padding is input like any other."""
        marks = (step for step in self.steps if isinstance(step, Masking) or getattr(step, "skips_padding", False))
        return next(marks, None)


class Said(BaseModel):
    """What the user says of a model whose file holds weights alone."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    nonlinearity: Literal["tanh", "relu"] = "tanh"
    activations: tuple[Function, ...] | None = None
    packed: bool = False
    every_step: bool = False

    def __bool__(self) -> bool:
        """Tell whether anything was said."""
        return self != Said()


def implied(
    weights: Weights, cells: list[str], said: Said, at_padding: Literal["repeat", "zeros"] = "zeros"
) -> Outline:
    """The chain that names and shapes imply: stock layers, the last output, relu between dense layers.

    ``said`` replaces each of these.

    Raises:
        UserError: the activations said are not as many as the dense layers.
    """
    heads = count(weights, "head")
    if said.activations and len(said.activations) != heads:
        raise UserError(f"--activations names {len(said.activations)}; allowed: {heads}, one for each dense layer")
    activations = said.activations or ("relu",) * (heads - 1) + ("linear",) * (heads > 0)
    steps: list[Step] = []
    if "embedding/table" in weights:
        steps.append(Embedding(layer="embedding", skips_padding=said.packed))
    elif said.packed:
        steps.append(Masking(layer="masking"))
    for index, cell in enumerate(cells):
        steps.append(
            Recurrent(
                layer=f"rnn.{index}",
                cell=cell,
                both_ways=f"rnn/{index}/backward/kernel" in weights,
                activation=said.nonlinearity if cell == "simple_rnn" else "tanh",
                sequences=index + 1 < len(cells) or said.every_step,
                at_padding=at_padding,
            )
        )
    for index, activation in zip(range(heads), activations, strict=True):
        steps.append(Dense(layer=f"head.{index}", activation=activation))
    return Outline(steps=tuple(steps))


def beyond_weights(outline: Outline) -> list[str]:
    """What predictions depend on that no name or shape of a weight shows, a phrase for each layer."""
    phrases = [f"layer {outline.padding.layer} marks padding to be skipped"] if outline.padding else []
    for place, step in enumerate(outline.recurrent):
        top = place + 1 == len(outline.recurrent)
        said = {
            f"merges its directions by {step.merge}": step.both_ways and step.merge != "concat",
            "runs backwards": step.backwards,
            f"has the activation {step.activation}": step.activation != "tanh",
            "returns every step to what follows": step.sequences and top,
        }
        phrases += [f"layer {step.layer} {phrase}" for phrase, holds in said.items() if holds]
    return phrases


def beside_weights(outline: Outline) -> list[str]:
    """What the model has between or after its layers with weights, as a reader of the weights must know."""
    phrases = []
    for index, step in enumerate(outline.dense):
        if step.activation != "linear":
            phrases.append(f"{step.activation} after dense layer {index}")
    phrases += [f"{step.function} at {step.layer}" for step in outline.steps if isinstance(step, Activation)]
    rates = [(step.rate, step.layer) for step in outline.steps if isinstance(step, Dropout)]
    rates += [(step.dropout, step.layer) for step in outline.recurrent if step.dropout]
    return phrases + [f"dropout {rate:g} at {layer}" for rate, layer in rates]


def left_behind(outline: Outline) -> list[str]:
    """What acts in training alone and that the other framework's layers do not have."""
    phrases = [f"{step.what} of {step.layer}" for step in outline.steps if isinstance(step, TrainingOnly)]
    return phrases + [
        f"recurrent_dropout {step.recurrent_dropout:g} of {step.layer}"
        for step in outline.recurrent
        if step.recurrent_dropout
    ]


def count(weights: Weights, part: str) -> int:
    """The number of layers of a part: ``rnn`` or ``head``."""
    return len({name.split("/")[1] for name in weights if name.startswith(f"{part}/")})


def sizes(weights: Weights, index: int) -> tuple[int, int, int | None]:
    """The inputs, units and projection (None without one) of a recurrent layer."""
    kernel = weights[f"rnn/{index}/forward/kernel"]
    projection = weights.get(f"rnn/{index}/forward/projection")
    return kernel.shape[0], kernel.shape[-1], None if projection is None else projection.shape[-1]


def has_bias(weights: Weights, part: str) -> bool:
    """Tell whether a layer, such as ``rnn/0`` or ``head/1``, has a bias."""
    return any(name.startswith(f"{part}/") and name.endswith("bias") for name in weights)


def states_of(cell: str) -> int:
    """The number of states of a cell: 2 for the LSTM's kinds."""
    return len(CELLS[cell].states)
