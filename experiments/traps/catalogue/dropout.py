"""Traps of dropout: where it acts, for how long a mask lasts, and when it is off."""

from experiments.traps import cases
from experiments.traps.trap import Trap

SPREAD = "the spread of the last output over 4,000 masks, averaged over the units"
SAMPLED = 0.03  # 4,000 masks in each framework's own random numbers leave about 1 %

TRAPS = (
    Trap(
        "dropout",
        "dropout_argument",
        "What dropout= means in two layers",
        "Keras drops every layer's input with one mask for all time steps, PyTorch what goes from one layer to the "
        "next, with a fresh mask at every step.",
        SPREAD,
        cases.copies_two_layers,
        ("pytorch/pytorch#5985", "keras-team/keras#19993"),
        tolerance=SAMPLED,
    ),
    Trap(
        "dropout",
        "dropout_one_layer",
        "dropout= of one layer",
        "nn.LSTM(num_layers=1, dropout=0.5) drops nothing: it warns once, and every mask gives the same output.",
        SPREAD,
        cases.copies,
        ("pytorch/pytorch#5985",),
        tolerance=SAMPLED,
    ),
    Trap(
        "dropout",
        "recurrent_dropout",
        "recurrent_dropout",
        "PyTorch's layers cannot drop the state that goes from step to step; dropping inputs or outputs is another "
        "thing. Keras draws one mask for each gate, loops written by hand one for all.",
        SPREAD,
        cases.copies,
        ("tensorflow/tensorflow#35724", "keras-team/keras#20656", "pytorch/pytorch#15987"),
        tolerance=SAMPLED,
    ),
    Trap(
        "dropout",
        "cached_mask",
        "A loop over Keras's cells keeps its mask",
        "A Keras cell draws its dropout mask once and keeps it until reset_dropout_mask() is called: in a loop by hand "
        "every batch has the same mask.",
        "the mean difference between the last outputs of two passes in training",
        cases.copies,
        ("tensorflow/tensorflow#29391", "tensorflow/tensorflow#32543"),
        tolerance=SAMPLED,
        harmless={"pytorch": "PyTorch's cells have no dropout of their own: a mask is drawn where it is used."},
    ),
    Trap(
        "dropout",
        "evaluation_mode",
        "Evaluation mode is forgotten",
        "Keras predicts unless told that it trains; a PyTorch model stays in training mode until eval() is called, and "
        "dropout acts on its predictions.",
        "the predictions",
        cases.two_layers,
        ("ipolharvard/ethos-ares#20",),
        harmless={"tf2": "A call outside fit predicts."},
    ),
)
