"""What this twin offers; imports no framework."""

from experiments.protocol import Absent, Native, Support, Written
from experiments.spec import ExperimentSpec, NetworkSpec
from experiments.twins import FRAMEWORKS

HOME = FRAMEWORKS["pytorch"].owner

STOCK = {"simple_rnn": "RNN", "lstm": "LSTM", "gru": "GRU", "lstm_projection": "LSTM"}
#: Cells whose gradient is written by hand, for ``tuned``; any other is tuned as ``scratch``.
BY_HAND = ("simple_rnn", "lstm", "gru", "minimal", "gru_reset_before")
BY_HAND += ("lstm_peephole", "lstm_projection", "lstm_coupled")


def stock_layer(network: NetworkSpec, form: str) -> str | None:
    """Name PyTorch's layer for the cell, None where PyTorch has none: nn.LSTM projects, nn.LSTMCell does not."""
    if network.cell_clip is not None or network.projection_clip is not None:
        return None
    return None if network.projection_size and form != "layer" else STOCK.get(network.cell)


def has_fused_layer(spec: ExperimentSpec, device: str = "cpu") -> bool:
    """Tell whether one kernel runs the layer, and no packed sequence: oneDNN's the plain LSTM, cuDNN's each of nn's."""
    network = spec.network
    stock = stock_layer(network, "layer") is not None and (network.projection_size or 0) < min(network.units)
    return stock and not spec.task.masked and (network.cell == "lstm" or device == "cuda")


def stock_dropout(spec: ExperimentSpec) -> float:
    """Return the rate that PyTorch's own dropout applies: 0 under imposed conventions, which pass masks instead."""
    return 0.0 if spec.conventions.imposed else spec.network.dropout


def fuses_update(spec: ExperimentSpec) -> bool:
    """Tell whether one kernel does the update: PyTorch has all but RMSprop's; imposed conventions run our optimiser."""
    training = spec.training
    return spec.network.form == "tuned" and training.optimiser != "rmsprop" and not spec.conventions.imposed


def supports(spec: ExperimentSpec) -> Support:
    """Tell whether PyTorch has the form, we wrote it, or it is absent, and why."""
    if spec.inexpressible:
        return Absent(spec.inexpressible)
    form, cell = spec.network.form, spec.network.cell
    name = stock_layer(spec.network, form)
    if name is None and form in ("layer", "unrolled"):
        if form == "unrolled" and spec.network.projection_size:
            return Absent("torch.lstm_cell takes no projection")
        return Absent(f"torch.nn.{STOCK[cell]} clips nothing" if cell in STOCK else f"torch.nn has no {cell} layer")
    if form == "layer" and (spec.network.projection_size or 0) >= min(spec.network.units):
        return Absent("torch.nn.LSTM projects only to fewer than its units")
    fused = form == "tuned" and has_fused_layer(spec)
    by_hand = form == "tuned" and not fused and cell in BY_HAND
    if spec.training.execution == "compiled" and by_hand:
        return Absent("torch.compile is not tried on a gradient written by hand")
    if spec.training.execution == "compiled" and (form == "layer" or fused):
        return Absent(f"torch.compile breaks the graph at torch.nn.{name}: nothing would be compiled")
    fused_on_gpu = spec.training.device == "auto" and has_fused_layer(spec, "cuda")
    on_gpu = f"; on a GPU torch.nn.{stock_layer(spec.network, 'layer')}" if fused_on_gpu else ""
    update = f", and PyTorch's fused {spec.training.optimiser} update" * fuses_update(spec)
    loop = "bare parameters and matrix products"
    return {
        "cell_loop": Native(f"torch.nn.{name}Cell") if name else Written("our cell in a loop"),
        "layer": Native(f"torch.nn.{name}{'(proj_size)' if spec.network.projection_size else ''}"),
        "unrolled": Written(f"the weights of torch.nn.{name}, stepped by its functional cell"),
        "wrapped": Written("our cell in our sequence wrapper"),
        "scratch": Written(loop),
        "tuned": Native("torch.nn.LSTM(batch_first=False)" + update)
        if fused
        else Written(f"{'backpropagation through time by hand' if by_hand else loop}{on_gpu}{update}"),
    }[form]
