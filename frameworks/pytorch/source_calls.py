"""The calls that the sources' texts print, made live: id → what each gives, as JSON takes it.

Shapes are lists. The printed answers stand in ``experiments/printed.py`` under the same ids.
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
STEPS = 4  # of training: no weight stays as it was drawn, which is all that a comparison needs
BATCH = 64


def answers() -> dict[str, Any]:
    """Make every call."""
    runtime.seed_all(SEED)
    return {name: call() for name, call in CALLS.items()}


def embedding() -> dict[str, Any]:
    """Ten ids of ten, four numbers each."""
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
    """The sine's LSTM, saved as its state dict: the weights, which a new model of the same class takes."""
    model, x = _trained(128)
    with TemporaryDirectory() as folder, torch.no_grad():
        path, again = Path(folder) / "lstm.pt", _Forecaster(128)
        torch.save(model.state_dict(), path)
        again.load_state_dict(torch.load(path, weights_only=True))
        before, after = model(x), again(x)
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
    """Cells one on the other, ``x (T, B, I)`` -> the top one's last state ``(B, H)``; states kept by hand."""
    states = [x.new_zeros(x.shape[1], cell.hidden_size) for cell in cells]
    for step in x:
        for place, cell in enumerate(cells):
            step = states[place] = cell(step, states[place])
    return step


def _output_and_state(rnn: nn.RNN) -> dict[str, Any]:
    """What a layer gives of ``(T, B, I)``: time comes first unless told otherwise."""
    out, h = rnn(torch.randn(10, 3, 100))
    return {"out": _shape(out), "h": _shape(h)}


class _Forecaster(nn.Module):
    """``(B, T, 1) -> (B, 1)``."""

    def __init__(self, units: int):
        super().__init__()
        self.rnn, self.head = nn.LSTM(1, units, batch_first=True), nn.Linear(units, 1)

    def forward(self, x: Tensor) -> Tensor:
        """From the last output."""
        return self.head(self.rnn(x)[0][:, -1])


def _trained(units: int) -> tuple[_Forecaster, Tensor]:
    """A forecaster of the sine after a few steps, and windows ``(B, T, 1)`` to ask it about."""
    spec = SineSpec()
    x, y = (torch.from_numpy(array) for array in tasks.load(spec, tasks.locate(spec), "float32").train)
    model = _Forecaster(units)
    optimiser = torch.optim.Adam(model.parameters())
    for _ in range(STEPS):
        optimiser.zero_grad()
        nn.functional.mse_loss(model(x[:BATCH]), y[:BATCH]).backward()
        optimiser.step()
    return model, x[:8]
