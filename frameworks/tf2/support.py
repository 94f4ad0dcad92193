"""What this twin offers; imports no framework."""

from experiments.protocol import Absent, Native, Support, Written
from experiments.spec import ExperimentSpec, NetworkSpec
from experiments.twins import FRAMEWORKS

HOME = FRAMEWORKS["tf2"].owner

STOCK = {"simple_rnn": "SimpleRNN", "lstm": "LSTM", "gru": "GRU", "gru_reset_before": "GRU"}
#: Cells whose gradient is written by hand, for ``tuned``: TensorFlow's own takes no longer for others, docs/speed.md.
BY_HAND = ("lstm", "gru", "lstm_peephole", "lstm_projection", "lstm_coupled")
OPTIONS = {"gru": {"reset_after": True}, "gru_reset_before": {"reset_after": False}}


def stock_layer(network: NetworkSpec, form: str) -> str | None:
    """Name Keras's layer for the cell, None where Keras has none; its cell is named the same plus ``Cell``."""
    return None if network.cell_clip is not None else STOCK.get(network.cell)


def stock_dropout(spec: ExperimentSpec) -> float:
    """Return the rate that Keras's own dropout applies: 0 under imposed conventions, which pass masks instead."""
    return 0.0 if spec.conventions.imposed else spec.network.dropout


def fuses_update(spec: ExperimentSpec) -> bool:
    """Tell whether one kernel does the update: TensorFlow has Adam's; imposed conventions run our optimiser."""
    training = spec.training
    stock_adam = training.optimiser == "adam" and training.clip_norm is None and not spec.conventions.imposed
    return spec.network.form == "tuned" and stock_adam


def supports(spec: ExperimentSpec) -> Support:
    """Tell whether Keras has the form, we wrote it, or it is absent, and why."""
    if spec.inexpressible:
        return Absent(spec.inexpressible)
    form, cell = spec.network.form, spec.network.cell
    name = stock_layer(spec.network, form)
    if name is None and form in ("layer", "unrolled"):
        return Absent(
            f"keras.layers.{STOCK[cell]} clips nothing" if cell in STOCK else f"keras.layers has no {cell} layer"
        )
    by_hand = form == "tuned" and cell in BY_HAND
    if spec.training.execution == "compiled" and by_hand:
        return Absent("XLA compiles no list without a fixed length, on which this form keeps its steps")
    if spec.training.execution == "compiled" and form in ("cell_loop", "unrolled", "scratch", "tuned"):
        return Absent("XLA took over 4 minutes to compile two unrolled layers of 80 steps; fewer steps are not offered")
    options = "".join(f"{key}={value}" for key, value in OPTIONS.get(cell, {}).items())
    unrolled = ", ".join(filter(None, [options, "unroll=True"]))
    loop, update = "bare variables and matrix products", ", and TensorFlow's fused Adam kernel" * fuses_update(spec)
    return {
        "cell_loop": Native(f"keras.layers.{name}Cell({options})") if name else Written("our cell in a loop"),
        "layer": Native(f"keras.layers.{name}({options})"),
        "unrolled": Native(f"keras.layers.{name}({unrolled})"),
        "wrapped": Native("our cell in keras.layers.RNN"),
        "scratch": Written(loop),
        "tuned": Written(f"{'backpropagation through time by hand' if by_hand else loop}{update}"),
    }[form]
