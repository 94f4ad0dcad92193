"""A small network, trained by PyTorch's usual loop, for the traps that cost accuracy."""

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy
from torch.utils.data import DataLoader, TensorDataset

from experiments.tasks import Task


class Classifier(nn.Module):
    """An LSTM and a linear head, above an embedding where the inputs are words; all as PyTorch starts them."""

    def __init__(self, data: Task, units: int = 32):
        super().__init__()
        words = data.interface.input == "tokens"
        self.embedding = nn.Embedding(data.interface.features, units) if words else nn.Identity()
        self.rnn = nn.LSTM(units if words else data.interface.features, units, batch_first=True)
        self.head = nn.Linear(units, data.interface.outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Compute logits from the last output."""
        return self.head(self.rnn(self.embedding(x))[0][:, -1])


def accuracy(model: Classifier, optimiser: torch.optim.Optimizer, data: Task, epochs: int) -> float:
    """Train in batches of 64, shuffled; return the accuracy on the test split."""
    loss = binary_cross_entropy_with_logits if data.interface.outputs == 1 else cross_entropy
    x, y, test = (torch.from_numpy(array) for array in (data.train.x, data.train.y, data.test.x))
    for _ in range(epochs):
        for batch, targets in DataLoader(TensorDataset(x, y), batch_size=64, shuffle=True):
            optimiser.zero_grad()
            loss(model(batch), targets).backward()
            optimiser.step()
    with torch.no_grad():
        return data.score(model(test).numpy(), data.test.y)["accuracy"]
