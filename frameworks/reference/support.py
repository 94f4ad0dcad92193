"""What the reference offers, known without running it."""

from experiments.protocol import Absent, Support, Written
from experiments.spec import ExperimentSpec
from experiments.twins import FRAMEWORKS, REFERENCE

HOME = FRAMEWORKS[REFERENCE].owner


def supports(spec: ExperimentSpec) -> Support:
    """Every cell is written here; the forms are one and the same loop, so only ``scratch`` is offered."""
    if spec.network.form != "scratch":
        return Absent("NumPy has no recurrent layers: the reference is one loop, offered as form scratch")
    if not spec.conventions.imposed:
        return Absent("NumPy has no stock conventions of its own to follow")
    if spec.inexpressible:
        return Absent(spec.inexpressible)
    return Written("forward and hand-written backpropagation through time")
