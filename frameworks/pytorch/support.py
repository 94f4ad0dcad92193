"""What this twin offers, known without importing its framework."""

from experiments.protocol import Absent, Native, Support, Written
from experiments.spec import ExperimentSpec

HOME = "pytorch"
PACKAGES = ("torch",)

STOCK = {"simple_rnn": "RNN", "lstm": "LSTM", "gru": "GRU"}


def supports(spec: ExperimentSpec) -> Support:
    """Whether the form is PyTorch's own, written by us, or cannot be had."""
    if spec.moot_override:
        return Absent(spec.moot_override)
    stock = STOCK.get(spec.network.cell)
    if stock is None and spec.network.form in ("layer", "unrolled"):
        return Absent(f"torch.nn has no layer for the {spec.network.cell} cell")
    return {
        "cell_loop": Native(f"torch.nn.{stock}Cell") if stock else Written("own cell, looped over by hand"),
        "layer": Native(f"torch.nn.{stock}"),
        "unrolled": Written(f"the weights of torch.nn.{stock}, one functional step after the other"),
        "wrapped": Written("own cell in an own sequence wrapper"),
        "scratch": Written("bare parameters and matrix products"),
    }[spec.network.form]
