"""The table of cells: gates, states, biases, weights and the matrix products of one step.

Sizes are letters: I inputs, U units, O the size of the output h (the projection's where there is one, else U), G gates.
The equations of a step stand in each twin's ``cells.py``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from experiments.conventions import Owner

Sizes = Mapping[str, int]  # letter -> number

#: Weights that every cell has.
KERNELS = {"kernel": "IGU", "recurrent_kernel": "OGU"}
BIASES = ("bias", "recurrent_bias")
BIAS_AXES = "GU"


@dataclass(frozen=True)
class Cell:
    """One cell.

    ``gates``: i, f, o are input, forget and output gate, g the LSTM's candidate (f's bias starts at 1 under Keras's
    conventions); z, r update and reset gate, n the GRU's candidate. ``states``: the output first.
    ``recurrent_products``: for each matrix product that waits for the step before, the sizes it maps from and to, each
    a product of letters.
    """

    gates: tuple[str, ...]
    states: tuple[str, ...] = ("h",)
    least_biases: int = 1  # under Keras's conventions
    most_biases: int = 2  # under PyTorch's
    extra_weights: Mapping[str, str] = field(default_factory=dict)  # kind -> axes, beside kernels and biases
    recurrent_products: tuple[tuple[str, str], ...] = (("O", "GU"),)

    def biases(self, owner: Owner) -> tuple[str, ...]:
        """The names of the bias vectors under ``owner``'s conventions."""
        return BIASES[: self.most_biases if owner == "pytorch" else self.least_biases]

    def weights(self, owner: Owner) -> dict[str, str]:
        """Every kind of weight with its axes, such as ``{"kernel": "IGU", …}``."""
        return KERNELS | dict.fromkeys(self.biases(owner), BIAS_AXES) | self.extra_weights

    @property
    def gates_its_candidate(self) -> bool:
        """Whether the candidate, the last gate, has a product of its own, of a state that another gate has scaled."""
        return self.recurrent_products[1:] == (("O", "U"),)

    @property
    def has_projection(self) -> bool:
        """Whether the output is projected to a size of its own."""
        return "projection" in self.extra_weights


_LSTM = {"gates": ("i", "f", "g", "o"), "states": ("h", "c")}
_GRU = {"gates": ("z", "r", "n")}
CELLS: dict[str, Cell] = {
    "simple_rnn": Cell(("h",)),
    "lstm": Cell(**_LSTM),
    "gru": Cell(**_GRU, least_biases=2),  # reset after the product, whose own bias the reset gate scales
    "minimal": Cell(("h",), least_biases=0, most_biases=0),
    # The candidate's product waits for the reset gate, so z and r have a product of their own.
    "gru_reset_before": Cell(**_GRU, recurrent_products=(("O", "2U"), ("O", "U"))),
    "lstm_peephole": Cell(**_LSTM, extra_weights={"peephole": "3U"}),  # of i, f, o
    "lstm_projection": Cell(**_LSTM, extra_weights={"projection": "UO"}, recurrent_products=(("O", "GU"), ("U", "O"))),
    "lstm_coupled": Cell(gates=("i", "g", "o"), states=("h", "c")),
}

#: The axes of every kind of weight of any cell.
AXES: dict[str, str] = {kind: axes for cell in CELLS.values() for kind, axes in cell.weights("pytorch").items()}


def size(axis: str, sizes: Sizes) -> int:
    """The size that an axis's letter or digit stands for."""
    return int(axis) if axis.isdigit() else sizes[axis]


def shape(axes: str, sizes: Sizes) -> tuple[int, ...]:
    """The shape that axes stand for: ``"IGU"`` -> ``(inputs, gates, units)``."""
    return tuple(size(axis, sizes) for axis in axes)
