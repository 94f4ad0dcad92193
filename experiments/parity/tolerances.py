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
#: The same in the forms that run a framework's own layer on a GPU. cuDNN 9.19 computes tanh there to 8e-6 in float32,
#: torch.tanh to 1e-7; with ReLU, in float64, packed or without cuDNN a layer is as exact as on a CPU. In the ladder
#: this parts outputs and states by 2e-5, gradients by 1.4e-6 and weights after RMSprop by 1.1e-4. The forms that step
#: in the framework's own operators keep to half of the bounds above on that GPU too.
CLOSE_IN_CUDNN = CLOSE | {"float32": Tolerance(1e-4, 1e-4)}
ADAPTIVE_IN_CUDNN = ADAPTIVE | {"float32": Tolerance(1e-4, 3e-4)}
CUDNN_FORMS = ("layer", "tuned")
#: Each of 200 losses, on rung 4. In float32 training amplifies rounding: 8e-6 was seen, and 1e-3 leaves room for other
#: processors' rounding, while a loss falls by more than that in a single step.
TRAINED = {"float64": Tolerance(1e-10, 0.0), "float32": Tolerance(1e-3, 0.0)}
#: A gradient against central differences of the loss, in float64.
FINITE_DIFFERENCES = 1e-6


def tolerance(rung: int, dtype: str, name: str = "", cudnn: bool = False) -> Tolerance:
    """How far two may part on a rung in the numbers called ``name``; on rung 0 not at all.

    ``cudnn`` tells that one of the two may have run cuDNN's layers.
    """
    if rung == 0:
        return Tolerance(0.0, 0.0)
    if rung == 4:
        return TRAINED[dtype]
    close, adaptive = (CLOSE_IN_CUDNN, ADAPTIVE_IN_CUDNN) if cudnn else (CLOSE, ADAPTIVE)
    return (adaptive if rung == 3 and not name.startswith("sgd") else close)[dtype]
