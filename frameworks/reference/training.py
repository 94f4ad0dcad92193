"""Loss and optimisers: the written definitions that both twins follow under imposed conventions."""

import numpy as np
from scipy.special import expit, log_softmax

from experiments.canonical import Weights, clipped_with
from experiments.conventions import ADAGRAD_START
from experiments.spec import ExperimentSpec


def loss(kind: str, outputs: np.ndarray, y: np.ndarray, valid: np.ndarray | None = None) -> tuple[float, np.ndarray]:
    """Compute the batch's mean loss and its gradient with respect to ``outputs (B[, T], outputs)``.

    A loss over every step is the mean over the ``valid (B, T)`` ones, all where None.
    """
    if kind == "mse":
        difference = outputs - y
        return float(np.mean(difference**2)), 2 * difference / difference.size
    if kind in ("cross_entropy", "sequence_cross_entropy"):
        one_hot = y if kind == "cross_entropy" else np.eye(outputs.shape[-1])[y]
        log_probabilities = log_softmax(outputs, axis=-1)
        losses = -(one_hot * log_probabilities).sum(axis=-1)  # (B[, T])
        weights = np.ones_like(losses) if valid is None else valid.astype(np.float64)
        d_outputs = (np.exp(log_probabilities) - one_hot) * weights[..., None] / weights.sum()
        return float(np.average(losses, weights=weights)), d_outputs
    # From logits: log(1 + eˣ) − x·y, stable for either sign.
    value = np.mean(np.logaddexp(0, outputs) - outputs * y)
    return float(value), (expit(outputs) - y) / outputs.size


class Optimiser:
    """SGD, Adam (Kingma & Ba 2015), RMSprop (Hinton 2012) or Adagrad (Duchi et al. 2011) by the spec's conventions."""

    def __init__(self, spec: ExperimentSpec):
        self.training, self.conventions, self.cell = spec.training, spec.conventions, spec.network.cell
        self.rate = spec.training.learning_rate
        self.t = 0
        self.m: Weights = {}
        self.v: Weights = {}

    def step(self, weights: Weights, gradients: Weights, squares: Weights) -> None:
        """Update the weights in place.

        Args:
            weights: the weights to update.
            gradients: the gradient of every weight.
            squares: the squared gradients that are not simply g²: an embedding's where the gradient of each occurrence
                of a word is squared by itself, Σg² instead of (Σg)², as Keras does with its sparse gradients.
        """
        self.t += 1
        update = getattr(self, f"_{self.training.optimiser}")
        squares = {name: squares.get(name, g**2) for name, g in gradients.items()}
        factors = self._clip(squares)
        for name, g in gradients.items():
            g = g * factors[name]
            # Keras's norm counts each occurrence, but scaling by a global norm sums them into one dense gradient.
            square = g**2 if self._clips_globally else squares[name] * factors[name] ** 2
            weights[name] -= self.rate * update(name, g, square)

    @property
    def _clips_globally(self) -> bool:
        by_pytorch = self.conventions.owner("clipping", "keras") == "pytorch"
        return self.training.clip_norm is not None and (by_pytorch or self.training.clip_global)

    def set_learning_rate(self, rate: float) -> None:
        """Set the learning rate of the following steps."""
        self.rate = rate

    def checkpoint(self) -> Weights:
        """Return the state: both moments of every weight and the number of steps."""
        moments = {f"optimiser/{kind}/{name}": v for kind in "mv" for name, v in getattr(self, kind).items()}
        return moments | {"optimiser/t": np.array(self.t)}

    def restore(self, kept: Weights) -> None:
        """Continue from a checkpoint."""
        self.t = int(kept["optimiser/t"])
        for kind in "mv":
            prefix = f"optimiser/{kind}/"
            setattr(self, kind, {k.removeprefix(prefix): v for k, v in kept.items() if k.startswith(prefix)})

    def _clip(self, squares: Weights) -> dict[str, float]:
        """Compute the factor that each weight's gradient is multiplied by."""
        limit = self.training.clip_norm
        if limit is None:
            return dict.fromkeys(squares, 1.0)
        sums: dict[str, float] = {}
        for name, square in squares.items():
            variable = clipped_with(name, self.cell)
            sums[variable] = sums.get(variable, 0.0) + float(np.sum(square))
        total = np.sqrt(sum(sums.values()))
        if self.conventions.owner("clipping", "keras") == "pytorch":
            return dict.fromkeys(squares, min(1.0, limit / (total + 1e-6)))
        norms = {
            name: total if self.training.clip_global else np.sqrt(sums[clipped_with(name, self.cell)])
            for name in squares
        }
        return {name: limit / max(norm, limit) for name, norm in norms.items()}

    def _sgd(self, name: str, g: np.ndarray, square: np.ndarray) -> np.ndarray:
        return g

    def _adam(self, name: str, g: np.ndarray, square: np.ndarray) -> np.ndarray:
        m = self.m[name] = 0.9 * self.m.get(name, 0.0) + 0.1 * g
        v = self.v[name] = 0.999 * self.v.get(name, 0.0) + 0.001 * square
        c1, c2 = 1 - 0.9**self.t, 1 - 0.999**self.t
        # Keras adds ε to the uncorrected root: ε/√c₂ on the corrected one.
        keras = self.conventions.owner("adam", "keras") == "keras"
        epsilon = 1e-7 / np.sqrt(c2) if keras else 1e-8
        return m / c1 / (np.sqrt(v / c2) + epsilon)

    def _rmsprop(self, name: str, g: np.ndarray, square: np.ndarray) -> np.ndarray:
        keras = self.conventions.owner("rmsprop", "keras") == "keras"
        decay = 0.9 if keras else 0.99
        v = self.v[name] = decay * self.v.get(name, 0.0) + (1 - decay) * square
        return g / np.sqrt(v + 1e-7) if keras else g / (np.sqrt(v) + 1e-8)

    def _adagrad(self, name: str, g: np.ndarray, square: np.ndarray) -> np.ndarray:
        owner = self.conventions.owner("adagrad", "keras")
        v = self.v[name] = self.v.get(name, ADAGRAD_START[owner]) + square
        return g / np.sqrt(v + 1e-7) if owner == "keras" else g / (np.sqrt(v) + 1e-10)
