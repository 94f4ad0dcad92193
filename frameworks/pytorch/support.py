"""What this twin offers, known without importing its framework."""

from experiments.protocol import Absent, Native, Support, Written
from experiments.spec import ExperimentSpec, NetworkSpec
from experiments.twins import FRAMEWORKS

HOME = FRAMEWORKS["pytorch"].owner

STOCK = {"simple_rnn": "RNN", "lstm": "LSTM", "gru": "GRU", "lstm_projection": "LSTM"}


def stock(network: NetworkSpec, form: str) -> str | None:
    """The name of PyTorch's own layer for the cell; None where it has none. nn.LSTM projects, its cell does not."""
    if network.cell_clip is not None or network.projection_clip is not None:
        return None
    return None if network.projection_size and form != "layer" else STOCK.get(network.cell)


def fused(network: NetworkSpec) -> bool:
    """Whether oneDNN has the cell in one kernel: the plain LSTM alone."""
    return network.cell == "lstm" and stock(network, "layer") is not None


def fuses_update(spec: ExperimentSpec) -> bool:
    """Whether the optimiser's update is one kernel: PyTorch fuses every one but RMSprop, and only when told."""
    return spec.network.form == "tuned" and spec.training.optimiser != "rmsprop" and not spec.conventions.imposed


def supports(spec: ExperimentSpec) -> Support:
    """Whether the form is PyTorch's own, written by us, or absent."""
    if spec.inexpressible:
        return Absent(spec.inexpressible)
    form, cell = spec.network.form, spec.network.cell
    name = stock(spec.network, form)
    if name is None and form in ("layer", "unrolled"):
        if form == "unrolled" and spec.network.projection_size:
            return Absent("torch.lstm_cell takes no projection")
        return Absent(f"torch.nn.{STOCK[cell]} clips nothing" if cell in STOCK else f"torch.nn has no {cell} layer")
    if form == "layer" and (spec.network.projection_size or 0) >= min(spec.network.units):
        return Absent("torch.nn.LSTM projects only to fewer than its units")
    if spec.training.execution == "compiled" and form in ("layer", "tuned"):
        return Absent(f"torch.compile breaks the graph at torch.nn.{name}: nothing would be compiled")
    update = f", and PyTorch's fused {spec.training.optimiser} update" * fuses_update(spec)
    return {
        "cell_loop": Native(f"torch.nn.{name}Cell") if name else Written("own cell, looped over by hand"),
        "layer": Native(f"torch.nn.{name}{'(proj_size)' if spec.network.projection_size else ''}"),
        "unrolled": Written(f"the weights of torch.nn.{name}, one functional step after the other"),
        "wrapped": Written("own cell in an own sequence wrapper"),
        "scratch": Written("bare parameters and matrix products"),
        "tuned": Native("torch.nn.LSTM(batch_first=False)" + update)
        if fused(spec.network)
        else Written("scratch, time first" + update),
    }[form]
