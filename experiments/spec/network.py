"""The network: which cell, run how, in how many layers, with what before and after it."""

from typing import Annotated, Literal, Self

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from experiments.cells import CELLS
from experiments.frozen import Frozen

Form = Literal["cell_loop", "layer", "unrolled", "wrapped", "scratch", "tuned"]


class NetworkSpec(Frozen):
    """encoder → recurrent stack → head.

    Tokens are encoded by an ``embedding``; or as ``one_hot`` vectors, which are multiplied by the same table (the
    result is the same) or, without an ``embedding_size``, go in directly; or as a ``bag``, the mean of the words' rows,
    one step long: the baseline without order. Values need no encoder. The head is ``linear``, or an ``mlp``: Dense 32 →
    Dropout 0.5 → ReLU → Dense. ``projection_size`` is the output size of ``lstm_projection`` (Sak et al. 2014);
    ``cell_clip`` bounds an LSTM's c′ and ``projection_clip`` the projected h′; ``forget_bias`` is the initial bias of
    an LSTM's forget gate, in place of the conventions'.
    """

    cell: Literal[tuple(CELLS)]
    form: Form
    units: Annotated[tuple[PositiveInt, ...], Field(min_length=1, max_length=4)]
    bidirectional: bool = False
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    encoder: Literal["embedding", "one_hot", "bag"] | None = None
    embedding_size: PositiveInt | None = None
    head: Literal["linear", "mlp"] = "linear"
    projection_size: PositiveInt | None = None
    cell_clip: PositiveFloat | None = None
    projection_clip: PositiveFloat | None = None
    forget_bias: float | None = None

    @model_validator(mode="after")
    def _fields_belong_to_the_cell(self) -> Self:
        cell = CELLS[self.cell]
        projects, is_lstm = cell.has_projection, "c" in cell.states
        if projects != (self.projection_size is not None):
            raise ValueError(
                f"projection_size: cell {self.cell} allows {'a whole number from 1' if projects else 'none'}"
            )
        for field, allowed in {
            "projection_clip": projects,
            "cell_clip": is_lstm,
            "forget_bias": "f" in cell.gates,
        }.items():
            if getattr(self, field) is not None and not allowed:
                raise ValueError(f"{field}: cell {self.cell} has nothing for it to act on; allowed: none")
        return self

    @property
    def outputs(self) -> tuple[int, ...]:
        """The size of each layer's output; two directions' outputs are concatenated."""
        directions = 2 if self.bidirectional else 1
        return tuple((self.projection_size or units) * directions for units in self.units)

    @property
    def directions(self) -> tuple[str, ...]:
        """The directions each layer is run in."""
        return ("forward", "backward") if self.bidirectional else ("forward",)
