"""A training run as PyTorch's tutorials write it, without this project: the baseline for a trial's cost.

Recipes are tried in it: lines that give PyTorch Keras's conventions (``experiments/probes/porting.py``).
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from experiments.probes.porting import in_pytorch
from experiments.spec import ExperimentSpec
from experiments.tasks import Task
from frameworks.pytorch.support import STOCK


class Classifier(nn.Module):
    """Embedding → recurrent layers → linear."""

    def __init__(self, spec: ExperimentSpec):
        super().__init__()
        network = spec.network
        kind, units = getattr(nn, STOCK[network.cell]), network.units[0]
        self.embedding = nn.Embedding(spec.task.words, network.embedding_size)
        self.rnn = kind(
            network.embedding_size, units, num_layers=len(network.units), dropout=network.dropout, batch_first=True
        )
        self.head = nn.Linear(units, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Compute logits: ``(B, T) -> (B, 1)``."""
        sequence, _ = self.rnn(self.embedding(x))
        return self.head(sequence[:, -1])


def train(spec: ExperimentSpec, task: Task, evaluated: int, seed: int = 0, fields: Sequence[str] = ()) -> float:
    """Train on reviews by a loop and test after each epoch, ``evaluated`` at a time; return the last accuracy."""
    training = spec.training
    torch.manual_seed(seed)
    model = Classifier(spec)
    names = {"torch": torch, "nn": nn, "model": model, "hidden": spec.network.units[0]}
    exec(in_pytorch(fields), names)
    criterion = nn.BCEWithLogitsLoss()
    optimiser = names.get("optimiser") or torch.optim.Adam(model.parameters(), lr=training.learning_rate)
    training_set, test_set = (
        TensorDataset(torch.from_numpy(split.x), torch.from_numpy(split.y)) for split in (task.train, task.test)
    )
    loader = DataLoader(training_set, batch_size=training.batch_size, shuffle=True)
    for _ in range(training.epochs):
        model.train()
        running, right = 0.0, 0
        for x, y in loader:
            optimiser.zero_grad()
            outputs = model(x)
            loss = criterion(outputs, y)
            loss.backward()
            optimiser.step()
            running += loss.item() * len(y)
            right += ((outputs > 0) == (y > 0)).sum().item()
        accuracy = _test(model, DataLoader(test_set, batch_size=evaluated))
    return accuracy


@torch.no_grad()
def _test(model: Classifier, loader: DataLoader) -> float:
    model.eval()
    right = sum(((model(x) > 0) == (y > 0)).sum().item() for x, y in loader)
    return right / len(loader.dataset)
