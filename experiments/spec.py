"""What an experiment is: task × network × training × conventions, and no framework in it."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import PurePath
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt, model_validator

from experiments.conventions import Conventions

Cell = Literal[
    "simple_rnn",
    "lstm",
    "gru",
    "minimal",
    "gru_reset_before",
    "lstm_peephole",
    "lstm_projection",
    "lstm_coupled",
]
Form = Literal["cell_loop", "layer", "unrolled", "wrapped", "scratch", "tuned"]


class Frozen(BaseModel):
    """Immutable, and a misspelt key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


@dataclass(frozen=True)
class Interface:
    """What a task asks of a network: ``features`` is the vocabulary for tokens, the width of a step for values.

    Under ``sequence_cross_entropy`` the head answers at every step, ``(B, T, outputs)``, and y holds the ids that are
    right ``(B, T)``. A ``stateful`` task's rows go on where the same rows of the batch before stopped.
    """

    input: Literal["tokens", "values"]  # tokens: int32 (B, T); values: float (B, T, features)
    time: int
    features: int
    outputs: int
    loss: Literal["binary_crossentropy", "mse", "cross_entropy", "sequence_cross_entropy"]  # cross_entropy: one-hot y
    stateful: bool = False

    @property
    def every_step(self) -> bool:
        """Whether the head answers at every step, not only after the last."""
        return self.loss == "sequence_cross_entropy"


class ImdbSpec(Frozen):
    """Sentiment of a film review. Sizes of None take all reviews of the split."""

    name: Literal["imdb"] = "imdb"
    words: Annotated[int, Field(ge=5)] = 10_000
    tokens: PositiveInt = 80
    train_reviews: PositiveInt | None = None
    test_reviews: PositiveInt | None = None


class SineSpec(Frozen):
    """Forecast of sin x: windows of ``window`` points → the next point, then ``horizon`` free-running steps."""

    name: Literal["sine"] = "sine"
    points: Annotated[int, Field(ge=4)] = 1_000
    window: PositiveInt = 50
    horizon: PositiveInt = 50

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.window + 1 >= self.points:
            raise ValueError(f"window {self.window} needs more than {self.window + 1} points; given: {self.points}")
        return self


class DigitsSpec(Frozen):
    """Which digit: scikit-learn's 8×8 images, read row by row as a sequence of 8 steps."""

    name: Literal["digits"] = "digits"
    train_images: PositiveInt | None = None


class CharsSpec(Frozen):
    """The next character of a text, at every step.

    ``text`` is ``reviews``, ``shakespeare`` or a path, of which the first ``characters`` are taken, all unless told.
    Where ``stateful``, row k of a batch goes on where row k of the one before stopped, the states carried and cut from
    the gradient, and every epoch starts anew; else windows are shuffled and each starts at zero states.
    """

    name: Literal["chars"] = "chars"
    text: str = "reviews"
    characters: PositiveInt | None = None
    window: PositiveInt = 64
    stateful: bool = True


TaskSpec = Annotated[ImdbSpec | SineSpec | DigitsSpec | CharsSpec, Field(discriminator="name")]


