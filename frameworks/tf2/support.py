"""What this twin offers, known without importing its framework."""

from experiments.protocol import Absent, Native, Support, Written
from experiments.spec import ExperimentSpec

HOME = "keras"
PACKAGES = ("tensorflow", "keras")

STOCK = {"simple_rnn": "SimpleRNN", "lstm": "LSTM", "gru": "GRU"}


def supports(spec: ExperimentSpec) -> Support:
    """Whether the form is Keras's own, written by us, or cannot be had."""
    if spec.moot_override:
        return Absent(spec.moot_override)
    stock = STOCK.get(spec.network.cell)
    if stock is None and spec.network.form in ("layer", "unrolled"):
        return Absent(f"keras.layers has no layer for the {spec.network.cell} cell")
    return {
        "cell_loop": Native(f"keras.layers.{stock}Cell") if stock else Written("own cell, looped over by hand"),
        "layer": Native(f"keras.layers.{stock}"),
        "unrolled": Native(f"keras.layers.{stock}(unroll=True)"),
        "wrapped": Native("own cell in keras.layers.RNN"),
        "scratch": Written("bare variables and matrix products"),
    }[spec.network.form]
