"""What the reference offers; imports no framework."""

from experiments.protocol import Absent, Support, Written
from experiments.spec import ExperimentSpec
from experiments.twins import FRAMEWORKS, REFERENCE

HOME = FRAMEWORKS[REFERENCE].owner


def supports(spec: ExperimentSpec) -> Support:
    """Offer every cell in form ``scratch``: in NumPy all forms would be the same loop."""
    if spec.network.form != "scratch":
        return Absent("NumPy has no recurrent layers: the reference has one loop, offered as form scratch")
    if not spec.conventions.imposed:
        return Absent("NumPy has no conventions: stock means nothing here")
    if spec.inexpressible:
        return Absent(spec.inexpressible)
    return Written("forward and hand-written backpropagation through time")
