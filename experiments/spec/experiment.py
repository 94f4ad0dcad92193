"""An experiment: its four parts, the rules between them, and what it is called."""

from typing import Any, Self

import tomli_w
from pydantic import model_validator

from experiments import tasks
from experiments.cells import CELLS
from experiments.conventions import TABLE, Conventions, Owner
from experiments.frozen import Frozen
from experiments.padding import SIDES, idle_padding
from experiments.spec import fingerprints
from experiments.spec.network import NetworkSpec
from experiments.spec.training import TrainingSpec
from experiments.tasks import TaskSpec

#: What a cell's name says already, what is a size, and what a form is; every other field of a network is an option.
NO_OPTIONS = {"cell", "form", "units", "dropout", "embedding_size", "projection_size"}


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
        module = tasks.MODULES.get(task.get("name")) if isinstance(task, dict) else None
        defaults = module.SPEC.DEFAULTS if module else {}
        for part, values in defaults.items():
            if isinstance(given := data.get(part, {}), dict):
                bare = given.get("encoder") == "one_hot" and part == "network"  # a table must be asked for
                usual = {key: value for key, value in values.items() if not (bare and key == "embedding_size")}
                data[part] = {**usual, **given}
        return data

    @model_validator(mode="after")
    def _encoder_goes_with_tokens(self) -> Self:
        tokens, network = self.task.INPUT == "tokens", self.network
        rule = "needs it, since its inputs are tokens" if tokens else "allows none: its inputs are values, not tokens"
        for field in ("encoder", "embedding_size"):
            optional = tokens and field == "embedding_size" and network.encoder == "one_hot"
            if not optional and tokens != (getattr(network, field) is not None):
                raise ValueError(f"network.{field}: task {self.task.name} {rule}")
        return self

    @model_validator(mode="after")
    def _every_step_is_answered_in_order(self) -> Self:
        network = self.network
        for field, reason in {
            "head": network.head != "linear" and "allowed: linear, one dense layer at every step",
            "bidirectional": network.bidirectional and "allowed: false, since a backward layer sees what is to come",
            "encoder": network.encoder == "bag" and "allowed: embedding or one_hot, since a bag has one step",
        }.items():
            if self.task.EVERY_STEP and reason:
                raise ValueError(f"network.{field}: task {self.task.name}; {reason}")
        return self

    @property
    def inexpressible(self) -> str | None:
        """Why no twin can follow the spec: a field without effect; None where every field has one."""
        network, training = self.network, self.training
        if network.forget_bias is not None and not self.conventions.imposed:
            return "network.forget_bias: under stock conventions the framework sets it"
        if training.moved_ulps and not self.conventions.imposed:
            return "training.moved_ulps: under stock conventions the framework draws the weights"
        if training.pipeline == "bucketed" and not (self.task.masked and self.conventions.imposed):
            return "training.pipeline: bucketed needs lengths, so masked padding, and imposed conventions"
        if self.task.masked and network.encoder == "bag":
            return "task.padding_treatment: a bag of words has one step, and nothing to mask"
        moot = (f"conventions.{name}: {reason}" for name in self.conventions.overrides if (reason := self.idle[name]))
        return next(moot, None)

    @property
    def idle(self) -> dict[str, str]:
        """Map each field of the conventions to the reason why it has no effect here; empty where it has one."""
        network, training = self.network, self.training
        reasons = {
            "embedding": network.embedding_size is None and self._not_embedded,
            "bias": not CELLS[network.cell].most_biases and f"the {network.cell} cell has no bias",
            "dropout": network.dropout == 0 and "the dropout rate is 0",
            "adam": training.optimiser != "adam" and f"the optimiser is {training.optimiser}",
            "rmsprop": training.optimiser != "rmsprop" and f"the optimiser is {training.optimiser}",
            "adagrad": training.optimiser != "adagrad" and f"the optimiser is {training.optimiser}",
            "clipping": training.clip_norm is None and "no gradient is clipped",
            "repeated_words": not self.squares_occurrences and "no word's gradient is squared",
        } | idle_padding(self.task)
        return {name: reasons.get(name) or "" for name in TABLE}

    @property
    def squares_occurrences(self) -> bool:
        """Whether the optimiser squares the gradients of an embedding's rows, so that repeated words matter."""
        looked_up = self.network.encoder in ("embedding", "bag")
        return looked_up and (self.training.optimiser != "sgd" or self.training.clip_norm is not None)

    @property
    def usually_padded(self) -> "ExperimentSpec":
        """The same with the usual padding, which is on the left and read."""
        fields = type(self.task).model_fields
        usual = {name: fields[name].default for name in ("padding_side", "padding_treatment") if name in fields}
        return self.model_copy(update={"task": self.task.model_copy(update=usual)})

    def task_for(self, home: Owner) -> TaskSpec:
        """The task with the side of its padding settled: by the conventions, under ``stock`` by ``home``'s."""
        if getattr(self.task, "padding_side", "") != "conventions":
            return self.task
        side = SIDES[self.conventions.owner("padding_side", home)]
        return self.task.model_copy(update={"padding_side": side})

    def zero_masked_output(self, home: Owner) -> bool:
        """Whether a masked step outputs 0, not the last output; Keras does so in both directions."""
        return self.conventions.owner("masked_output", home) == "pytorch" or self.network.bidirectional

    def counts_masked_steps(self, home: Owner) -> bool:
        """Whether the loss of a task that answers at every step is the mean over padded steps too."""
        return not self.task.masked or self.conventions.owner("masked_loss", home) == "pytorch"

    @property
    def _not_embedded(self) -> str:
        bare = self.network.encoder == "one_hot"
        return "one-hot vectors go in without a table" if bare else f"the {self.task.name} task has no embedding"

    @property
    def fingerprint(self) -> str:
        """sha256 of the canonical JSON (``fingerprints.py``)."""
        return fingerprints.of(self)

    @property
    def slug(self) -> str:
        """A readable name, such as ``imdb-lstm-layer-64x64-keras``."""
        network = self.network
        units = "x".join(map(str, network.units))
        more = self.task.slug_parts
        more += [network.encoder] if network.encoder in ("one_hot", "bag") else []
        more += ["bidirectional"] * network.bidirectional + ["mlp"] * (network.head == "mlp")
        return "-".join([self.task.name, network.cell, network.form, units, *more, self.conventions.label])

    @property
    def variant(self) -> str:
        """The cell, a task that is answered at every step, and options: ``lstm+bidirectional+cell_clip=0.5``.

        Padding that is not the usual one counts as an option: ``lstm+right-masked``.
        """
        usual = {name: field.default for name, field in NetworkSpec.model_fields.items()} | {"encoder": "embedding"}
        fields = self.network.model_dump(exclude=NO_OPTIONS, exclude_none=True)
        options = {name: value for name, value in fields.items() if value != usual[name]}
        named = [name if value is True else f"{name}={value}" for name, value in options.items()]
        return "+".join([self.network.cell, *[self.task.name] * self.task.EVERY_STEP, *named, *self.task.padding_parts])

    @property
    def facets(self) -> dict[str, str]:
        """What ``--only KEY=VALUE`` may select an experiment by."""
        network = self.network
        label = self.conventions.label
        return {"cell": network.cell, "form": network.form, "task": self.task.name, "conventions": label}

    def in_words(self, training_samples: int | None) -> str:
        """All but cell, form and conventions, as a phrase: only equal settings are compared."""
        network, training = self.network, self.training
        encoder = f"{network.encoder} {network.embedding_size}" if network.embedding_size else network.encoder
        parts = [self.task.in_words(training_samples), *[encoder] * bool(encoder)]
        parts += ["both directions"] * network.bidirectional + ["mlp head"] * (network.head == "mlp")
        parts += [
            f"{field.replace('_', ' ')} {value:g}"
            for field in ("projection_size", "cell_clip", "projection_clip", "forget_bias")
            if (value := getattr(network, field)) is not None
        ]
        parts += [f"units {'×'.join(map(str, network.units))}", f"dropout {network.dropout:g}", *training.in_words()]
        return ", ".join(parts)

    @property
    def params(self) -> dict[str, Any]:
        """The fields flattened, as MLflow parameters; a task's field whose name is taken has ``task.`` before it."""
        parts = {name: getattr(self, name).model_dump() for name in ("task", "network", "training")}
        named = parts["task"].pop("name")
        parts["network"]["units"] = "x".join(map(str, self.network.units))
        taken = {"task", "conventions", "framework", "seed", *parts["network"], *parts["training"]}
        own = {f"task.{key}" if key in taken else key: value for key, value in parts["task"].items()}
        return {"task": named, **own, **parts["network"], **parts["training"], "conventions": self.conventions.label}


def to_toml(spec: ExperimentSpec) -> str:
    """The spec as TOML, each part a table; a study file's ``[[grid]]`` takes it back unchanged."""
    return tomli_w.dumps(spec.model_dump(mode="json", exclude_none=True))
