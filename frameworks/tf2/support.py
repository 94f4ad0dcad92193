"""What this twin offers, known without importing its framework."""

from experiments.protocol import Absent, Native, Support, Written
from experiments.spec import ExperimentSpec, NetworkSpec
from experiments.twins import FRAMEWORKS

HOME = FRAMEWORKS["tf2"].owner

STOCK = {"simple_rnn": "SimpleRNN", "lstm": "LSTM", "gru": "GRU", "gru_reset_before": "GRU"}
OPTIONS = {"gru": {"reset_after": True}, "gru_reset_before": {"reset_after": False}}


def stock(network: NetworkSpec, form: str) -> str | None:
    """The name of Keras's own layer for the cell; None where it has none. A cell's is the same with ``Cell``."""
    return None if network.cell_clip is not None else STOCK.get(network.cell)


def fuses_adam(spec: ExperimentSpec) -> bool:
    """Whether the update is one kernel: only stock Adam's; under imposed conventions the written optimiser runs."""
    training = spec.training
    plain_adam = training.optimiser == "adam" and training.clip_norm is None
    return spec.network.form == "tuned" and plain_adam and not spec.conventions.imposed


def supports(spec: ExperimentSpec) -> Support:
    """Whether the form is Keras's own, written by us, or absent."""
    if spec.inexpressible:
        return Absent(spec.inexpressible)
    form, cell = spec.network.form, spec.network.cell
    name = stock(spec.network, form)
    if name is None and form in ("layer", "unrolled"):
        return Absent(
            f"keras.layers.{STOCK[cell]} clips nothing" if cell in STOCK else f"keras.layers has no {cell} layer"
        )
    if spec.training.execution == "compiled" and form in ("cell_loop", "unrolled", "scratch", "tuned"):
        return Absent("XLA took over 4 minutes for two unrolled layers of 80 steps; shorter ones are not offered")
    options = "".join(f"{key}={value}" for key, value in OPTIONS.get(cell, {}).items())
    unrolled = ", ".join(filter(None, [options, "unroll=True"]))
    return {
        "cell_loop": Native(f"keras.layers.{name}Cell({options})")
        if name
        else Written("own cell, looped over by hand"),
        "layer": Native(f"keras.layers.{name}({options})"),
        "unrolled": Native(f"keras.layers.{name}({unrolled})"),
        "wrapped": Native("own cell in keras.layers.RNN"),
        "scratch": Written("bare variables and matrix products"),
        "tuned": Written("scratch, time first" + ", and TensorFlow's fused Adam kernel" * fuses_adam(spec)),
    }[form]
