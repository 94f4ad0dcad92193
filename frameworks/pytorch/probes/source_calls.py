"""The calls that the sources' texts show: id → the call's results as JSON data, shapes as lists.

The results that the sources print are in ``experiments/probes/published.py`` under the same ids.
"""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import Tensor, nn

from experiments import tasks
from experiments.tasks.sine import SineSpec
from frameworks.pytorch import runtime

SEED = 0
STEPS = 4  # of training, so that no weight keeps its initial value
BATCH = 64


def answers() -> dict[str, Any]:
    """Make every call."""
    runtime.seed_all(SEED)
    return {name: call() for name, call in CALLS.items()}


def embedding() -> dict[str, Any]:
    """Embed ten ids in four numbers each."""
    return {"output": _shape(nn.Embedding(10, 4)(torch.arange(10)))}


def _rnn_weights() -> dict[str, Any]:
    shapes = {name: _shape(parameter) for name, parameter in nn.RNN(100, 20).named_parameters()}
    return {"names": list(shapes)} | shapes


def _rnn() -> dict[str, Any]:
    return _output_and_state(nn.RNN(100, 20))


def _rnn_four_layers() -> dict[str, Any]:
    return _output_and_state(nn.RNN(100, 20, num_layers=4))


def _rnn_cell() -> dict[str, Any]:
    return {"h": _shape(_loop([nn.RNNCell(100, 20)], torch.randn(10, 3, 100)))}


def _rnn_cells_stacked() -> dict[str, Any]:
    return {"h": _shape(_loop([nn.RNNCell(100, 20), nn.RNNCell(20, 15)], torch.randn(10, 3, 100)))}


def lstm_saved() -> dict[str, Any]:
    """Save the sine's LSTM as its state dict and load it into a new model of the same class."""
    model, x = _trained(128)
    with TemporaryDirectory() as folder, torch.no_grad():
        path, loaded = Path(folder) / "lstm.pt", _Forecaster(128)
        torch.save(model.state_dict(), path)
        loaded.load_state_dict(torch.load(path, weights_only=True))
        before, after = model(x), loaded(x)
    return {"equal": torch.equal(before, after), "largest difference": (before - after).abs().max().item()}


CALLS = {
    "embedding": embedding,
    "rnn_weights": _rnn_weights,
    "rnn": _rnn,
    "rnn_four_layers": _rnn_four_layers,
    "rnn_cell": _rnn_cell,
    "rnn_cells_stacked": _rnn_cells_stacked,
    "lstm_saved": lstm_saved,
}


def _shape(tensor: Tensor) -> list[int]:
    return list(tensor.shape)


def _loop(cells: list[nn.RNNCell], x: Tensor) -> Tensor:
    """Run stacked cells step by step: ``x (T, B, I)`` -> the top cell's last state ``(B, H)``."""
    states = [x.new_zeros(x.shape[1], cell.hidden_size) for cell in cells]
    for step in x:
        for place, cell in enumerate(cells):
            step = states[place] = cell(step, states[place])
    return step


def _output_and_state(rnn: nn.RNN) -> dict[str, Any]:
    """Return the shapes of a layer's results for ``(T, B, I)``: time comes first by default."""
    out, h = rnn(torch.randn(10, 3, 100))
    return {"out": _shape(out), "h": _shape(h)}


class _Forecaster(nn.Module):
    """An LSTM and a linear head: ``(B, T, 1) -> (B, 1)``."""

    def __init__(self, units: int):
        super().__init__()
        self.rnn, self.head = nn.LSTM(1, units, batch_first=True), nn.Linear(units, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Predict from the last output."""
        return self.head(self.rnn(x)[0][:, -1])


def _trained(units: int) -> tuple[_Forecaster, Tensor]:
    """Train a forecaster of the sine for a few steps; return it and windows ``(B, T, 1)`` to predict from."""
    spec = SineSpec()
    x, y = (torch.from_numpy(array) for array in tasks.load(spec, tasks.locate(spec), "float32").train[:2])
    model = _Forecaster(units)
    optimiser = torch.optim.Adam(model.parameters())
    for _ in range(STEPS):
        optimiser.zero_grad()
        nn.functional.mse_loss(model(x[:BATCH]), y[:BATCH]).backward()
        optimiser.step()
    return model, x[:8]
