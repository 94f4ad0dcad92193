"""Loss, optimisers, and one epoch's stock batches."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from experiments.canonical import Weights, clipped_with
from experiments.conventions import ADAGRAD_START
from experiments.protocol import Batch, Lengths
from experiments.spec import ExperimentSpec
from frameworks.pytorch.support import HOME, fuses_update
from frameworks.pytorch.weights import Binding


def loss(kind: str, outputs: Tensor, y: Tensor, valid: Tensor | None = None) -> Tensor:
    """Compute the batch's mean loss from ``outputs (B[, T], outputs)``, which are logits for a cross-entropy.

    A loss over every step is the mean over the ``valid (B, T)`` ones, all where None.
    """
    if kind == "mse":
        return nn.functional.mse_loss(outputs, y)
    if kind == "cross_entropy":
        return nn.functional.cross_entropy(outputs, y)
    if kind == "sequence_cross_entropy":
        targets = y.long() if valid is None else y.long().masked_fill(~valid, -100)  # cross_entropy's ignore_index
        return nn.functional.cross_entropy(outputs.flatten(0, 1), targets.flatten())
    return nn.functional.binary_cross_entropy_with_logits(outputs, y)


def squares_each_occurrence(spec: ExperimentSpec) -> bool:
    """Tell whether our optimiser needs the embedding's gradient for each occurrence of a word, not their sum."""
    by_keras = spec.conventions.owner("repeated_words", HOME) == "keras"
    return spec.squares_occurrences and by_keras and spec.conventions.imposed


def dense(g: Tensor, squared: bool = False) -> Tensor:
    """Sum a gradient's entries, squared if asked for; a sparse one has an entry for each occurrence of a word."""
    if not g.is_sparse:
        return g.square() if squared else g
    (words,), entries = g._indices(), g._values()
    return _add_rows(entries.new_zeros(g.shape), words, entries.square() if squared else entries, g.is_cuda)


def _add_rows(table: Tensor, words: Tensor, entries: Tensor, on_gpu: bool) -> Tensor:
    """Add each of the ``entries (N, H)`` to its word's row of the ``table (words, H)``, and return it.

    On a GPU ``index_add_`` adds in any order, so that two runs of one seed differ; ``index_put_`` sorts the words.
    """
    if on_gpu:
        return table.index_put_((words,), entries, accumulate=True)
    return table.index_add_(0, words, entries)


class StockOptimiser:
    """PyTorch's own optimiser with PyTorch's defaults."""

    def __init__(self, spec: ExperimentSpec, bindings: list[Binding]):
        training = spec.training
        kind = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam, "rmsprop": torch.optim.RMSprop}
        kind["adagrad"] = torch.optim.Adagrad
        self.clip_norm = training.clip_norm
        self.variables = [binding.variable for binding in bindings]
        fused = {"fused": True} if fuses_update(spec) else {}
        self.optimiser = kind[training.optimiser](self.variables, lr=training.learning_rate, **fused)

    def step(self, gradients: tuple[Tensor, ...]) -> None:
        """Update the variables."""
        for variable, gradient in zip(self.variables, gradients, strict=True):
            variable.grad = gradient
        if self.clip_norm is not None:
            nn.utils.clip_grad_norm_(self.variables, self.clip_norm)
        self.optimiser.step()

    def set_learning_rate(self, rate: float) -> None:
        """Set the learning rate of the following steps."""
        self.optimiser.param_groups[0]["lr"] = rate

    def checkpoint(self) -> Weights:
        """Return the state, the number of steps included."""
        states = [self.optimiser.state.get(variable, {}) for variable in self.variables]
        return {
            f"optimiser/{place}/{name}": value.cpu().numpy().copy()
            for place, state in enumerate(states)
            for name, value in state.items()
        }

    def restore(self, kept: Weights) -> None:
        """Continue from a checkpoint."""
        state: dict[int, dict[str, Tensor]] = {}
        for name, value in kept.items():
            if name.startswith("optimiser/"):
                _, place, key = name.split("/")
                state.setdefault(int(place), {})[key] = torch.from_numpy(value.copy())
        # PyTorch knows on which device each belongs: a fused update counts its steps beside the variable.
        self.optimiser.load_state_dict(self.optimiser.state_dict() | {"state": state})


