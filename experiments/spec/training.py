"""The training: epochs, batches, optimiser, precision."""

from typing import Annotated, Literal

from pydantic import Field, PositiveFloat, PositiveInt

from experiments.frozen import Frozen


class TrainingSpec(Frozen):
    """How it is trained. ``clip_norm`` of None does not clip.

    ``execution``: ``default`` is the framework's usual way, ``eager`` turns tf2's graphs off, ``compiled`` has XLA or
    TorchInductor compile the network. ``pipeline``: ``tf.data`` gives the batches of TensorFlow's IMDB tutorials,
    shuffled through a buffer of 1,000 (a full permutation in PyTorch, which has no buffer) and without the last partial
    one; ``bucketed`` puts rows of about the same length into a batch, where padding is masked. ``moved_ulps`` moves
    every initial weight by so many units in the last place: a control that shows how far two trainings
    diverge by rounding alone. Epoch e trains at ``learning_rate · learning_rate_decay^(e−1)``.
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
    pipeline: Literal["default", "tf.data", "bucketed"] = "default"
    moved_ulps: Annotated[int, Field(ge=0)] = 0

    def in_words(self) -> list[str]:
        """Optimiser, batch size, epochs and dtype, and what is not the default, each as a phrase."""
        decay = f", times {self.learning_rate_decay:g} an epoch" if self.learning_rate_decay != 1 else ""
        parts = [f"{self.optimiser} {self.learning_rate:g}{decay}", f"batch {self.batch_size}"]
        parts += [f"{self.epochs} epoch{'s' * (self.epochs > 1)}", self.dtype]
        if self.clip_norm is not None:
            parts.append(f"gradients clipped at {self.clip_norm:g}{' globally' if self.clip_global else ''}")
        parts += [f"{self.execution} execution"] * (self.execution != "default")
        parts += ["batches as tf.data"] * (self.pipeline == "tf.data") + ["bucketed"] * (self.pipeline == "bucketed")
        return parts + [f"initial weights moved by {self.moved_ulps} ulp"] * (self.moved_ulps > 0)