class NetworkSpec(Frozen):
    """encoder → recurrent stack → head.

    Tokens are encoded by an ``embedding``; as ``one_hot`` vectors times the same table, which equals it, or without an
    ``embedding_size`` as they are; or as a ``bag``, the mean of the words' rows, one step long: the baseline without
    order. Values need no encoder. The head is
    ``linear``, or an ``mlp``: Dense 32 → Dropout 0.5 → ReLU → Dense.
    ``projection_size`` belongs to ``lstm_projection`` (Sak et al. 2014) and is its output's size; ``cell_clip`` bounds
    an LSTM's c′ and ``projection_clip`` the projected h′; ``forget_bias`` is where an LSTM's forget gate starts, in
    place of the conventions' own.
    """

    cell: Cell
    form: Form
    units: Annotated[tuple[PositiveInt, ...], Field(min_length=1, max_length=4)]
    bidirectional: bool = False
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    encoder: Literal["embedding", "one_hot", "bag"] | None = None
    embedding_size: PositiveInt | None = None
    head: Literal["linear", "mlp"] = "linear"
    projection_size: PositiveInt | None = None
    cell_clip: PositiveFloat | None = None
    projection_clip: PositiveFloat | None = None
    forget_bias: float | None = None

    @model_validator(mode="after")
    def _fields_belong_to_the_cell(self) -> Self:
        projects, is_lstm = self.cell == "lstm_projection", self.cell.startswith("lstm")
        if projects != (self.projection_size is not None):
            raise ValueError(
                f"projection_size: cell {self.cell} allows {'a whole number from 1' if projects else 'none'}"
            )
        for field, allowed in {
            "projection_clip": projects,
            "cell_clip": is_lstm,
            "forget_bias": is_lstm and self.cell != "lstm_coupled",
        }.items():
            if getattr(self, field) is not None and not allowed:
                raise ValueError(f"{field}: cell {self.cell} has nothing for it to act on; allowed: none")
        return self

    @property
    def outputs(self) -> tuple[int, ...]:
        """The size of each layer's output: both directions' side by side."""
        directions = 2 if self.bidirectional else 1
        return tuple((self.projection_size or units) * directions for units in self.units)

    @property
    def directions(self) -> tuple[str, ...]:
        """The directions each layer is run in."""
        return ("forward", "backward") if self.bidirectional else ("forward",)


class TrainingSpec(Frozen):
    """How it is trained. ``clip_norm`` of None does not clip.

    ``execution`` is the framework's own way by ``default``; ``eager`` turns tf2's graphs off; ``compiled`` has XLA or
    TorchInductor compile the network.
    Epoch e trains at ``learning_rate · learning_rate_decay^(e−1)``.
    """

    epochs: PositiveInt
    batch_size: PositiveInt
    optimiser: Literal["adam", "rmsprop", "adagrad", "sgd"] = "adam"
    learning_rate: PositiveFloat = 1e-3
    learning_rate_decay: Annotated[float, Field(gt=0, le=1)] = 1.0
    clip_norm: PositiveFloat | None = None
    clip_global: bool = False
    dtype: Literal["float32", "float64"] = "float32"
    execution: Literal["default", "eager", "compiled"] = "default"
    device: Literal["cpu", "auto"] = "cpu"


#: Each task's own settings, as its sources have them; an experiment states only what it changes.
TASK_DEFAULTS: dict[str, dict[str, dict[str, Any]]] = {
    "imdb": {
        "network": {"units": [64, 64], "dropout": 0.5, "encoder": "embedding", "embedding_size": 100},
        "training": {"epochs": 4, "batch_size": 128},
    },
    "sine": {"network": {"units": [64]}, "training": {"epochs": 100, "batch_size": 512}},
    "digits": {"network": {"units": [64]}, "training": {"epochs": 20, "batch_size": 64}},
    "chars": {
        "network": {"units": [128], "encoder": "embedding", "embedding_size": 64},
        "training": {
            "epochs": 5,
            "batch_size": 50,
            "optimiser": "adam",
            "learning_rate": 2e-3,
            "clip_norm": 5.0,
            "clip_global": True,
        },
    },
}