class ImposedOptimiser:
    """The definitions of ``frameworks/reference/training.py``, Keras's or PyTorch's by the conventions."""

    def __init__(self, spec: ExperimentSpec, bindings: list[Binding]):
        self.training, self.conventions = spec.training, spec.conventions
        self.variables = [binding.variable for binding in bindings]
        self.clipped_with = [clipped_with(binding.canonical[0], spec.network.cell) for binding in bindings]
        self.rate = spec.training.learning_rate
        self.t = 0
        self.m = [torch.zeros_like(variable) for variable in self.variables]
        adagrad = spec.training.optimiser == "adagrad"
        start = ADAGRAD_START[spec.conventions.owner("adagrad", HOME)] if adagrad else 0.0
        self.v = [torch.full_like(m, start) for m in self.m]

    @torch.no_grad()
    def step(self, gradients: tuple[Tensor, ...]) -> None:
        """Update the variables."""
        self.t += 1
        update = getattr(self, f"_{self.training.optimiser}")
        squares = [dense(g, squared=True) for g in gradients]
        gradients, squares = self._clip([dense(g) for g in gradients], squares)
        for variable, g, square, m, v in zip(self.variables, gradients, squares, self.m, self.v, strict=True):
            update(variable, g, square, m, v)

    def set_learning_rate(self, rate: float) -> None:
        """Set the learning rate of the following steps."""
        self.rate = rate

    def checkpoint(self) -> Weights:
        """Return the state, the number of steps included."""
        moments = {f"optimiser/{place}": m.cpu().numpy().copy() for place, m in enumerate([*self.m, *self.v])}
        return moments | {"optimiser/t": np.array(self.t)}

    def restore(self, kept: Weights) -> None:
        """Continue from a checkpoint."""
        self.t = int(kept["optimiser/t"])
        for place, tensor in enumerate([*self.m, *self.v]):
            tensor.copy_(torch.from_numpy(kept[f"optimiser/{place}"]))

    def _clip(self, gradients: list[Tensor], squares: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        """Clip the gradients and their squares."""
        limit = self.training.clip_norm
        if limit is None:
            return gradients, squares
        factors = self._factors(limit, [square.sum() for square in squares])
        clipped = [g * factor for g, factor in zip(gradients, factors, strict=True)]
        if self.training.clip_global or self.conventions.owner("clipping", HOME) == "pytorch":
            # Keras's norm counts each occurrence, but scaling by a global norm sums them into one dense gradient.
            return clipped, [g.square() for g in clipped]
        return clipped, [square * factor.square() for square, factor in zip(squares, factors, strict=True)]

    def _factors(self, limit: float, sums: list[Tensor]) -> list[Tensor]:
        """Compute each gradient's factor from the sums of the squares."""
        total = torch.stack(sums).sum().sqrt()
        if self.conventions.owner("clipping", HOME) == "pytorch":
            return [torch.clamp(limit / (total + 1e-6), max=1.0)] * len(sums)
        if self.training.clip_global:
            return [limit / total.clamp(min=limit)] * len(sums)
        shared: dict[str, Tensor] = {}
        for variable, square_sum in zip(self.clipped_with, sums, strict=True):
            shared[variable] = shared.get(variable, 0.0) + square_sum
        return [limit / shared[variable].sqrt().clamp(min=limit) for variable in self.clipped_with]

    # In place: an allocation for each intermediate takes several times as long as the arithmetic.

    def _sgd(self, variable: Tensor, g: Tensor, square: Tensor, m: Tensor, v: Tensor) -> None:
        variable.sub_(g, alpha=self.rate)

    def _adam(self, variable: Tensor, g: Tensor, square: Tensor, m: Tensor, v: Tensor) -> None:
        m.lerp_(g, 0.1)
        v.lerp_(square, 0.001)
        c1, c2 = 1 - 0.9**self.t, 1 - 0.999**self.t
        # Keras adds ε to the uncorrected root: ε/√c₂ on the corrected one.
        keras_epsilon = self.conventions.owner("adam", HOME) == "keras"
        epsilon = 1e-7 / c2**0.5 if keras_epsilon else 1e-8
        variable.addcdiv_(m, v.sqrt().mul_(c2**-0.5).add_(epsilon), value=-self.rate / c1)

    def _rmsprop(self, variable: Tensor, g: Tensor, square: Tensor, m: Tensor, v: Tensor) -> None:
        by_keras = self.conventions.owner("rmsprop", HOME) == "keras"
        v.lerp_(square, 0.1 if by_keras else 0.01)
        root = (v + 1e-7).sqrt_() if by_keras else v.sqrt().add_(1e-8)
        variable.addcdiv_(g, root, value=-self.rate)

    def _adagrad(self, variable: Tensor, g: Tensor, square: Tensor, m: Tensor, v: Tensor) -> None:
        by_keras = self.conventions.owner("adagrad", HOME) == "keras"
        v.add_(square)
        root = (v + 1e-7).sqrt_() if by_keras else v.sqrt().add_(1e-10)
        variable.addcdiv_(g, root, value=-self.rate)


def make_optimiser(spec: ExperimentSpec, bindings: list[Binding]) -> StockOptimiser | ImposedOptimiser:
    """Make the optimiser that the conventions ask for, over the trained variables."""
    kind = ImposedOptimiser if spec.conventions.imposed else StockOptimiser
    return kind(spec, bindings)


class StockBatches:
    """The batches of ``DataLoader`` as PyTorch's tutorials use it; a call yields one epoch.

    It has no shuffle buffer: of the ``tf.data`` pipeline it follows only the dropped last batch.
    """

    def __init__(self, spec: ExperimentSpec, seed: int):
        self.size, self.generator, self.loader = spec.training.batch_size, torch.Generator().manual_seed(seed), None
        self.tutorial = spec.training.pipeline == "tf.data"

    def __call__(self, x: np.ndarray, y: np.ndarray, lengths: Lengths = None) -> Iterator[Batch]:
        """Yield one epoch; all samples are shuffled, and the last partial batch is kept by default."""
        if self.loader is None:
            arrays = (array for array in (x, y, lengths) if array is not None)
            samples = TensorDataset(*map(torch.from_numpy, arrays))
            self.loader = DataLoader(
                samples, batch_size=self.size, shuffle=True, generator=self.generator, drop_last=self.tutorial
            )
        for chosen in self.loader:
            x, y, *lengths = (part.numpy() for part in chosen)
            yield Batch(x, y, lengths=lengths[0] if lengths else None)

    def checkpoint(self) -> Weights:
        """Return the state of the generator that draws the orders."""
        return {"batches/generator": self.generator.get_state().numpy()}

    def restore(self, kept: Weights) -> None:
        """Continue from a checkpoint."""
        self.generator.set_state(torch.from_numpy(kept["batches/generator"]))
