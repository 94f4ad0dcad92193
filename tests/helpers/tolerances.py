"""Every tolerance of the suite; they are the ladder's own, so that there is one table."""

from experiments.parity.tolerances import CLOSE, FINITE_DIFFERENCES, TRAINED

FIFTY_STEPS = TRAINED["float64"].rtol

__all__ = ["CLOSE", "FIFTY_STEPS", "FINITE_DIFFERENCES"]
