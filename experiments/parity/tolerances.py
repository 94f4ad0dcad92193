"""The one table of tolerances: how far two frameworks' numbers may differ on each rung of the parity ladder."""

from typing import NamedTuple


class Tolerance(NamedTuple):
    """Two numbers agree where |a − b| ≤ atol + rtol·|b|, as ``numpy.isclose`` has it."""

    rtol: float
    atol: float


#: One pass or one step, on rungs 1 to 3 and in every test. The atol is for numbers near 0.
CLOSE = {"float64": Tolerance(1e-10, 1e-13), "float32": Tolerance(1e-5, 1e-6)}
#: Weights after one step of Adam, RMSprop or Adagrad, on rung 3. All divide a gradient by its own size, and so turn the
#: rounding of one that is as small as float32's rounding into a step: at a rate of 1e-2 RMSprop parts by more than
#: 1e-5 in 37 pairs, at the ladder's 1e-3 by 9e-7.
ADAPTIVE = {"float64": CLOSE["float64"], "float32": Tolerance(1e-5, 1e-4)}
#: Each of 200 losses, on rung 4. In float32 training amplifies rounding: 8e-6 was seen, and 1e-3 leaves room for other
#: processors' rounding, while a loss falls by more than that in a single step.
TRAINED = {"float64": Tolerance(1e-10, 0.0), "float32": Tolerance(1e-3, 0.0)}
#: A gradient against central differences of the loss, in float64.
FINITE_DIFFERENCES = 1e-6


def tolerance(rung: int, dtype: str, name: str = "") -> Tolerance:
    """How far two may part on a rung in the numbers called ``name``; on rung 0 not at all."""
    if rung == 0:
        return Tolerance(0.0, 0.0)
    if rung == 3 and not name.startswith("sgd"):
        return ADAPTIVE[dtype]
    return (TRAINED if rung == 4 else CLOSE)[dtype]
