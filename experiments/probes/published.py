"""What the sources printed: the figures of their experiments, and the shapes that their texts show."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

NOTEBOOK = "TensorFlow notebook on IMDB, one run, official split"
SCRIPT = "script that forecasts a sine"


@dataclass(frozen=True)
class Experiment:
    """One experiment of a source. ``slug`` without its conventions, and ``epochs``, find its trials in a study.

    ``accuracy`` and ``loss`` are those of the test set as printed, None where none were. ``call`` names the live call
    that belongs to it.
    """

    name: str
    title: str
    settings: str
    source: str
    printed: str = "no figure"  # in words
    slug: str = ""
    epochs: int = 0
    loss: float | None = None
    accuracy: float | None = None
    call: str = ""

    def covers(self, slug: str, conventions: str, epochs: int) -> bool:
        """Whether a spec of this slug, conventions and epochs is this experiment."""
        return slug == f"{self.slug}-{conventions}" and epochs == self.epochs


_REVIEWS = "dropout 0.5, Adam 1e-3, batches of 128 with the last partial one dropped"
_LINEAR = f"2×64, {_REVIEWS}, linear head, 4 epochs"
_MLP = f"{_REVIEWS}, head Dense 32 → Dropout 0.5 → ReLU → Dense 1, 10 epochs"


def _by(cell: str, form: str, how: str, title: str) -> Experiment:
    slug = f"imdb-{cell}-{form}-64x64"
    return Experiment(f"{cell}-{form}".replace("_", "-"), f"{title} {how}", _LINEAR, NOTEBOOK, slug=slug, epochs=4)


EXPERIMENTS = (
    _by("simple_rnn", "cell_loop", "by cells", "SimpleRNN"),
    _by("simple_rnn", "unrolled", "by stacked layers, unrolled", "SimpleRNN"),
    Experiment(
        "simple-rnn-mlp",
        "SimpleRNN, mlp head",
        f"2×64, {_MLP}",
        NOTEBOOK,
        "test loss 0.5212, test accuracy 0.8177",
        "imdb-simple_rnn-layer-64x64-mlp",
        10,
        0.5212,
        0.8177,
    ),
    Experiment(
        "lstm-mlp",
        "LSTM, mlp head",
        f"2×32, {_MLP}",
        NOTEBOOK,
        "test loss 0.8196, test accuracy 0.8169",
        "imdb-lstm-layer-32x32-mlp",
        10,
        0.8196,
        0.8169,
    ),
    _by("lstm", "cell_loop", "by cells", "LSTM"),
    _by("lstm", "layer", "by layers", "LSTM"),
    _by("gru", "cell_loop", "by cells", "GRU"),
    _by("gru", "layer", "by layers", "GRU"),
    Experiment(
        "minimal-sine",
        "Minimal cell on the sine",
        "64 units, batches of 512, 100 epochs, 50 free-running steps",
        SCRIPT,
        "a plot",
        "sine-minimal-cell_loop-64",
        100,
    ),
    Experiment(
        "lstm-sine",
        "LSTM on the sine, saved and loaded again",
        "128 units, batches of 512, 50 epochs, 50 free-running steps",
        SCRIPT,
        "a plot",
        "sine-lstm-layer-128",
        50,
        call="lstm_saved",
    ),
    Experiment(
        "lstm-numpy",
        "NumPy LSTM fed a trained TensorFlow kernel",
        "gates i, j, f, o; forget bias 1",
        "script that writes TensorFlow 1's BasicLSTMCell out in NumPy",
        "equal",
        call="lstm_numpy",
    ),
)


@dataclass(frozen=True)
class Call:
    """A call that a text shows. ``calls``: framework → the call as text; ``printed``: what → its shape, names or truth.

    What is made live stands under the same name in each framework's ``printed.py``.
    """

    name: str
    calls: Mapping[str, str]
    printed: Mapping[str, Any]


def _call(name: str, framework: str, text: str, **printed: Any) -> Call:
    return Call(name, {framework: text}, printed)


_NAMES = ["weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"]
_EVERY_WAY = {"output": [4, 64], "every step": [4, 80, 64], "stacked": [4, 64]}

CALLS = (
    Call(
        "embedding",
        {"tf2": "Embedding(10, 4) on 10 ids", "pytorch": "nn.Embedding(10, 4) on 10 ids"},
        {"output": [10, 4]},
    ),
    _call(
        "simple_rnn_cell_weights",
        "tf2",
        "SimpleRNNCell(3) on 4 features",
        kernel=[4, 3],
        recurrent_kernel=[3, 3],
        bias=[3],
    ),
    _call("simple_rnn_cell", "tf2", "SimpleRNNCell(64) on a step of (4, 80, 100)", step=[4, 64], state=[4, 64]),
    _call("simple_rnn_cells_stacked", "tf2", "SimpleRNNCell(64), twice, over (4, 80, 100)", output=[4, 64]),
    _call("simple_rnn", "tf2", "SimpleRNN(64) on (4, 80, 100)", **_EVERY_WAY),
    _call(
        "lstm_cell",
        "tf2",
        "output, states = LSTMCell(64)(x, states)",
        **{"output is the first state": True, "output is the cell state": False},
    ),
    _call(
        "lstm", "tf2", "LSTM(64) on (2, 80, 100)", **{"output": [2, 64], "every step": [2, 80, 64], "stacked": [2, 64]}
    ),
    _call("gru_cell_loop", "tf2", "GRUCell(64) over (2, 80, 100)", output=[2, 64]),
    _call("lstm_numpy", "tf2", "NumPy LSTM on the kernel of a trained LSTM(16)", equal=True),
    _call(
        "rnn_weights",
        "pytorch",
        "nn.RNN(100, 20)",
        names=_NAMES,
        **dict(zip(_NAMES, ([20, 100], [20, 20], [20], [20]), strict=True)),
    ),
    _call("rnn", "pytorch", "nn.RNN(100, 20) on (10, 3, 100)", out=[10, 3, 20], h=[1, 3, 20]),
    _call("rnn_four_layers", "pytorch", "nn.RNN(100, 20, num_layers=4) on (10, 3, 100)", h=[4, 3, 20]),
    _call("rnn_cell", "pytorch", "nn.RNNCell(100, 20) over (10, 3, 100)", h=[3, 20]),
    _call("rnn_cells_stacked", "pytorch", "nn.RNNCell(20, 15) on nn.RNNCell(100, 20)", h=[3, 15]),
    Call(
        "lstm_saved",
        {
            "tf2": "model.save, keras.saving.load_model: predictions before and after",
            "pytorch": "torch.save(state_dict), torch.load(weights_only=True): predictions before and after",
        },
        {"equal": True},
    ),
)


class Published(NamedTuple):
    """A figure of another source, to hold results against."""

    source: str
    settings: str
    figure: str


PUBLISHED = (
    Published(
        "cross-framework GRU table, one run each",
        "IMDB, 30,000 words, 150 tokens, 100 units, 3 epochs",
        "test accuracy: PyTorch 0.8623, TensorFlow 0.8599, Keras on TensorFlow 0.8550",
    ),
    Published(
        "Reimers & Gurevych (2017)",
        "50,000 trainings of LSTMs",
        "the seed alone moves results by about 1 point",
    ),
)