class ExperimentSpec(Frozen):
    """One row of a study. What is left out of ``network`` and ``training`` comes from the task's defaults."""

    task: TaskSpec
    network: NetworkSpec
    training: TrainingSpec
    conventions: Conventions = Conventions()

    @model_validator(mode="before")
    @classmethod
    def _fill_in(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        data = dict(data)
        if isinstance(data.get("task"), str):
            data["task"] = {"name": data["task"]}
        if isinstance(data.get("conventions"), str):
            data["conventions"] = {"base": data["conventions"]}
        task = data.get("task")
        defaults = TASK_DEFAULTS.get(task.get("name"), {}) if isinstance(task, dict) else {}
        for part, values in defaults.items():
            if isinstance(given := data.get(part, {}), dict):
                bare = given.get("encoder") == "one_hot" and part == "network"  # a table must be asked for
                usual = {key: value for key, value in values.items() if not (bare and key == "embedding_size")}
                data[part] = {**usual, **given}
        return data

    @model_validator(mode="after")
    def _encoder_goes_with_tokens(self) -> Self:
        tokens, network = self.task.name in ("imdb", "chars"), self.network
        rule = "needs it, since its inputs are tokens" if tokens else "allows none: its inputs are values, not tokens"
        for field in ("encoder", "embedding_size"):
            optional = tokens and field == "embedding_size" and network.encoder == "one_hot"
            if not optional and tokens != (getattr(network, field) is not None):
                raise ValueError(f"network.{field}: task {self.task.name} {rule}")
        return self

    @model_validator(mode="after")
    def _characters_come_in_order(self) -> Self:
        network = self.network
        for field, reason in {
            "head": network.head != "linear" and "allowed: linear, one dense layer at every step",
            "bidirectional": network.bidirectional and "allowed: false, since a backward layer sees what is to come",
            "encoder": network.encoder == "bag" and "allowed: embedding or one_hot, since a bag has one step",
        }.items():
            if self.task.name == "chars" and reason:
                raise ValueError(f"network.{field}: task chars; {reason}")
        return self

    @property
    def inexpressible(self) -> str | None:
        """Why no twin can follow the spec: a field that has nothing to act on; None where every field counts."""
        network, training = self.network, self.training
        if network.forget_bias is not None and not self.conventions.imposed:
            return "network.forget_bias: under stock conventions the framework sets it"
        idle = {
            "embedding": network.embedding_size is None and self._not_embedded,
            "bias": network.cell == "minimal" and "the minimal cell has no bias",
            "dropout": network.dropout == 0 and "the dropout rate is 0",
            "adam": training.optimiser != "adam" and f"the optimiser is {training.optimiser}",
            "rmsprop": training.optimiser != "rmsprop" and f"the optimiser is {training.optimiser}",
            "adagrad": training.optimiser != "adagrad" and f"the optimiser is {training.optimiser}",
            "clipping": training.clip_norm is None and "no gradient is clipped",
        }
        moot = (f"conventions.{name}: {idle[name]}" for name in self.conventions.overrides if idle.get(name))
        return next(moot, None)

    @property
    def _not_embedded(self) -> str:
        bare = self.network.encoder == "one_hot"
        return "one-hot vectors go in without a table" if bare else f"the {self.task.name} task has no embedding"

    @property
    def fingerprint(self) -> str:
        """sha256 of the canonical JSON."""
        return digest(self.model_dump(mode="json"))

    @property
    def slug(self) -> str:
        """A readable name, such as ``imdb-lstm-layer-64x64-keras``."""
        network = self.network
        units = "x".join(map(str, network.units))
        more = self._of_chars() if self.task.name == "chars" else []
        more += [network.encoder] if network.encoder in ("one_hot", "bag") else []
        more += ["bidirectional"] * network.bidirectional + ["mlp"] * (network.head == "mlp")
        return "-".join([self.task.name, network.cell, network.form, units, *more, self.conventions.label])

    def _of_chars(self) -> list[str]:
        text = PurePath(self.task.text).stem
        return [text] * (text != "reviews") + ["stateless"] * (not self.task.stateful)

    @property
    def params(self) -> dict[str, Any]:
        """The fields flattened, as MLflow parameters."""
        task = self.task.model_dump()
        return {
            "task": task.pop("name"),
            **task,
            **self.network.model_dump(),
            "units": "x".join(map(str, self.network.units)),
            **self.training.model_dump(),
            "conventions": self.conventions.label,
        }


def digest(value: Any) -> str:
    """sha256 of a JSON value in canonical form, as hexadecimal."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
